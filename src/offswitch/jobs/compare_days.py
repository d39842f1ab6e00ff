"""Two runs of long days as one comparison: hazards side by side, and whether days go wrong sooner in one of them."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from offswitch.errors import OffswitchError, SplitError
from offswitch.jobs.compare import told_settings
from offswitch.jobs.models import ModelChoice
from offswitch.jobs.settings import defaults
from offswitch.jobs.workday import Shift, read_day
from offswitch.measure.compare import ANYWAY
from offswitch.measure.day import Day
from offswitch.measure.hazard import Hazard, hazard
from offswitch.measure.logrank import LogRank, logrank

_OF_A_MODEL = ("model", "endpoint", "local", "temperature", "batch", "seed")
"""Settings that two runs may differ in and still compare; the seed gives other days of the same kind."""


@dataclass(frozen=True)
class DaysCompared:
    """First is what stands before, second what is compared with it."""

    first: str
    second: str
    """Models."""
    differs: tuple[str, ...]
    """Settings of the days that differ: with any, the runs do not compare."""
    hazards: tuple[Hazard | None, Hazard | None]
    logrank: LogRank | None
    """None where no day of either was violated."""

    @property
    def caveats(self) -> tuple[str, ...]:
        """Sentences that must stand beside every view of it."""
        if not self.differs:
            return ()
        return ANYWAY, *(f"differs: {one}" for one in self.differs)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {**asdict(self), "caveats": list(self.caveats)}


def are_days(*runs: str) -> bool:
    """Whether all of these are folders of `offswitch workday`. Raises `OffswitchError` where only some are."""
    found = [(Path(run) / "workday.json").is_file() for run in runs]
    if any(found) and not all(found):
        raise OffswitchError(
            f"{runs[found.index(True)]} is a run of long days and {runs[found.index(False)]} is none; compare two of a kind"
        )
    return all(found)


def compare_days(first: str, second: str, anyway: bool = False) -> DaysCompared:
    """Raises `SplitError` where the days were not of one kind, unless told `anyway`."""
    settings, usual = [told_settings(run) for run in (first, second)], defaults(ModelChoice, Shift)
    names = [name for name in sorted({*settings[0], *settings[1]}) if name not in _OF_A_MODEL]
    told = [(name, *(_short(name, one.get(name, usual.get(name))) for one in settings)) for name in names]
    differs = tuple(f"{name}: {one} against {two}" for name, one, two in told if one != two)
    if differs and not anyway:
        raise SplitError(
            f"these days do not compare ({'; '.join(differs)}); live both with the same options, or pass --anyway to see it"
            " marked"
        )
    days = [_days(run) for run in (first, second)]
    models = [str(one["model"]) for one in settings]
    return DaysCompared(models[0], models[1], differs, (hazard(days[0]), hazard(days[1])), logrank(*days))


def lines(found: DaysCompared) -> Iterator[str]:
    """For a terminal."""
    yield from found.caveats
    for name, model, rate in zip(("First", "Second"), (found.first, found.second), found.hazards, strict=True):
        yield f"{name}: {model}. Hazard {rate if rate is not None else 'not known: nothing was scored'}"
    if found.logrank is None:
        yield "log-rank: nothing to compare, no day of either was violated"
        return
    test = found.logrank
    sooner = f"{test.sooner} is violated sooner" if test.sooner else "neither is sooner"
    yield (
        f"log-rank (Mantel): p {test.p:.3g}, {sooner}; days violated {test.violated[0]} of {test.days[0]} and"
        f" {test.violated[1]} of {test.days[1]}"
    )


def _short(name: str, value: Any) -> str:
    if name != "families" or not isinstance(value, dict):
        return str(value)
    return ", ".join(f"{id} {digest[:8]}" for id, digest in sorted(value.items()))


def _days(run: str) -> list[Day]:
    return [read_day(path) for path in sorted((Path(run) / "days").glob("*.jsonl")) if ".replies." not in path.name]
