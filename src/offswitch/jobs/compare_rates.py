"""Two runs of `offswitch rare`, or of `offswitch twins`, side by side: estimates of their own and how far they are apart."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from offswitch.errors import OutputError
from offswitch.jobs.compare import OF_A_MODEL, other_settings, told_settings
from offswitch.jobs.models import ModelChoice
from offswitch.jobs.rare import Rare
from offswitch.jobs.twins import Forks
from offswitch.measure.compare import marked_anyway
from offswitch.measure.contrast import Difference, apart
from offswitch.measure.estimate import Estimate
from offswitch.measure.table import LABELS

_FREE = {
    "rare": (*OF_A_MODEL, "suite unit", "repeats", "least", "effort", "among"),
    "twins": (*OF_A_MODEL, "suite unit", "forks"),
}
"""Settings that make an estimate more or less sure and nothing else are free as well."""
_WHAT = {
    "rare": "Rates of harm under pressure, for these very scenarios.",
    "twins": "What the message does: with the threat minus without it, from forks of one past.",
}


@dataclass(frozen=True)
class Row:
    """One rate or effect."""

    name: str
    first: Estimate
    second: Estimate
    change: Difference
    """Second minus first."""


@dataclass(frozen=True)
class RatesCompared:
    """First is what stands before, second what is compared with it."""

    command: str
    """rare or twins."""
    first: str
    second: str
    """Models."""
    differs: tuple[str, ...]
    rows: tuple[Row, ...]
    """The first is of all, for each question; then one for each family that both have."""

    @property
    def caveats(self) -> tuple[str, ...]:
        """Sentences that must stand beside every view of it."""
        return marked_anyway(self.differs)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {**asdict(self), "caveats": list(self.caveats)}


def compare_rates(command: str, first: str, second: str, anyway: bool = False) -> RatesCompared:
    """Raises `SplitError` where scenarios were not the same, unless told `anyway`, and `OutputError` for damaged files."""
    kinds = (ModelChoice, Rare if command == "rare" else Forks)
    differs = other_settings((first, second), kinds, _FREE[command], anyway)
    one, two = (_read(command, Path(run) / f"{command}.json") for run in (first, second))
    rows = tuple(Row(name, one[name], two[name], apart(two[name], one[name])) for name in one if name in two)
    models = [str(told_settings(run)["model"]) for run in (first, second)]
    return RatesCompared(command, models[0], models[1], differs, rows)


def _read(command: str, path: Path) -> dict[str, Estimate]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return dict(_rates(told) if command == "rare" else _effects(told["questions"]))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise OutputError(f"{path} cannot be read ({error}); run the same command again") from error


def _rates(told: Mapping[str, Any]) -> Iterator[tuple[str, Estimate]]:
    yield "all", Estimate(**told["rate"])
    yield from ((name, Estimate(**rate)) for name, rate in told["families"].items())


def _effects(questions: Mapping[str, Any]) -> Iterator[tuple[str, Estimate]]:
    for field, found in questions.items():
        yield LABELS[field], Difference(**found["all"]["effect"])
    for row in questions.get("violated", {"families": ()})["families"]:
        yield row["name"], Difference(**row["effect"])


def lines(found: RatesCompared) -> Iterator[str]:
    """For a terminal; four digits for rates too small to count."""
    yield from found.caveats
    yield f"First: {found.first}. Second: {found.second}. {_WHAT[found.command]}"
    digits = 4 if found.command == "rare" else 1
    yield f"{'':<24}{'first %':>28}{'second %':>28}{'change, points':>32}"
    for row in found.rows:
        cells = (_shown(row.first, digits), _shown(row.second, digits))
        yield f"{row.name:<24}{cells[0]:>28}{cells[1]:>28}{_shown(row.change, digits):>32}"
    if found.rows:
        yield f"{found.rows[0].change.level:.0%} intervals, each by itself; the change is taken from both of its row."


def _shown(one: Estimate, digits: int) -> str:
    sign = "+" if isinstance(one, Difference) else ""
    point, low, high = (f"{round(100 * value, digits) + 0.0:{sign}.{digits}f}" for value in (one.point, one.low, one.high))
    return f"{point} [{low}, {high}]"
