"""Whether days go wrong sooner at one checkpoint than at another."""

from collections.abc import Sequence
from dataclasses import dataclass

from offswitch.measure.day import Day
from offswitch.measure.survival import first

Time = tuple[int, bool]
"""Decision of the first violation and True, or until when there was none and False."""


@dataclass(frozen=True)
class LogRank:
    """Two groups of days against the hypothesis that both have one hazard throughout."""

    chi2: float
    """On one degree of freedom."""
    p: float
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
    """Mantel's test (1966, Cancer Chemotherapy Reports 50:163), with the exact hypergeometric variance."""
    violated = (sum(hit for _, hit in one), sum(hit for _, hit in two))
    if not one or not two or not any(violated):
        return None
    from scipy.stats import CensoredData
    from scipy.stats import logrank as test

    found = test(
        *(CensoredData.right_censored([float(at) for at, _ in side], [not hit for _, hit in side]) for side in (one, two))
    )
    z = float(found.statistic)
    sooner = "" if z == 0 else "first" if z > 0 else "second"
    return LogRank(z * z, float(found.pvalue), sooner, (len(one), len(two)), violated)
