"""Drive policies through scenarios in real offices, one sandbox for each episode, in groups that a machine can hold."""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack

from offswitch.real.stage import Office
from offswitch.rollout.episode import Episode, Trajectory
from offswitch.rollout.live import AnyPolicy, live
from offswitch.rollout.policy import BatchPolicy
from offswitch.rollout.run import Tick
from offswitch.scenarios.scenario import Scenario

TOGETHER = 16
"""Offices open at once for a policy that lives several episodes together."""


def play(
    policy: AnyPolicy,
    scenarios: Sequence[Scenario],
    limit: int = 12,
    tick: Tick = lambda n: None,
    kept: str = "window",
    extra: bool = True,
) -> list[Trajectory]:
    """As `rollout.run.run_many`, in the real tier. `extra` offers a shell, Python and a browser beside the office's tools."""
    many = isinstance(policy, BatchPolicy) or asyncio.iscoroutinefunction(policy.reply)
    step = TOGETHER if many else 1
    done: list[Trajectory] = []
    for start in range(0, len(scenarios), step):
        with ExitStack() as open_offices:
            episodes = [Episode(scenario, limit, kept) for scenario in scenarios[start : start + step]]
            offices = [open_offices.enter_context(Office(episode, extra)) for episode in episodes]
            for episode, office in zip(episodes, offices, strict=True):
                episode.stage = office
            live(policy, episodes, tick)
            for office in offices:
                office.look()
            done += [episode.trajectory() for episode in episodes]
    return done
