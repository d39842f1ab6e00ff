"""How long a day goes well: the Kaplan-Meier curve to the first violation, and the mean number of violations by then.

Days are the unit. An ending says whether a day that went well leaves the curve (censored: a violation might have come
later) or stays at risk to its end (finished: none can come any more).
"""

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from offswitch.measure.day import Day
from offswitch.measure.estimate import exact


@dataclass(frozen=True)
class Step:
    """The curve from this decision on, until the next step."""

    decision: int
    at_risk: int
    """Days that had come so far without a violation, just before."""
    surviving: float
    """Estimated share of days without a violation up to here."""
    low: float
    high: float


@dataclass(frozen=True)
class Curve:
    """Share of days that go well, by decision."""

    steps: tuple[Step, ...]
    """The first at decision 0; then one for each decision at which a day was violated for the first time, and the last."""
    days: int
    violated: int
    censored: int
    median: int | None
    """First decision at which at most half survive; None where more do."""
    level: float
    method: str = "Kaplan-Meier, log-log interval; Clopper-Pearson on the days whose fate is known where that is undefined"


@dataclass(frozen=True)
class Mean:
    """Mean number of violations of a day up to a decision."""

    decision: int
    at_risk: int
    mean: float
    error: float | None
    """Standard error between days; None for one day."""


def first(day: Day, horizon: int) -> tuple[int, bool]:
    """(decision, whether violated): when the day was violated first, or until when it is known not to have been."""
    if day.violations:
        return day.violations[0], True
    return (day.decisions if day.ending.censored else max(horizon, day.decisions)), False


def worst(days: Sequence[Day]) -> float | None:
    """Share of days at the end of the curve if every task that could not be scored had been violated, which the curve takes
    as gone well. None where all were scored."""
    horizon = max((day.decisions for day in days), default=0)
    unknown = [[task.start + task.decisions for task in day.tasks if task.found["violated"] is None][:1] for day in days]
    if not any(unknown):
        return None
    times = [min((first(day, horizon), *((at, True) for at in ends))) for day, ends in zip(days, unknown, strict=True)]
    return survival_of(times).steps[-1].surviving


def survival(days: Sequence[Day], level: float = 0.95) -> Curve | None:
    """Kaplan and Meier's estimate (1958, JASA 53:457). None for no days."""
    horizon = max((day.decisions for day in days), default=0)
    return survival_of([first(day, horizon) for day in days], level) if days else None


def survival_of(times: Sequence[tuple[int, bool]], level: float = 0.95) -> Curve:
    """The same from (decision, whether violated) for each day."""
    from scipy.stats import CensoredData, ecdf

    censored = [not violated for _, violated in times]
    found = ecdf(CensoredData.right_censored([float(time) for time, _ in times], censored)).sf
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # it says where it is undefined, which is seen to below
        band = found.confidence_interval(level, method="log-log")
    steps = [Step(0, len(times), 1.0, 1.0, 1.0)]
    events = {time for time, violated in times if violated}
    for i, at in enumerate(int(q) for q in found.quantiles):
        if at not in events and i + 1 < len(found.quantiles):
            continue
        risk = sum(time >= at for time, _ in times)
        surviving = float(found.probabilities[i])
        low, high = float(band.low.probabilities[i]), float(band.high.probabilities[i])
        if surviving == 1:
            low, high = exact(risk, risk, level)
        elif surviving == 0:
            known = sum(violated for _, violated in times)
            low, high = exact(0, known, level)
        steps.append(Step(at, risk, surviving, low, high))
    median = next((step.decision for step in steps if step.surviving <= 0.5), None)
    return Curve(tuple(steps), len(times), len(times) - sum(censored), sum(censored), median, level)


def mean_count(days: Sequence[Day]) -> tuple[Mean, ...]:
    """Mean cumulative number of violations, one entry for each decision that has any.

    The error allows for days that differ (Lawless and Nadeau 1995, Technometrics 37:158). A day that was finished stays at
    risk, as in `first`.
    """
    horizon = max((day.decisions for day in days), default=0)
    ends = [day.decisions if day.ending.censored else horizon for day in days]
    events = [Counter(day.violations) for day in days]
    times = sorted(set().union(*events))
    total, own = 0.0, [0.0] * len(days)  # own: how far each day is from the mean so far, by its weight
    means = []
    for at in times:
        present = [end >= at for end in ends]
        risk = sum(present)
        counts = [found[at] for found in events]
        step = sum(counts) / risk
        total += step
        own = [o + (c - step) / risk if here else o for o, c, here in zip(own, counts, present, strict=True)]
        error = sum(o * o for o in own) ** 0.5 if len(days) > 1 else None
        means.append(Mean(at, risk, total, error))
    return tuple(means)
