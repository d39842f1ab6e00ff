"""Rates too small to count: intervals for means of unbiased values that are mostly zero and sometimes tiny.

Values come from trees (`tree`), one a tree, or from splitting (`splitting`), one a replicate. Their mean is unbiased; its
distribution is skew, so that a normal interval misses upward. Both intervals take it as a scaled Poisson count with the same
mean and variance (gamma interval: Fay and Feuer 1997, Statistics in Medicine 16:791, in the less wide form that takes half of
the next event's weight into the upper end, after the mid-p idea of Fay and Kim 2017, Biometrical Journal 59:1283), and where
nothing was seen, give the exact bound of one unseen event of the smallest weight. `python -m bench.rare` shows how often
they hold.

`tree_rate` knows more of its noise. What no throw had a share in is set aside as sure. Of the rest, two trees after one past
threw once each into the very same strata, so that each stratum tells its own variance: two units a stratum (Cochran 1977,
Sampling Techniques, 5.3), unbiased, and where all is rare just the count of throws that found harm. So two trees that agree
by luck in their sum do not pass for certain.

What no interval from the data alone can see is an event heavier than all that came up, as a rare past that leads to much
harm. Where weights differ eightfold and ten events are expected in all, a nominal 95% holds in 90% of draws, where five are,
in 71%; `events` says how many the data are worth, and below `FEW` every view says that the upper end may be too low.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from offswitch.measure.estimate import Estimate, Interval

FEW = 10.0
"""Independent events below which the upper end is not to be relied on."""
_DUST = 1e-6  # what probabilities of one and the same branch may differ by


@dataclass(frozen=True)
class Drawn:
    """What one tree found."""

    value: float
    """Probability of harm."""
    throws: tuple[int, ...] = ()
    """Strata whose throws found harm; each is `least` of the value."""
    past: str = ""
    """Of what the tree grew after, equal for equal pasts."""


def events(point: float, variance: float) -> float | None:
    """How many equal events an estimate is worth: squared mean over variance. None without variance."""
    return point**2 / variance if variance > 0 else None


def weighted_rate(values: Sequence[Sequence[float]], least: float, method: str, level: float = 0.95) -> Estimate | None:
    """Mean over scenarios of the mean of each scenario's values, for these very scenarios. None without values.

    Where each scenario has two values or more, only their differences within scenarios count as noise; else all do, which
    errs to the wide side. `least` is the weight that one unseen event would at least have had in its value.
    """
    kept = [list(map(float, part)) for part in values if part]
    if not kept:
        return None
    n, point = sum(map(len, kept)), _mean(kept)
    variance = max(variance_of(kept), point * least / n)
    low, high = gamma(point, variance, (max(least, _heaviest(kept)) if point > 0 else least) / n, level)
    return Estimate(min(1.0, point), low, min(1.0, high), level, n, None, method)


def tree_rate(trees: Sequence[Sequence[Drawn]], least: float, method: str, level: float = 0.95) -> Estimate | None:
    """As `weighted_rate`, from the trees of each scenario, grown with `least`. One tree alone speaks of its past only."""
    kept = [part for part in trees if part]
    if not kept:
        return None
    values = [[tree.value for tree in part] for part in kept]
    n, point, variance = sum(map(len, kept)), _mean(values), tree_variance(kept, least)
    sure = [min(tree.value - least * len(tree.throws) for tree in part) for part in kept]
    certain = sum(sure) / len(sure) if len(kept) == 1 or all(len(part) > 1 for part in kept) else 0.0
    rest = point - certain if variance > 0 and point - certain > _DUST * point else 0.0
    apart = [part for part, of in zip(values, kept, strict=True) if len({tree.past for tree in of}) > 1]
    low, high = gamma(rest, variance, (max(least, _heaviest(apart)) if rest > 0 else least) / n, level)
    return Estimate(min(1.0, point), min(1.0, certain + low), min(1.0, certain + high), level, n, None, method)


def tree_variance(trees: Sequence[Sequence[Drawn]], least: float) -> float:
    """Of the mean over scenarios; 0 where no throw found harm and pasts do not differ.

    By strata where all trees of a scenario grew after one past; after several pasts their values' scatter counts, where it is
    larger. With one tree for some scenario, as in `variance_of`, and not below what independent throws would give.
    """
    n, thrown = sum(map(len, trees)), sum(len(tree.throws) for part in trees for tree in part)
    if not all(len(part) > 1 for part in trees):
        shares = sum(sum(len(tree.throws) for tree in part) / len(part) ** 2 for part in trees)
        return max(variance_of([[tree.value for tree in part] for part in trees]), shares * (least / len(trees)) ** 2)
    variance = sum(_of_scenario(part, least) / len(part) for part in trees) / len(trees) ** 2
    return max(variance, (least / n) ** 2) if thrown else variance  # as much as one throw that found harm


def _of_scenario(trees: Sequence[Drawn], least: float) -> float:
    """Of one tree."""
    k = len(trees)
    hits = Counter(stratum for tree in trees for stratum in tree.throws)
    by_strata = least**2 * sum(hit * (k - hit) for hit in hits.values()) / (k * (k - 1))
    if len({tree.past for tree in trees}) == 1:
        return by_strata
    return max(by_strata, _variance([tree.value for tree in trees]))


def variance_of(values: Sequence[Sequence[float]]) -> float:
    """Of the mean over scenarios; see `weighted_rate`."""
    if all(len(part) > 1 for part in values):
        return sum(_variance(part) / len(part) for part in values) / len(values) ** 2
    means = [sum(part) / len(part) for part in values]
    return _variance(means) / len(means) if len(means) > 1 else 0.0


def _heaviest(values: Sequence[Sequence[float]]) -> float:
    """The largest distance of a value from its scenario's mean, or from the mean of all where it stands alone."""
    centres = [sum(part) / len(part) if len(part) > 1 else _mean(values) for part in values]
    return max((abs(value - c) for part, c in zip(values, centres, strict=True) for value in part), default=0.0)


def _mean(values: Sequence[Sequence[float]]) -> float:
    return sum(sum(part) / len(part) for part in values) / len(values)


def _variance(part: Sequence[float]) -> float:
    mean = sum(part) / len(part)
    return sum((value - mean) ** 2 for value in part) / (len(part) - 1)


def gamma(point: float, variance: float, next_event: float, level: float = 0.95) -> Interval:
    """Ends for a weighted sum of rare events; `next_event` is what one more of them would add. See the top."""
    from scipy.stats import gamma as distribution

    tail = (1 - level) / 2
    if point <= 0:
        return Interval(0.0, float(distribution.ppf(1 - tail, 1, scale=next_event)))
    low = float(distribution.ppf(tail, point**2 / variance, scale=variance / point))
    more, wider = point + next_event / 2, variance + next_event**2 / 2
    high = float(distribution.ppf(1 - tail, more**2 / wider, scale=wider / more))
    return Interval(min(low, point, 1.0), max(high, point))
