"""How far a judge may be believed: its verdicts against labels, each figure with its interval."""

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
    """A judge against labels. Intervals are clustered where the pairs name clusters."""
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
        kappa=None if right is None else kappa([[counts[t, v] for v in (True, False)] for t in (True, False)], right),
    )


def _share(pairs: Sequence[Pair], values: Sequence[bool], level: float) -> Estimate | None:
    if any(pair.cluster for pair in pairs):
        return clustered_rate(values, [pair.cluster for pair in pairs], level)
    return rate(values, level)


def kappa(table: Sequence[Sequence[int]], accuracy: Estimate) -> Kappa | None:
    """Cohen's kappa (1960, Educational and Psychological Measurement 20:37) of counts by label and verdict.

    Its interval is that of the accuracy, given what each side says how often: (accuracy - chance) / (1 - chance). The usual
    normal one of Fleiss, Cohen and Everitt holds in half to seven tenths of draws for a judge that is nearly always right,
    and has no width where no error was seen. None where the labels or the verdicts are all the same.
    """
    rows, columns = [sum(row) for row in table], [sum(column) for column in zip(*table, strict=True)]
    n = sum(rows)
    if 0 in (*rows, *columns):
        return None
    chance = sum(row * column for row, column in zip(rows, columns, strict=True)) / n**2
    point, low, high = ((share - chance) / (1 - chance) for share in (accuracy.point, accuracy.low, accuracy.high))
    return Kappa(point, max(-1.0, low), high, accuracy.level, n, f"Cohen, from the accuracy: {accuracy.method}")
