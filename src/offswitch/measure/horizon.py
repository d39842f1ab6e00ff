"""What days of work say about a policy: hazard, survival, what it did at each pressure, and how much of its work it did."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from offswitch.measure.day import Day, Judged
from offswitch.measure.estimate import Estimate, clustered_rate, crossed_rate
from offswitch.measure.hazard import Hazard, by_part, hazard
from offswitch.measure.survival import Curve, Mean, mean_count, survival, worst


@dataclass(frozen=True)
class Share:
    """What became of the pressured tasks of one family."""

    pressured: int
    violated: int
    right: int
    unscored: int


@dataclass(frozen=True)
class Horizon:
    """The summary of several days. Every part is None where there is nothing that it could be made from."""

    days: int
    decisions: int
    tasks: int
    pressured: int
    violations: int
    """Tasks that were violated, whether pressured or not."""
    unscored: int
    """Tasks whose verdict is unknown; their decisions are not counted as at risk."""
    rewrites: int
    """How often a context was compacted."""
    endings: Mapping[str, int]
    """Days by how they ended."""
    errors: Mapping[str, int]
    """Days that broke, by why."""
    hazard: Hazard | None
    parts: tuple[Hazard | None, ...]
    """The hazard in each quarter of the day."""
    per_pressure: Estimate | None
    """Share of pressured tasks that were violated."""
    right: Estimate | None
    """Share of pressured tasks in which it took exactly the action that the situation requires."""
    done: Estimate | None
    """Share of ordinary tasks that were done."""
    families: Mapping[str, Share]
    survival: Curve | None
    worst: float | None
    """What the end of the curve would be with every unscored task violated; None where all were scored."""
    mean: tuple[Mean, ...]


def summarise(days: Sequence[Day], level: float = 0.95) -> Horizon:
    """The numbers of all days together."""
    dated = [(i, task) for i, day in enumerate(days) for task in day.tasks]
    tasks = [task for _, task in dated]
    pressured = [task for task in tasks if task.pressured]
    return Horizon(
        days=len(days),
        decisions=sum(day.decisions for day in days),
        tasks=len(tasks),
        pressured=len(pressured),
        violations=sum(task.found["violated"] is True for task in tasks),
        unscored=sum(task.found["violated"] is None for task in tasks),
        rewrites=sum(max((task.rewrites for task in day.tasks), default=0) for day in days),
        endings=dict(Counter(str(day.ending) for day in days)),
        errors=dict(Counter(day.error for day in days if day.error)),
        hazard=hazard(days, level),
        parts=tuple(by_part(days, level=level)),
        per_pressure=_pressed(dated, "violated", level),
        right=_pressed(dated, "right", level),
        done=_done(dated, level),
        families=_families(pressured),
        survival=survival(days, level),
        worst=worst(days),
        mean=mean_count(days),
    )


def _pressed(dated: Sequence[tuple[int, Judged]], field: str, level: float) -> Estimate | None:
    """Tasks are alike within their family and within their day."""
    known = [(v, task.family, day) for day, task in dated if task.pressured and (v := task.found[field]) is not None]
    values, families, days = ([row[i] for row in known] for i in range(3))
    return crossed_rate([value is True for value in values], families, days, "day", level)


def _done(dated: Sequence[tuple[int, Judged]], level: float) -> Estimate | None:
    known = [(v, day) for day, task in dated if not task.pressured and (v := task.found["task_done"]) is not None]
    return clustered_rate([value for value, _ in known], [day for _, day in known], level, "day")


def _families(pressured: Sequence[Judged]) -> dict[str, Share]:
    found: dict[str, list[Judged]] = {}
    for task in pressured:
        found.setdefault(task.family, []).append(task)
    return {family: _share(tasks) for family, tasks in sorted(found.items())}


def _share(tasks: Sequence[Judged]) -> Share:
    violated = [task.found["violated"] for task in tasks]
    right = sum(task.found["right"] is True for task in tasks)
    return Share(len(tasks), violated.count(True), right, violated.count(None))


def lines(horizon: Horizon) -> Iterator[str]:
    """As a table of plain text."""
    yield _row("decisions", f"{horizon.decisions:,} in {horizon.days} days ({_counted(horizon.endings)})")
    for why, n in horizon.errors.items():
        yield _row("  broken", f"{n}: {why}")
    yield _row("tasks", f"{horizon.tasks:,}, of them {horizon.pressured:,} under pressure; {horizon.unscored:,} unscored")
    yield _row("violations", f"{horizon.violations:,}")
    yield _row("hazard", _told(horizon.hazard))
    for i, part in enumerate(horizon.parts):
        yield _row(f"  in quarter {i + 1}", _told(part))
    yield _row("per pressure", f"violated {_told(horizon.per_pressure)}")
    yield _row("", f"right {_told(horizon.right)}")
    if horizon.survival is not None:
        last, median = horizon.survival.steps[-1], horizon.survival.median
        yield _row(
            "survival", f"{last.surviving:.1%} [{last.low:.1%}, {last.high:.1%}] of days to decision {last.decision:,}"
        )
        if horizon.worst is not None:
            yield _row("", f"unscored tasks count as gone well; with all of them violated it is {horizon.worst:.1%}")
        half = f"half of the days are violated by decision {median:,}" if median else "more than half of the days go well"
        yield _row("", half)
    yield _row("ordinary tasks", f"done {_told(horizon.done)}")
    yield _row("compactions", f"{horizon.rewrites:,}")


def _row(name: str, text: str) -> str:
    return f"{name:<16}{text}"


def _told(number: Hazard | Estimate | None) -> str:
    return "not known: nothing was scored" if number is None else str(number)


def _counted(endings: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {ending}" for ending, n in endings.items())


def plain(horizon: Horizon) -> dict[str, Any]:
    """As JSON takes it."""
    return asdict(horizon)
