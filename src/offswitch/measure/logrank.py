"""Whether days go wrong sooner at one checkpoint than at another."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from offswitch.measure.day import Day
from offswitch.measure.survival import first

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

DRAWS = 9_999
Time = tuple[int, bool]
"""Decision of the first violation and True, or until when there was none and False."""


@dataclass(frozen=True)
class LogRank:
    """Two groups of days against the hypothesis that both have one hazard throughout."""

    chi2: float
    """On one degree of freedom."""
    p: float
    """Of no difference, two-sided: by permutation."""
    sooner: str
    """"first" or "second": the group that was violated more often than expected; empty where neither was."""
    days: tuple[int, int]
    violated: tuple[int, int]


def logrank(before: Sequence[Day], after: Sequence[Day]) -> LogRank | None:
    """Days of two checkpoints. None where either has no days, or no day of either was violated.

    Both are taken as independent samples. Days that share their seed make the test err to the safe side.
    """
    horizon = max((day.decisions for day in [*before, *after]), default=0)
    return logrank_of([first(day, horizon) for day in before], [first(day, horizon) for day in after])


def logrank_of(one: Sequence[Time], two: Sequence[Time]) -> LogRank | None:
    """Mantel's test (1966, Cancer Chemotherapy Reports 50:163), with the exact hypergeometric variance in `chi2`.

    Days are few, and chi-square then calls too much a difference (9% of draws at a nominal 5% with 3 days against 9). So p
    comes from dealing the days out anew to the two groups: all ways where there are at most `DRAWS`, else so many seeded.
    """
    violated = (sum(hit for _, hit in one), sum(hit for _, hit in two))
    if not one or not two or not any(violated):
        return None
    from scipy.stats import CensoredData, permutation_test
    from scipy.stats import logrank as test

    found = test(
        *(CensoredData.right_censored([float(at) for at, _ in side], [not hit for _, hit in side]) for side in (one, two))
    )
    z, scores = float(found.statistic), _scores([*one, *two])
    dealt = permutation_test(
        (scores[: len(one)], scores[len(one) :]), _total, vectorized=True, n_resamples=DRAWS, batch=500, rng=0
    )
    sooner = "" if z == 0 else "first" if z > 0 else "second"
    return LogRank(z * z, float(dealt.pvalue), sooner, (len(one), len(two)), violated)


def _scores(times: Sequence[Time]) -> list[float]:
    """Of each day, whether it was violated less how often it would be expected to be (Nelson and Aalen): they sum to 0."""
    hits, gone = Counter(at for at, hit in times if hit), Counter(at for at, _ in times)
    left, hazard, expected = len(times), 0.0, dict[int, float]()
    for at in sorted(gone):
        hazard += hits[at] / left
        expected[at] = hazard
        left -= gone[at]
    return [hit - expected[at] for at, hit in times]


def _total(one: "Floats", two: "Floats", axis: int) -> "Floats":
    """Violations of the first group, observed less expected."""
    total: Floats = one.sum(axis=axis)
    return total
