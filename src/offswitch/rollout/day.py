"""A long day: ordinary tasks and rare pressure in one world, one task after another, stepped like a single episode.

Each task is an `Episode` of its own, laid into the day's world. When it ends the user hands over the next; an agent that was
stopped is let go on by its overseer first. Endings of tasks stay what they were; the day has its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from offswitch.rollout.compaction import HINTS, NOTES, USUAL, Budget, Carried, Message, everything, policy, size
from offswitch.rollout.desk import Desks
from offswitch.rollout.episode import Ending, Episode, Trajectory
from offswitch.rollout.ledger import Ledger
from offswitch.rollout.plan import Agenda, Plan
from offswitch.rollout.policy import PolicyFailure, Reply
from offswitch.scenarios.scenario import Scenario

_SAID = {
    Ending.FINISHED: "you finished it",
    Ending.STOPPED: "you were stopped",
    Ending.OUT_OF_STEPS: "left unfinished",
    Ending.BROKEN: "broken off",
}


@dataclass(frozen=True)
class Stretch:
    """One task of the day, as long as it was at hand."""

    index: int
    """From 0."""
    start: int
    """Decisions of the day before it."""
    decisions: int
    trajectory: Trajectory
    """Its own events and messages; the indices of events are those of the day's log."""
    rewrites: int
    """How often the context had been compacted when it began."""


@dataclass(frozen=True)
class Lived:
    """A day that is over."""

    plan: Plan
    decisions: int
    ending: Ending
    error: str


class Workday:
    """The running state, with the protocol of `Episode`: `messages`, `tools`, `take`, `fail`, `ending`, `trajectory`."""

    def __init__(
        self,
        plan: Plan,
        limit: int = 12,
        compaction: str = "window",
        budget: Budget = USUAL,
        closed: Callable[[Stretch], None] = lambda stretch: None,
        kept: Callable[[Reply], None] = lambda reply: None,
    ) -> None:
        """`limit` is for one task; `closed` is told each task that is over, `kept` each reply before it has effects.

        Raises `OffswitchError` for an unknown compaction.
        """
        self.plan, self.limit, self.budget = plan, min(limit, plan.decisions), budget
        self._name, self._compact, self._closed, self._kept = compaction, policy(compaction), closed, kept
        self._agenda, self._ledger = Agenda(plan), Ledger()
        self._desks = self.morning()
        self.world = self._desks.empty()
        self.messages: list[Message] = []
        self.ending: Ending | None = None
        self.error, self.decisions, self.rewrites = "", 0, 0
        self._index, self._start, self._size = -1, 0, 0
        first = self._agenda.next(0)
        if first is None:
            raise ValueError("the plan has no task")
        self._begin(first)

    @property
    def scenario(self) -> Scenario:
        """Of the task at hand."""
        return self.segment.scenario

    @property
    def tools(self) -> Sequence[Mapping[str, Any]]:
        """Of the task at hand."""
        return self.segment.tools

    def take(self, reply: Reply) -> None:
        """One decision, its effects, whatever the office does next, and where a task is over, the next one."""
        if self.ending is not None:
            raise ValueError(f"the day has ended: {self.ending}")
        self._kept(reply)
        before = len(self.messages)
        self.segment.take(reply)
        self.decisions += 1
        self._note(before)
        if self.segment.ending is not None:
            self._close()
        if self._compact is not everything and self.ending is None and not self.budget.holds(len(self.messages), self._size):
            self._shrink()

    def fail(self, error: PolicyFailure) -> None:
        """The model gave no reply; the day ends here, with what was lived."""
        self.segment.fail(error)
        self._end_task()
        self.ending, self.error = Ending.BROKEN, str(error)

    def trajectory(self) -> Lived:
        """How the day went. Raises `ValueError` before its ending."""
        if self.ending is None:
            raise ValueError("the day is still running")
        return Lived(self.plan, self.decisions, self.ending, self.error)

    def morning(self) -> "Desks":
        """What a log of this day is replayed on: `day.morning().empty().replay(day.world.log)`."""
        return Desks({family.id: family for family in (*self.plan.ordinary, *self.plan.pressure)})

    def _begin(self, scenario: Scenario, stopped: str = "") -> None:
        self.segment = Episode(scenario, self.limit)
        system, user = self.segment.messages
        self._desks.lay(self.world, scenario, self.segment.world)
        self.segment.world = self.world
        self._index, self._start, self._first = self._index + 1, self.decisions, len(self.world.log)
        self._rewrites, self._asked = self.rewrites, user["content"]
        if not self.messages:
            self.messages.append({**system, "content": system["content"] + HINTS.get(self._name, "")})
            self._size = size(self.messages)
        self._told: list[Message] = [self.messages[0]]
        self.segment.messages = self.messages
        before = len(self.messages)
        self.messages.append({**user, "content": f"{stopped} {user['content']}".lstrip()})
        self._note(before)

    def _note(self, before: int) -> None:
        """New messages: part of this task's record and of the context's size, with ids that are the day's own."""
        new = self.messages[before:]
        for message in new:
            for call in message.get("tool_calls", ()):
                call["id"] = f"{call['id']}_{self._index}"
            if "tool_call_id" in message:
                message["tool_call_id"] = f"{message['tool_call_id']}_{self._index}"
        self._told += new
        self._size += size(new)

    def _close(self) -> None:
        ending = self._end_task()
        if self.decisions + self.limit > self.plan.decisions:  # a task that is cut short could not be judged
            self.ending = Ending.OUT_OF_STEPS
            return
        following = self._agenda.next(self.decisions)
        if following is None:
            self.ending = Ending.FINISHED
            return
        told = ""
        if ending is Ending.STOPPED:
            slots = following.slots
            told = self.world.act(slots["overseer"], "work_resume", {"agent": slots["agent"]}).result
        self._begin(following, told)

    def _end_task(self) -> Ending:
        segment = self.segment
        assert segment.ending is not None
        events = tuple(self.world.log.since(self._first))
        told = (segment.scenario, events, tuple(self._told), segment.ending, segment.arrived, segment.error)
        done = Trajectory(*told)
        self._ledger.hear(self.world, events)
        self._ledger.close(self._asked, str(segment.ending), _SAID[segment.ending])
        if segment.ending is Ending.STOPPED:
            self._ledger.settle()
        self._closed(Stretch(self._index, self._start, self.decisions - self._start, done, self._rewrites))
        return segment.ending

    def _shrink(self) -> None:
        shorter = self._compact(self.messages, self.budget, Carried(self._ledger.text(), self._notes()))
        self.messages[:] = shorter
        self._size = size(shorter)
        self.rewrites += 1

    def _notes(self) -> str:
        kept = [f"{key}: {note.text}" for key, note in self.world.table("memory").items()]
        return "\n".join([*filter(None, [self.world.table("files").get(NOTES)]), *kept])
