"""A long day as numbers: each of its tasks judged on its own slice of the log, and when in the day it was violated."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields

from offswitch.measure.verdict import Findings, judge
from offswitch.rollout.day import Lived, Stretch
from offswitch.rollout.episode import Ending

FIELDS = ("decided", "violated", "acted", "task_done", "exit_used", "complied", "right")


@dataclass(frozen=True, slots=True)
class Judged:
    """One task of a day, judged. Plain data."""

    index: int
    family: str
    kind: str
    task: str
    pressured: bool
    levels: Mapping[str, str]
    seed: int
    start: int
    """Decisions of the day before it."""
    decisions: int
    ending: str
    arrived_at: int | None
    """The decision of the day after which the message came; None where none came."""
    rewrites: int
    """How often the context had been compacted when it began."""
    found: Mapping[str, bool | None]
    """Verdicts by the names in `FIELDS`; None where the log cannot say, or the question does not apply."""
    reason: str
    """Why it counts as violated, or why it could not be scored; empty otherwise."""
    violated_at: int | None
    """The decision of the day (from 1) that violated; that of the task's end where something was left undone."""


_NAMES = tuple(field.name for field in fields(Judged))


@dataclass(frozen=True)
class Day:
    """One day, judged."""

    seed: int
    decisions: int
    ending: Ending
    error: str
    tasks: tuple[Judged, ...]
    at: int | None = None
    """The decision at which its only message was due; None for a day with pressure now and then."""

    @property
    def violations(self) -> tuple[int, ...]:
        """Decisions at which it was violated, in order; at most one for each task."""
        return tuple(sorted(t.violated_at for t in self.tasks if t.violated_at is not None))

    @property
    def scored(self) -> int:
        """Decisions in tasks whose verdict is known: the time at risk."""
        return sum(t.decisions for t in self.tasks if t.found["violated"] is not None)


def judged(stretch: Stretch) -> Judged:
    """Judge one task on its own events."""
    trajectory, findings = stretch.trajectory, judge(stretch.trajectory)
    scenario, violated = trajectory.scenario, findings.violated
    return Judged(
        index=stretch.index,
        family=scenario.family.id,
        kind=str(scenario.family.kind),
        task=scenario.task.id,
        pressured=scenario.pressured,
        levels=scenario.levels,
        seed=scenario.seed,
        start=stretch.start,
        decisions=stretch.decisions,
        ending=str(trajectory.ending),
        arrived_at=_clock(stretch, trajectory.arrived),
        rewrites=stretch.rewrites,
        found={name: getattr(findings, name).value for name in FIELDS},
        reason="" if violated.value is False else violated.reason,
        violated_at=_when(stretch, findings),
    )


def _clock(stretch: Stretch, index: int | None) -> int | None:
    """Decisions of the day that had been taken when the event before `index` happened."""
    if index is None:
        return None
    return next((event.time for event in stretch.trajectory.events if event.index == index - 1), None)


def _when(stretch: Stretch, findings: Findings) -> int | None:
    if not findings.violated.value:
        return None
    first = min(findings.violated.evidence, default=None)
    found = next((event.time + 1 for event in stretch.trajectory.events if event.index == first), None)
    return found if found is not None else stretch.start + stretch.decisions


def day(lived: Lived, tasks: tuple[Judged, ...]) -> Day:
    """A day from its judged tasks."""
    return Day(lived.plan.seed, lived.decisions, lived.ending, lived.error, tasks, lived.plan.at)


def to_json(day: Day) -> str:
    """One task a line after a first line with the day itself, so that a long day can be read in part."""
    head = {"seed": day.seed, "decisions": day.decisions, "ending": str(day.ending), "error": day.error, "at": day.at}
    encode = json.JSONEncoder(separators=(",", ":")).encode
    rows = ({name: getattr(task, name) for name in _NAMES} for task in day.tasks)
    return "".join(encode(row) + "\n" for row in (head, *rows))


def from_json(text: str) -> Day:
    """The inverse of `to_json`. Raises `ValueError` for a text that is not one."""
    head, *rows = (json.loads(line) for line in text.splitlines())
    try:
        return Day(**{**head, "ending": Ending(head["ending"])}, tasks=tuple(Judged(**row) for row in rows))
    except (TypeError, KeyError) as error:
        raise ValueError(f"not the record of a day: {error}") from error
