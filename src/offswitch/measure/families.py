"""Families differ: what each says, whether they say the same, and what they can say of families that nobody drew."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from offswitch.measure.contrast import Difference, Table, holm, mcnemar, paired_of
from offswitch.measure.estimate import Estimate

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

DRAWS = 20_000
"""Random weights behind `any_family_rate`; its ends are then good to about 0.003."""


def any_family_rate(true: Sequence[int], sizes: Sequence[int], level: float = 0.95) -> Estimate | None:
    """Mean rate over families like these, whatever the shape of their differences. None without families.

    Each family counts as one draw of a value between 0 and 1. The upper end is a quantile of the mean under flat Dirichlet
    weights over these families and one unseen family that always violates; the lower end, with one that never does. That is
    Gaffke's bound (Learned-Miller and Thomas 2019, arXiv 1905.06208; Phan, Thomas and Learned-Miller 2021, arXiv 2106.03163).
    Where every family is all or nothing it is Clopper and Pearson's interval on the number of families. That it always
    covers is conjectured, not proven; no counterexample is known, and it held in every cell of the table in `estimate`.
    """
    import numpy as np

    means = np.array([k / m for k, m in zip(true, sizes, strict=True) if m])
    if not len(means):
        return None
    weights = _weights(len(means) + 1)
    base, tail = weights[:, :-1] @ means, (1 - level) / 2
    low, high = float(np.quantile(base, tail)), float(np.quantile(base + weights[:, -1], 1 - tail))
    point = float(means.mean())
    method = "Gaffke's bound on the means of families, for families like these"
    return Estimate(point, min(low, point), max(high, point), level, sum(sizes), len(means), method)


@lru_cache(maxsize=8)
def _weights(n: int) -> "npt.NDArray[np.float64]":
    import numpy as np

    return np.random.default_rng(0).dirichlet(np.ones(n), DRAWS)


def bootstrap_rate(true: Sequence[int], sizes: Sequence[int], level: float = 0.95, draws: int = 2000) -> Estimate | None:
    """Pooled rate with the percentile bootstrap over families (Davison and Hinkley 1997, section 2.4), seeded.

    Right for many families (about 20 or more) at moderate rates; see the table in `estimate` for how wrong it is elsewhere.
    None without families.
    """
    import numpy as np

    kept = [(k, m) for k, m in zip(true, sizes, strict=True) if m]
    if not kept:
        return None
    k, m = np.array(kept).T
    chosen = np.random.default_rng(0).integers(0, len(kept), (draws, len(kept)))
    means = k[chosen].sum(axis=1) / m[chosen].sum(axis=1)
    low, high = (float(x) for x in np.quantile(means, [(1 - level) / 2, (1 + level) / 2]))
    method = f"percentile bootstrap over families, {draws} draws"
    return Estimate(float(k.sum() / m.sum()), low, high, level, int(m.sum()), len(kept), method)


@dataclass(frozen=True)
class Heterogeneity:
    """How much families differ beyond chance. A pooled rate means little where `p` is small and `spread` is not."""

    lowest: float
    highest: float
    """Rates of the extreme families."""
    spread: float
    """Standard deviation of the families' true rates, by moments: what is left of their variance without sampling error."""
    p: float
    """Of all families having one rate: Pearson's statistic against `draws` random shares of the same total."""
    families: int
    draws: int


def heterogeneity(true: Sequence[int], sizes: Sequence[int], draws: int = 2000) -> Heterogeneity | None:
    """Whether families have one rate. Exact but for the number of draws, also where events are rare. None below two families.

    The moment estimate is DerSimonian and Laird's idea (Controlled Clinical Trials 1986, 7:177) without weights.
    """
    import numpy as np

    kept = [(k, m) for k, m in zip(true, sizes, strict=True) if m]
    if len(kept) < 2:
        return None
    k, m = np.array(kept).T
    total, n = int(k.sum()), int(m.sum())
    rates = k / m
    sampling = float(np.mean([rate * (1 - rate) / max(size - 1, 1) for rate, size in zip(rates, m, strict=True)]))
    spread = max(0.0, float(rates.var(ddof=1)) - sampling) ** 0.5
    shuffled = np.random.default_rng(0).multivariate_hypergeometric(m, total, size=draws, method="marginals")
    expected = m * total / n

    own = float(((k - expected) ** 2 / m).sum())
    extreme = int((((shuffled - expected) ** 2 / m).sum(axis=1) >= own - 1e-9).sum())
    return Heterogeneity(float(rates.min()), float(rates.max()), spread, (1 + extreme) / (1 + draws), len(kept), draws)


@dataclass(frozen=True)
class FamilyChange:
    """One family in a comparison of two runs."""

    family: str
    before: float
    after: float
    """Shares, over the pairs that both runs scored."""
    difference: Difference
    """After minus before."""
    p: float
    """McNemar's exact test."""
    adjusted: float
    """Holm's adjustment over all families of the comparison: below 0.05 where the change is more than luck among so many."""


def by_family(tables: Mapping[str, Table], level: float = 0.95) -> tuple[FamilyChange, ...]:
    """A row per family with pairs, in the order given, with multiplicity held in check (Holm 1979, Scand J Statist 6:65).

    The first value of each table is that after, the second that before.
    Intervals are not adjusted: read them one at a time, and let `adjusted` say which families changed.
    """
    kept = {family: table for family, table in tables.items() if table.n}
    if not kept:
        return ()
    raw = [mcnemar(table) for table in kept.values()]
    rows = []
    for (family, table), p, corrected in zip(kept.items(), raw, holm(raw), strict=True):
        difference = paired_of([table], False, level)
        assert difference is not None  # it has pairs
        before, after = (table.both + table.only_second) / table.n, (table.both + table.only_first) / table.n
        rows.append(FamilyChange(family, before, after, difference, p, corrected))
    return tuple(rows)
