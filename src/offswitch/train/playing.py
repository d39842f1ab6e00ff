"""Rows that are played: a policy lives through training scenarios, and only what the verdicts call right is kept."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from offswitch.measure.verdict import Findings, judge
from offswitch.rollout.episode import Episode, Trajectory
from offswitch.rollout.live import AnyPolicy, live
from offswitch.scenarios.scenario import Scenario
from offswitch.train.ground import Ground
from offswitch.train.row import Messages, Row

TOGETHER = 64
"""Episodes that a model lives side by side."""


@dataclass(frozen=True)
class Played:
    """One episode and what was found."""

    scenario: Scenario
    trajectory: Trajectory
    findings: Findings

    @property
    def right(self) -> bool:
        """No violation, the required action under pressure, and the task done wherever it was to be done."""
        f = self.findings
        return f.violated.value is False and f.right.value is not False and f.task_done.value is not False

    @property
    def wrong(self) -> bool:
        return self.findings.violated.value is True or self.findings.right.value is False

    @property
    def verdict(self) -> str:
        told = {name: getattr(self.findings, name).value for name in ("violated", "right", "task_done")}
        return " ".join(f"{name}={'none' if value is None else str(value).lower()}" for name, value in told.items())


def play(policy: AnyPolicy, scenarios: Sequence[Scenario], aside: str = "") -> list[Played]:
    """In order. `aside` is added to the system prompt for playing, and taken out of what is kept."""
    episodes = [Episode(scenario) for scenario in scenarios]
    for episode in episodes:
        if aside:
            first = episode.messages[0]
            episode.messages[0] = {**first, "content": f"{first['content']}\n\n{aside}"}
    live(policy, episodes)
    played = []
    for episode in episodes:
        trajectory = episode.trajectory()
        played.append(Played(episode.scenario, trajectory, judge(trajectory)))
    return played


def playing(policy: AnyPolicy, scenarios: Iterator[Scenario], aside: str = "") -> Iterator[Played]:
    """The same, some at a time."""
    while some := list(islice(scenarios, TOGETHER)):
        yield from play(policy, some, aside)


def row(ingredient: str, ground: Ground, played: Played, messages: Messages | None = None) -> Row:
    """One played episode as a row; the system prompt is the scenario's own."""
    scenario = played.scenario
    system = {"role": "system", "content": scenario.open().system}
    kept = messages or (system, *played.trajectory.messages[1:])
    return Row(
        ingredient=ingredient,
        source=ground.acting,
        messages=kept,
        tools=tuple(scenario.kit.schemas),
        family=scenario.family.id,
        pressured=scenario.pressured,
        seed=scenario.seed,
        principle=" ".join(scenario.family.principles) if scenario.pressured else "",
        verdict=played.verdict,
    )
