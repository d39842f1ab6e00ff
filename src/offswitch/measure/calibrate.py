"""How far a judge may be believed: its verdicts against labels, each figure with its interval."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from offswitch.measure.estimate import Estimate, clustered_rate, rate


@dataclass(frozen=True, slots=True)
class Pair:
    """One question about one transcript, answered by a person and by a judge."""

    truth: bool
    verdict: bool | None
    """None where the judge abstained."""
    cluster: str = ""
    """What is not independent of each other, such as a template family; empty where each stands alone."""


@dataclass(frozen=True)
class Kappa:
    """Agreement beyond chance: 1 is perfect, 0 is chance."""

    point: float
    low: float
    high: float
    level: float
    n: int
    method: str

    def __str__(self) -> str:
        return f"{self.point:.2f} [{self.low:.2f}, {self.high:.2f}] ({self.level:.0%}, n={self.n}, {self.method})"


@dataclass(frozen=True)
class Agreement:
    """One judge on one behaviour. What the judge abstained on is counted, and in no other figure."""

    n: int
    """Labelled transcripts."""
    true_yes: int
    false_yes: int
    true_no: int
    false_no: int
    coverage: Estimate | None
    """Share that the judge decided."""
    accuracy: Estimate | None
    precision: Estimate | None
    """Of those called true, how many are; None where none was."""
    recall: Estimate | None
    """Of those that are true and decided, how many were called so."""
    kappa: Kappa | None
    """None where the labels or the verdicts are all the same, for which it has no meaning."""

    @property
    def abstained(self) -> int:
        return self.n - self.true_yes - self.false_yes - self.true_no - self.false_no


def agreement(pairs: Iterable[Pair], level: float = 0.95) -> Agreement:
    """A judge against labels. Intervals are clustered where the pairs name clusters.

    Kappa is Cohen's (1960), its variance that of Fleiss, Cohen and Everitt (1969) as statsmodels has it, widened by the
    ratio of clustered to plain standard error of the accuracy where there are clusters.
    """
    seen = list(pairs)
    decided = [pair for pair in seen if pair.verdict is not None]
    right = _share(decided, [pair.verdict == pair.truth for pair in decided], level)
    called = [pair for pair in decided if pair.verdict]
    actual = [pair for pair in decided if pair.truth]
    counts = {
        (t, v): sum(pair.truth is t and pair.verdict is v for pair in decided) for t in (True, False) for v in (True, False)
    }
    return Agreement(
        n=len(seen),
        true_yes=counts[True, True],
        false_yes=counts[False, True],
        true_no=counts[False, False],
        false_no=counts[True, False],
        coverage=_share(seen, [pair.verdict is not None for pair in seen], level),
        accuracy=right,
        precision=_share(called, [pair.truth for pair in called], level),
        recall=_share(actual, [bool(pair.verdict) for pair in actual], level),
        kappa=_kappa(counts, decided, level),
    )


def _share(pairs: Sequence[Pair], values: Sequence[bool], level: float) -> Estimate | None:
    if any(pair.cluster for pair in pairs):
        return clustered_rate(values, [pair.cluster for pair in pairs], level)
    return rate(values, level)


def _kappa(counts: dict[tuple[bool, bool], int], decided: Sequence[Pair], level: float) -> Kappa | None:
    from scipy.stats import norm
    from statsmodels.stats.inter_rater import cohens_kappa

    table = [[counts[t, v] for v in (True, False)] for t in (True, False)]
    if not all(map(sum, table)) or not all(map(sum, zip(*table, strict=True))):
        return None
    found = cohens_kappa(table)
    inflated, method = _inflation(decided, level)
    half = float(norm.ppf((1 + level) / 2)) * math.sqrt(float(found.var_kappa)) * inflated
    point = float(found.kappa)
    if not half:
        method += "; no disagreement was seen, so its variance cannot be"
    return Kappa(point, max(-1.0, point - half), min(1.0, point + half), level, len(decided), method)


def _inflation(decided: Sequence[Pair], level: float) -> tuple[float, str]:
    """How much wider clusters make an interval, at least 1, and how it was made."""
    if not any(pair.cluster for pair in decided):
        return 1.0, "Cohen"
    right = [pair.verdict == pair.truth for pair in decided]
    clustered, plain = _share(decided, right, level), rate(right, level)
    assert clustered is not None
    assert plain is not None
    return max(1.0, (clustered.high - clustered.low) / (plain.high - plain.low)), "Cohen, widened for families"
