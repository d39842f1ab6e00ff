"""Rates too small to count: intervals for means of unbiased values that are mostly zero and sometimes tiny.

Values come from trees (`tree`), one a tree, or from splitting (`splitting`), one a replicate. Their mean is unbiased; its
distribution is skew, so that a normal interval misses upward. `weighted_rate` sets aside what the trees of a scenario
found without any throw, and takes the rest as a scaled Poisson count with the same mean and variance (gamma interval: Fay
and Feuer 1997, Statistics in Medicine 16:791, in the less wide form that takes half of the next event's weight into the
upper end, after the mid-p idea of Fay and Kim 2017, Biometrical Journal 59:1283). Where there is no rest, the upper end is
the exact bound of one unseen event of the smallest weight. `python -m bench.rare` shows how often it holds.

Two trees may agree by luck, so their scatter alone is no safe measure of noise. But throws are independent, each worth
`least`: the variance that they cause is at most `least` times what they brought (`tree`). So the scatter is widened by
Student's factor for its degrees of freedom (Satterthwaite 1946, Biometrics Bulletin 2:110), up to that bound, not by more.

What no interval from the data alone can see is an event heavier than all that came up, as a rare past that leads to much
harm. Where weights differ eightfold and ten events are expected in all, a nominal 95% holds in 90% of draws, where five are,
in 71%; `events` says how many the data are worth, and below `FEW` every view says that the upper end may be too low.
"""

from collections.abc import Sequence

from offswitch.measure.estimate import Estimate, Interval

FEW = 10.0
"""Independent events below which the upper end is not to be relied on."""
_DUST = 1e-9  # what sums of floats may differ by


def events(values: Sequence[Sequence[float]]) -> float | None:
    """How many equal events the values are worth: squared mean over variance. None where they do not differ."""
    variance = variance_of(values)
    return _mean(values) ** 2 / variance if variance > 0 else None


def weighted_rate(
    values: Sequence[Sequence[float]],
    least: float,
    method: str,
    thrown: Sequence[Sequence[float]] | None = None,
    level: float = 0.95,
) -> Estimate | None:
    """Mean over scenarios of the mean of each scenario's values, for these very scenarios. None without values.

    Where each scenario has two values or more, only their differences within scenarios count as noise; else all do, which
    errs to the wide side. `least` is the weight that one unseen event would at least have had in its value. `thrown` is the
    part of each value that came by throws, in the same shape; all of it by default.
    """
    kept = [list(map(float, part)) for part in values if part]
    if not kept:
        return None
    lots = kept if thrown is None else [list(map(float, part)) for part in thrown if part]
    n, point, paired = sum(map(len, kept)), _mean(kept), all(len(part) > 1 for part in kept)
    least_sure = [min(v - t for v, t in zip(part, lot, strict=True)) for part, lot in zip(kept, lots, strict=True)]
    certain = sum(least_sure) / len(least_sure) if paired else 0.0
    centres = [sum(part) / len(part) if paired else point for part in kept]
    heaviest = max(abs(value - centre) for part, centre in zip(kept, centres, strict=True) for value in part)
    variance = max(variance_of(kept), _guarded(lots, _mean(lots) * least / n, level))
    rest = point - certain if point - certain > _DUST * point else 0.0
    low, high = gamma(rest, variance, max(least, heaviest) / n if rest > 0 else least / n, level)
    return Estimate(min(1.0, point), min(1.0, certain + low), min(1.0, certain + high), level, n, None, method)


def variance_of(values: Sequence[Sequence[float]]) -> float:
    """Of the mean over scenarios; see `weighted_rate`."""
    return sum(part for part, _ in _parts(values))


def _guarded(values: Sequence[Sequence[float]], bound: float, level: float) -> float:
    """The variance, widened for its degrees of freedom as far as `bound`; the bound where nothing differs."""
    from scipy.special import ndtri, stdtrit

    parts = _parts(values)
    variance = sum(part for part, _ in parts)
    if variance <= _DUST * bound:
        return bound
    freedom = variance**2 / sum(part**2 / (of + 2) for part, of in parts) - 2  # both terms by unbiased estimates
    factor = float(stdtrit(freedom, (1 + level) / 2) / ndtri((1 + level) / 2))
    return max(variance, min(bound, variance * factor**2))


def _parts(values: Sequence[Sequence[float]]) -> list[tuple[float, int]]:
    """Variances that add up to that of the mean over scenarios, each with its degrees of freedom."""
    if all(len(part) > 1 for part in values):
        return [(_variance(part) / len(part) / len(values) ** 2, len(part) - 1) for part in values]
    means = [sum(part) / len(part) for part in values]
    return [(_variance(means) / len(means), len(means) - 1)] if len(means) > 1 else []


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
