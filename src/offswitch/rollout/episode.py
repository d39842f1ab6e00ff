"""One agent in one world, as a state machine without input or output: give it replies until it has an ending.

Every driver (scripted, batched, asynchronous, Inspect) steps this same object, so they cannot disagree.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from offswitch.rollout.history import begin
from offswitch.rollout.policy import Call, PolicyFailure, Reply, said
from offswitch.scenarios.scenario import Scenario
from offswitch.world.apps import SCHEMAS
from offswitch.world.event import Event


class Stage(Protocol):
    """Where an agent's calls are carried out, in the place of memory: real services whose truth is the episode's world."""

    tools: Sequence[dict[str, Any]]
    """What the agent is offered, in the OpenAI function format."""

    def call(self, call: Call) -> str:
        """Carry out one call; returns what the agent sees. What came of it is in the world's log."""

    def follow(self) -> None:
        """The office has acted: bring what is outside the world to the same state, and log what is seen there."""


class Ending(StrEnum):
    """Why an episode ended."""

    FINISHED = "finished"
    """The agent said that it was done."""
    STOPPED = "stopped"
    """The agent was stopped, or stopped itself."""
    OUT_OF_STEPS = "out of steps"
    """The step limit cut it short."""
    BROKEN = "broken"
    """The model or its server failed; not the agent's conduct."""

    @property
    def censored(self) -> bool:
        """Whether a harm that did not happen might still have happened later (for survival analysis)."""
        return self is not Ending.FINISHED


@dataclass(frozen=True)
class Trajectory:
    """What happened in one episode, complete enough to be judged again without the model."""

    scenario: Scenario
    events: tuple[Event, ...]
    messages: tuple[dict[str, Any], ...]
    ending: Ending
    arrived: int | None
    """Index of the first event after the message arrived; None where none came."""
    error: str = ""
    began: int = 1
    """Index of the message that asks for the task; earlier ones, but for the system prompt, are of the day before it."""


@dataclass
class Episode:
    """The running state. `messages` are in the chat format of OpenAI, with arguments as mappings."""

    scenario: Scenario
    limit: int = 12
    """Agent decisions after which it is cut short."""
    kept: str = "window"
    """What is left of the day before the task, where there is one: a name in `compaction.POLICIES`."""
    messages: list[dict[str, Any]] = field(init=False)
    ending: Ending | None = field(init=False, default=None)
    arrived: int | None = field(init=False, default=None)
    decisions: int = field(init=False, default=0)
    began: int = field(init=False, default=1)
    """Index of the message that asks for the task; between it and the system prompt lies what is kept of the day before."""
    error: str = field(init=False, default="")
    rewrites: int = field(init=False, default=0)
    """How often `messages` were rewritten (a long day compacts them); who keeps what it was shown begins anew then."""
    draw: int = field(init=False, default=0)
    """Which repetition it is: a policy that throws dice throws others for another one."""
    stage: Stage | None = field(init=False, default=None, repr=False, compare=False)
    """Where its calls are carried out; None for the world in memory."""
    memo: object = field(init=False, default=None, repr=False, compare=False)
    """What a policy keeps of it for itself, such as its tokens; forks take it along."""

    def __post_init__(self) -> None:
        opening = self.scenario.open()
        self.agent, self._arrivals = self.scenario.slots["agent"], opening.arrivals
        self.world, self.messages = begin(self.scenario, opening, self.kept)
        self.began = len(self.messages) - 1

    @property
    def tools(self) -> Sequence[dict[str, Any]]:
        """Schemas of the tools, in the OpenAI function format."""
        return self.scenario.kit.schemas if self.stage is None else self.stage.tools

    def take(self, reply: Reply) -> None:
        """One decision of the agent, its effects, and whatever the office does next. Raises `ValueError` after the ending."""
        if self.ending is not None:
            raise ValueError(f"the episode has ended: {self.ending}")
        self.messages.append(said(reply, self.decisions))
        self.decisions += 1
        results = [self._call(call, i) for i, call in enumerate(reply.calls)]
        news = [event.result for event in self.world.tick()]
        self.ending = self._end() if results else Ending.FINISHED
        if self.ending is None:  # an agent that has ended would never see the message
            news += self._arrive()
        if self.stage is not None:
            self.stage.follow()
        if results:
            results[-1]["content"] = "\n".join([results[-1]["content"], *news])
            self.messages += results

    def fail(self, error: PolicyFailure) -> None:
        """The model gave no reply; the episode is data all the same."""
        self.ending, self.error = Ending.BROKEN, str(error)

    def fork(self, draw: int = 0) -> "Episode":
        """An independent copy at this moment: neither side sees the other's later decisions. `ValueError` on a real stage."""
        if self.stage is not None:
            raise ValueError("a real office cannot be forked")
        twin = copy(self)
        twin.world, twin.messages, twin.draw = self.world.fork(), list(self.messages), draw
        return twin

    def onward(self, limit: int, scenario: Scenario | None = None, draw: int = 0) -> "Episode":
        """A fork that goes on where the step limit cut this episode short; one that ended otherwise stays ended.

        `scenario` may be the threat twin: the same past, and from here on the other message. What was due at the cut arrives
        now, so that the fork equals an episode that was never cut.
        """
        twin = self.fork(draw)
        twin.limit = limit
        if scenario is not None:
            twin.scenario, twin._arrivals = scenario, scenario.open().arrivals
        if self.ending is Ending.OUT_OF_STEPS and self.decisions < limit:
            twin.ending = None
            told = twin.messages[-1]
            twin.messages[-1] = {**told, "content": "\n".join([told["content"], *twin._arrive()])}
        return twin

    def _call(self, call: Call, i: int) -> dict[str, Any]:
        if self.stage is not None:
            result = self.stage.call(call)
        else:
            result = self.world.act(self.agent, call.name, call.arguments).result
        id = f"call_{self.decisions - 1}_{i}"
        return {"role": "tool", "tool_call_id": id, "name": call.name, "content": result}

    def _arrive(self) -> list[str]:
        due = [arrival for arrival in self._arrivals if arrival.after == self.decisions]
        news = [self.world.act(a.actor, a.verb, dict(a.arguments)).result for a in due]
        if due and self.arrived is None:
            self.arrived = len(self.world.log)
        return news

    def _end(self) -> Ending | None:
        switch = self.world.table("switches").get(self.agent)
        if self.world.table("stopped") or (switch is not None and switch.thrown):
            return Ending.STOPPED
        if self.world.table("finished"):
            return Ending.FINISHED
        return Ending.OUT_OF_STEPS if self.decisions >= self.limit else None

    def trajectory(self) -> Trajectory:
        """The record. Raises `ValueError` before the ending."""
        if self.ending is None:
            raise ValueError("the episode is still running")
        events = tuple(self.world.log)
        return Trajectory(self.scenario, events, tuple(self.messages), self.ending, self.arrived, self.error, self.began)


def tool_schemas() -> Sequence[dict[str, Any]]:
    """What every episode offers, in the OpenAI function format."""
    return SCHEMAS
