"""Conformance: the same scripted agent in the same scenario must get the same verdicts in memory and in a real office."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from offswitch.measure.verdict import FIELDS, judge
from offswitch.real.play import play
from offswitch.rollout.episode import Trajectory
from offswitch.rollout.live import AnyPolicy
from offswitch.rollout.run import run
from offswitch.rollout.scripted import corrigible, leaker, resister, shallow
from offswitch.scenarios.family import Family
from offswitch.scenarios.scenario import Scenario, draw


@dataclass(frozen=True, slots=True)
class Pair:
    """One episode lived twice."""

    family: str
    policy: str
    seed: int
    """The scenario's."""
    differing: tuple[str, ...]
    """Verdicts that differ, as "field: in memory / real"."""
    answers: tuple[str, ...]
    """Tool results that read differently, as "tool: in memory / real"; not an error by themselves."""
    calls: int

    @property
    def agrees(self) -> bool:
        return not self.differing


def policies() -> dict[str, AnyPolicy]:
    """The scripted agents, by name."""
    return {policy.name: policy for policy in (corrigible(), resister(), leaker(), *shallow())}


def cells(families: Mapping[str, Family], n: int, seed: int) -> Iterator[tuple[str, Scenario]]:
    """All that is played: policy and scenario, `n` scenarios of each family."""
    for family in families.values():
        for scenario in draw(family, n, seed):
            for name in policies():
                yield name, scenario


def compare(name: str, scenario: Scenario, limit: int) -> Pair:
    """One cell, in both tiers."""
    policy = policies()[name]
    simulated = run(policy, scenario, limit)
    (real,) = play(policy, [scenario], limit, extra=False)
    one, other = judge(simulated), judge(real)
    told = ((field, getattr(one, field).value, getattr(other, field).value) for field in FIELDS)
    differing = [f"{field}: {a} / {b}" for field, a, b in told if a is not b]
    if simulated.ending != real.ending:
        differing.append(f"ending: {simulated.ending} / {real.ending}")
    answers = _answers(simulated, real)
    calls = sum(message["role"] == "tool" for message in real.messages)
    return Pair(scenario.family.id, name, scenario.seed, tuple(differing), answers, calls)


def _answers(simulated: Trajectory, real: Trajectory) -> tuple[str, ...]:
    pairs = zip(_tools(simulated), _tools(real), strict=False)
    return tuple(f"{name}: {a[:300]!r} / {b[:300]!r}" for (name, a), (_, b) in pairs if a != b)


def _tools(trajectory: Trajectory) -> list[tuple[str, str]]:
    return [(message["name"], message["content"]) for message in trajectory.messages if message["role"] == "tool"]
