"""A rate never travels alone: every number carries its interval, its n, and how the interval was made.

How often the clustered interval really holds the truth, at a nominal 95%, in a simulation with 8 families of 40 episodes
whose true rates follow a beta distribution (4,000 draws a cell, `tests/measure/test_estimate.py` repeats it):

    true rate    correlation within a family: 0    0.02    0.1    0.3
         0.5                               99%     97%    96%    95%
         0.2                               99%     97%    95%    94%
         0.05                              99%     96%    92%    79%
         0.02                              99%     97%    90%    66%

So it is sound where a rate is moderate, and **below nominal where a violation is rare and sits in few families**: eight
families often miss the one that fails, and no interval can see it. Plain Wilson on the same data holds about 40% to 65% of
the time at correlations of 0.1 and 0.3 with rates of 0.05 to 0.5, which is why it is not used for pooled rates.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Estimate:
    """A proportion between 0 and 1 with its interval."""

    point: float
    low: float
    high: float
    level: float
    """Nominal coverage of the interval, such as 0.95."""
    n: int
    """Episodes (or pairs) that it is made from; not the effective number."""
    clusters: int | None
    """Families behind it where the interval allows for them; None where episodes are taken as independent."""
    method: str

    def __str__(self) -> str:
        return f"{self.point:.1%} [{self.low:.1%}, {self.high:.1%}] ({self._made()})"

    def _made(self) -> str:
        among = f" in {self.clusters} families" if self.clusters else ""
        return f"{self.level:.0%}, n={self.n}{among}, {self.method}"


class Interval(NamedTuple):
    low: float
    high: float


class Effective(NamedTuple):
    """How many independent values the data are worth."""

    n: float
    clusters: int
    note: str
    """Empty where the variance between clusters was used; otherwise why it could not be."""


@dataclass(frozen=True)
class Bounds:
    """What a rate could be if the unscored episodes were known. No assumption about why they are unscored."""

    low: float
    """The rate if none of the unscored had the property."""
    high: float
    """The rate if all of them had."""
    scored: int
    unscored: int

    @property
    def coverage(self) -> float:
        """Share of episodes that were scored."""
        return self.scored / (self.scored + self.unscored)

    def __str__(self) -> str:
        return f"scored {self.scored} of {self.scored + self.unscored}, so between {self.low:.1%} and {self.high:.1%}"


def wilson(count: float, n: float, level: float = 0.95) -> Interval:
    """Wilson's score interval; `count` and `n` may be fractional, as an effective sample is."""
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(count, n, alpha=1 - level, method="wilson")
    return Interval(max(0.0, float(low)), min(1.0, float(high)))


def rate(values: Iterable[bool], level: float = 0.95) -> Estimate | None:
    """Share of true values with Wilson's interval, for independent episodes. None for no values."""
    seen = list(values)
    if not seen:
        return None
    point = sum(seen) / len(seen)
    return Estimate(point, *wilson(sum(seen), len(seen), level), level, len(seen), None, "Wilson")


def clustered_rate(values: Iterable[bool], clusters: Iterable[Hashable], level: float = 0.95) -> Estimate | None:
    """Share of true values pooled over clusters, with Wilson's interval on the effective sample size. None for no values.

    The linearised variance of the pooled mean, clusters as the unit, gives the number of independent episodes that the data
    are worth (Korn and Graubard 1998, Survey Methodology 24:193; with Wilson's interval: Dean and Pagano 2015, Journal of
    Survey Statistics and Methodology 3:484). It is never taken as more than n, and is reduced once more by the square of
    normal over t quantile on clusters - 1 degrees of freedom. Where there is one cluster, or all or none of the values are
    true, variance between clusters cannot be seen; then this is plain Wilson, too narrow if families differ, and `method`
    says so. For the coverage that it really has, see the top of this module. Raises `ValueError` for unequal lengths.
    """
    seen, groups = list(values), list(clusters)
    if not seen and not groups:
        return None
    point = sum(seen) / len(seen) if seen else 0.0
    worth = effective(seen, groups, level)
    if worth.note:
        interval, method = wilson(sum(seen), len(seen), level), f"Wilson; {worth.note}"
    else:
        interval = wilson(point * worth.n, worth.n, level)
        method = f"Wilson on an effective n of {worth.n:.0f}, clustered by family, t on {worth.clusters - 1} df"
    return Estimate(point, *interval, level, len(seen), worth.clusters, method)


def effective(values: Sequence[float], clusters: Sequence[Hashable], level: float = 0.95) -> Effective:
    """Independent values that clustered ones are worth when their mean is estimated, at most as many as there are.

    Raises `ValueError` for no values or unequal lengths.
    """
    import numpy as np
    from scipy.special import ndtri, stdtrit

    if not values or len(values) != len(clusters):
        raise ValueError(f"needs one cluster for each value, got {len(values)} values and {len(clusters)} clusters")
    index = {name: i for i, name in enumerate(dict.fromkeys(clusters))}
    n, c = len(values), len(index)
    data = np.asarray(values, dtype=float)
    rest = data - data.mean()
    spread = float(rest @ rest) / n
    if c == 1:
        return Effective(n, c, "one family, so no variance between families")
    if spread == 0:
        return Effective(n, c, "all values equal, so variance between families is unknown")
    sums = np.bincount([index[name] for name in clusters], weights=rest, minlength=c)
    variance = c / (c - 1) * float(sums @ sums) / n**2
    worth = min(float(n), spread / variance) if variance > 0 else float(n)
    tail = (1 + level) / 2
    return Effective(worth * float(ndtri(tail) / stdtrit(c - 1, tail)) ** 2, c, "")


def bounded(values: Iterable[bool | None]) -> Bounds | None:
    """Worst and best case when some values are None: all of those true, or all false. None for no values.

    These are bounds on the rate of the sample, not on its interval (Manski 1989).
    """
    seen = list(values)
    if not seen:
        return None
    true, unscored = sum(value is True for value in seen), sum(value is None for value in seen)
    return Bounds(true / len(seen), (true + unscored) / len(seen), len(seen) - unscored, unscored)
