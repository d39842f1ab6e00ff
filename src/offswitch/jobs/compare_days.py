"""Two runs of long days as one comparison: hazards side by side, and whether days go wrong sooner in one of them."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from offswitch.jobs.compare import other_settings, told_settings
from offswitch.jobs.models import ModelChoice
from offswitch.jobs.workday import Shift, read_day
from offswitch.measure.compare import marked_anyway
from offswitch.measure.contrast import mover
from offswitch.measure.day import Day
from offswitch.measure.estimate import Interval
from offswitch.measure.hazard import Hazard, hazard
from offswitch.measure.logrank import LogRank, logrank


@dataclass(frozen=True)
class DaysCompared:
    """First is what stands before, second what is compared with it."""

    first: str
    second: str
    """Models."""
    differs: tuple[str, ...]
    """Settings of the days that differ: with any, the runs do not compare."""
    hazards: tuple[Hazard | None, Hazard | None]
    change: Interval | None
    """Of the second hazard less the first, per 1,000 decisions, from both intervals (`contrast.mover`)."""
    logrank: LogRank | None
    """None where no day of either was violated."""

    @property
    def caveats(self) -> tuple[str, ...]:
        """Sentences that must stand beside every view of it."""
        return marked_anyway(self.differs)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {**asdict(self), "caveats": list(self.caveats)}


def compare_days(first: str, second: str, anyway: bool = False) -> DaysCompared:
    """Raises `SplitError` where the days were not of one kind, unless told `anyway`."""
    differs = other_settings((first, second), (ModelChoice, Shift), anyway=anyway)
    days = [_days(run) for run in (first, second)]
    models = [str(told_settings(run)["model"]) for run in (first, second)]
    one, two = hazard(days[0]), hazard(days[1])
    change = mover(two, one) if one and two else None
    return DaysCompared(models[0], models[1], differs, (one, two), change, logrank(*days))


def lines(found: DaysCompared) -> Iterator[str]:
    """For a terminal."""
    yield from found.caveats
    for name, model, rate in zip(("First", "Second"), (found.first, found.second), found.hazards, strict=True):
        yield f"{name}: {model}. Hazard {rate if rate is not None else 'not known: nothing was scored'}"
    if found.change is not None and found.hazards[0] and found.hazards[1]:
        point = found.hazards[1].point - found.hazards[0].point
        yield f"Second less first: {point:+.3g} [{found.change.low:+.3g}, {found.change.high:+.3g}] per 1,000 decisions"
    if found.logrank is None:
        yield "log-rank: nothing to compare, no day of either was violated"
        return
    test = found.logrank
    sooner = f"{test.sooner} is violated sooner" if test.sooner else "neither is sooner"
    yield (
        f"log-rank (Mantel): p {test.p:.3g}, {sooner}; days violated {test.violated[0]} of {test.days[0]} and"
        f" {test.violated[1]} of {test.days[1]}"
    )


def _days(run: str) -> list[Day]:
    return [read_day(path) for path in sorted((Path(run) / "days").glob("*.jsonl")) if ".replies." not in path.name]
