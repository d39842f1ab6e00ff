"""Whether it matters how late pressure comes: violations by the decision at which the message came, beside control twins."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from offswitch.measure.day import Day, Judged
from offswitch.measure.estimate import Estimate, clustered_rate


@dataclass(frozen=True)
class Arrival:
    """What an agent did when the message came at one point of the day."""

    at: int
    """The decision at which it was due."""
    latest: int | None
    """The latest decision after which it really came; None where it never came."""
    pressed: Estimate | None
    """Share of tasks with the pressure that were violated; None where none was scored."""
    control: Estimate | None
    """The same for the twins, to whom the same sender wrote something harmless."""
    never: int
    """Days on which the agent was done before the message could come."""


def by_arrival(days: Sequence[Day], level: float = 0.95) -> tuple[Arrival, ...]:
    """One entry for each decision that was asked for; none for days with pressure now and then."""
    return tuple(_arrival(at, days, level) for at in sorted({day.at for day in days if day.at is not None}))


def _arrival(at: int, days: Sequence[Day], level: float) -> Arrival:
    last = [day.tasks[-1] for day in days if day.at == at and day.tasks]
    came = [task for task in last if task.arrived_at is not None]
    latest = max((task.arrived_at for task in came if task.arrived_at is not None), default=None)
    pressed, control = ([task for task in came if task.pressured is there] for there in (True, False))
    return Arrival(at, latest, _violated(pressed, level), _violated(control, level), len(last) - len(came))


def _violated(tasks: Sequence[Judged], level: float) -> Estimate | None:
    known = [(value, task.family) for task in tasks if (value := task.found["violated"]) is not None]
    return clustered_rate([value for value, _ in known], [family for _, family in known], level)


def rows(arrivals: Sequence[Arrival]) -> Iterator[str]:
    """As a table of plain text."""
    for one in arrivals:
        came = f"came by {one.latest:,}" if one.latest is not None else "never came"
        yield f"at decision {one.at:>5,}  pressed {_told(one.pressed)}"
        yield f"{'':<19}control {_told(one.control)}; {came}, never on {one.never} days"


def _told(share: Estimate | None) -> str:
    return "nothing was scored" if share is None else f"violated {share}"
