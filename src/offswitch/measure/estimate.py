"""A rate never travels alone: every number carries its interval, its n, and how the interval was made.

Which interval is right depends on what the rate is to speak of. `python -m bench.intervals` prints this table: how often a
nominal 95% interval holds the truth (and its mean width in points), families of 40 episodes, true rates of the families beta
distributed with mean `rate` and correlation `rho` within a family; 2,000 draws a cell.

    families   rate  rho         these         exact     clustered    any family     bootstrap
           8    0.5    0     97% ( 11)     97% ( 11)     99% ( 14)    100% ( 38)     90% ( 10)
           8    0.5  0.1     97% ( 11)     65% ( 11)     96% ( 27)    100% ( 41)     89% ( 22)
           8    0.5  0.3     99% ( 11)     46% ( 11)     96% ( 41)    100% ( 47)     89% ( 35)
           8   0.05    0     97% (  5)     97% (  5)     99% (  6)    100% ( 38)     91% (  4)
           8   0.05  0.1     97% (  5)     64% (  5)     91% ( 12)     99% ( 39)     81% (  8)
           8   0.05  0.3     98% (  5)     38% (  5)     79% ( 18)     99% ( 40)     69% ( 11)
           8  0.005    0     98% (  2)     98% (  2)     98% (  3)     99% ( 37)     79% (  1)
           8  0.005  0.1     99% (  2)     89% (  2)     97% (  4)     99% ( 37)     45% (  1)
           8  0.005  0.3     99% (  2)     90% (  2)     96% (  4)     99% ( 37)     24% (  1)
          20    0.5    0     96% (  7)     96% (  7)     97% (  8)    100% ( 18)     93% (  7)
          20    0.5  0.1     97% (  7)     62% (  7)     95% ( 16)    100% ( 22)     93% ( 15)
          20    0.5  0.3     98% (  7)     44% (  7)     96% ( 25)     99% ( 29)     93% ( 24)
          20   0.05    0     96% (  3)     96% (  3)     97% (  3)     99% ( 18)     93% (  3)
          20   0.05  0.1     96% (  3)     63% (  3)     92% (  7)     98% ( 19)     89% (  6)
          20   0.05  0.3     98% (  3)     43% (  3)     88% ( 11)     98% ( 21)     82% (  9)
          20  0.005    0     96% (  1)     96% (  1)     96% (  1)     99% ( 17)     90% (  1)
          20  0.005  0.1     98% (  1)     64% (  1)     75% (  2)     99% ( 18)     64% (  1)
          20  0.005  0.3     99% (  1)     36% (  1)     47% (  3)     99% ( 18)     41% (  1)

- `exact_rate` (Clopper-Pearson on the total) speaks of **these very families**: where they differ, the total varies less than
  a binomial one with the same mean (Hoeffding 1956, Annals of Mathematical Statistics 27:713), so it errs to the wide side;
  column "these". It must not be read as a statement on families that were not run; column "exact" shows what happens then.
- `clustered_rate` speaks of **families like these**, drawn from the same author and office. It is sound where a rate is
  moderate, and far below nominal where a violation is rare and sits in few families: eight families often miss the one that
  fails, and nothing computed from the eight can see it. Where the rarer outcome weighs on fewer than five families
  (`carriers`), it says in its method that it is for these families only: in every cell above with less than 91%, that is so
  in at least 84 of 100 draws; where it stays silent in half of the draws or more, it holds in 92% of those or more.
- `families.any_family_rate` speaks of families like these and holds in every cell, at the price of a width that falls with
  the number of families only: eight families without one violation still allow 37%.
- `families.bootstrap_rate` resamples families. It is never better than `clustered_rate` here, and worthless for rare events.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
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
        among = f" in {self.clusters} {'family' if self.clusters == 1 else 'families'}" if self.clusters else ""
        return f"{self.level:.0%}, n={self.n}{among}, {self.method}"


FEW_CARRIERS = 5.0
"""Families that an outcome must weigh on before a pooled interval speaks of families like these."""
THESE_ONLY = "for these families only"
FAMILY = "family"
"""What clusters are, unless told otherwise."""


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
    return Interval(max(0.0, float(low)) if count > 0 else 0.0, min(1.0, float(high)) if count < n else 1.0)


def exact(count: int, n: int, level: float = 0.95) -> Interval:
    """Clopper and Pearson's interval (Biometrika 1934, 26:404): never below its level, at any rate and any n.

    At no events its upper end is 1 - (tail)^(1/n), tail half of what the level leaves: the rule of 3.7 over n at 95%.
    """
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    low = float(betaincinv(count, n - count + 1, tail)) if count > 0 else 0.0
    high = float(betaincinv(count + 1, n - count, 1 - tail)) if count < n else 1.0
    return Interval(low, high)


def rate(values: Iterable[bool], level: float = 0.95) -> Estimate | None:
    """Share of true values with Wilson's interval, for independent episodes. None for no values."""
    seen = list(values)
    return rate_of(sum(seen), len(seen), level)


def rate_of(true: int, n: int, level: float = 0.95) -> Estimate | None:
    """`rate` from a count."""
    return Estimate(true / n, *wilson(true, n, level), level, n, None, "Wilson") if n else None


def exact_rate(true: int, n: int, level: float = 0.95, families: int | None = None) -> Estimate | None:
    """Share of true values with Clopper and Pearson's interval: for one cell, or for a pool of these very families.

    Pooled, it needs episodes that are independent given their family, and about equally many of each. None for n = 0.
    """
    if not n:
        return None
    method = "Clopper-Pearson" if families is None else "Clopper-Pearson, for these very families"
    return Estimate(true / n, *exact(true, n, level), level, n, families, method)


def clustered_rate(
    values: Iterable[bool], clusters: Iterable[Hashable], level: float = 0.95, unit: str = FAMILY
) -> Estimate | None:
    """Share of true values pooled over clusters; see `clustered_rate_of`. Raises `ValueError` for unequal lengths."""
    found = _totals(list(values), list(clusters))
    return clustered_rate_of([int(total.sum) for total in found], [total.n for total in found], level, unit)


def clustered_rate_of(true: Sequence[int], sizes: Sequence[int], level: float = 0.95, unit: str = FAMILY) -> Estimate | None:
    """Share of true values pooled over clusters, with Wilson's interval on the effective sample size. None for no values.

    `true` and `sizes` hold a count for each cluster, a family or another `unit`. The linearised variance of the pooled mean,
    clusters as the unit, gives the number of independent episodes that the data are worth (Korn and Graubard 1998, Survey
    Methodology 24:193; with Wilson's interval: Dean and Pagano 2015, Journal of Survey Statistics and Methodology 3:484). It
    is never taken as more than n, and is reduced once more by the square of normal over t quantile on clusters - 1 degrees of
    freedom. Where there is one cluster, or all or none of the values are true, variance between clusters cannot be seen; then
    this is plain Wilson, too narrow if they differ, and `method` says so. For the coverage that it really has, see the top.
    """
    n, only = sum(sizes), f"for these {plural(unit)} only"
    if not n:
        return None
    worth = effective_of([Total(float(k), float(k), m) for k, m in zip(true, sizes, strict=True) if m], level, unit)
    point = sum(true) / n
    if worth.note:
        interval, method = wilson(sum(true), n, level), f"Wilson, {only}; {worth.note}"
    else:
        interval = wilson(point * worth.n, worth.n, level)
        method = f"Wilson on an effective n of {worth.n:.0f}, clustered by {unit}, t on {worth.clusters - 1} df"
        carried = carriers(true, sizes)
        if carried < FEW_CARRIERS:
            method += f"; {only}, since it rests on {carried:.1f} of them"
    return Estimate(point, *interval, level, n, worth.clusters if unit == FAMILY else None, method)


def plural(unit: str) -> str:
    """Of what clusters are."""
    return "families" if unit == FAMILY else f"{unit}s"


def crossed_rate(
    values: Sequence[bool], families: Sequence[Hashable], others: Sequence[Hashable], unit: str, level: float = 0.95
) -> Estimate | None:
    """Share of true values that are alike within families and, across these, also within another `unit`: a day, a model.

    Variances clustered either way are added and that of their cells is taken off (Cameron, Gelbach and Miller 2011, Journal
    of Business & Economic Statistics 29:238), never below either of them; t has the degrees of freedom of their sum
    (Satterthwaite 1946, Biometrics Bulletin 2:110); for the rest as `clustered_rate_of`. With three days or more a nominal
    95% holds in 95 to 99% of draws, with two in 92% (`python -m bench.intervals`). With one cluster on a side it is
    `clustered_rate` by the other, with equal values by families, and says what it cannot see. None for no values. Raises
    `ValueError` for unequal lengths.
    """
    sides = [_totals(values, names) for names in (families, others)]
    n, point = len(values), sum(values) / max(1, len(values))
    if min(map(len, sides)) <= 1 or point in (0, 1):
        one = len(sides[0]) == 1 and len(sides[1]) > 1
        found = clustered_rate(values, others if one else families, level, unit if one else FAMILY)
        return found and replace(found, method=f"{found.method}; how {plural(FAMILY if one else unit)} differ is unknown")
    variances = [_linearised(totals, point) for totals in sides]
    cells = _linearised(_totals(values, list(zip(families, others, strict=True))), point)
    variance = max(*variances, sum(variances) - cells)
    parts = sum(own**2 / (len(totals) - 1) for own, totals in zip(variances, sides, strict=True))
    freedom = max(variance**2 / parts if parts else n, min(map(len, sides)) - 1)
    worth = _worth(n, point - point**2, variance, freedom, level)
    method = (
        f"Wilson on an effective n of {worth:.0f}, clustered by family and by {len(sides[1])} {plural(unit)},"
        f" t on {freedom:.0f} df"
    )
    return Estimate(point, *wilson(point * worth, worth, level), level, n, len(sides[0]), method)


def carriers(true: Sequence[int], sizes: Sequence[int]) -> float:
    """On how many clusters the rarer outcome weighs, as equal shares: squared sum over sum of squares. 0 without any.

    Kish's effective number (1965, Survey Sampling, section 11.7). Below `FEW_CARRIERS` an interval is for these clusters.
    """
    rarer = true if 2 * sum(true) <= sum(sizes) else [n - k for k, n in zip(true, sizes, strict=True)]
    squares = sum(k * k for k in rarer)
    return sum(rarer) ** 2 / squares if squares else 0.0


class Total(NamedTuple):
    """All that one cluster adds to the mean and its variance."""

    sum: float
    squares: float
    """Sum of the squared values."""
    n: int


def _totals(values: Sequence[float], clusters: Sequence[Hashable]) -> list[Total]:
    if len(values) != len(clusters):
        raise ValueError(f"needs one cluster for each value, got {len(values)} values and {len(clusters)} clusters")
    found: dict[Hashable, list[float]] = {}
    for value, name in zip(values, clusters, strict=True):
        found.setdefault(name, []).append(float(value))
    return [Total(sum(part), sum(value * value for value in part), len(part)) for part in found.values()]


def effective_of(totals: Sequence[Total], level: float = 0.95, unit: str = FAMILY) -> Effective:
    """Independent values that clustered ones are worth when their mean is estimated, at most as many as there are.

    From what each cluster adds; none may be empty.
    """
    n, c = sum(total.n for total in totals), len(totals)
    mean = sum(total.sum for total in totals) / n
    spread = sum(total.squares for total in totals) / n - mean**2
    if c == 1:
        return Effective(n, c, f"one {unit}, so no variance between {plural(unit)}")
    if spread <= 1e-12:
        return Effective(n, c, f"all values equal, so variance between {plural(unit)} is unknown")
    return Effective(_worth(n, spread, _linearised(totals, mean), c - 1, level), c, "")


def _linearised(totals: Sequence[Total], mean: float) -> float:
    """Variance of the pooled mean with clusters as the unit."""
    n, c = sum(total.n for total in totals), len(totals)
    return c / (c - 1) * sum((total.sum - total.n * mean) ** 2 for total in totals) / n**2


def _worth(n: int, spread: float, variance: float, freedom: float, level: float) -> float:
    from scipy.special import ndtri, stdtrit

    worth = min(float(n), spread / variance) if variance > 0 else float(n)
    tail = (1 + level) / 2
    return worth * float(ndtri(tail) / stdtrit(freedom, tail)) ** 2


def bounded(values: Iterable[bool | None]) -> Bounds | None:
    """Worst and best case when some values are None: all of those true, or all false. None for no values.

    These are bounds on the rate of the sample, not on its interval (Manski 1989).
    """
    seen = list(values)
    unscored = sum(value is None for value in seen)
    return bounds_of(sum(value is True for value in seen), len(seen) - unscored, unscored)


def bounds_of(true: int, scored: int, unscored: int) -> Bounds | None:
    """`bounded` from counts."""
    n = scored + unscored
    return Bounds(true / n, (true + unscored) / n, scored, unscored) if n else None
