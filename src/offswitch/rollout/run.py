"""Drive policies through scenarios: one call for scripted, batched and asynchronous ones."""

import asyncio
from collections.abc import Callable, Sequence

from offswitch.rollout.episode import Episode, Trajectory
from offswitch.rollout.policy import AsyncPolicy, BatchPolicy, Policy, PolicyFailure
from offswitch.scenarios.scenario import Scenario

AnyPolicy = Policy | AsyncPolicy | BatchPolicy
Tick = Callable[[int], None]
"""Called with the number of episodes that have just ended."""


def run(policy: AnyPolicy, scenario: Scenario, limit: int = 12) -> Trajectory:
    """One episode."""
    return run_many(policy, [scenario], limit)[0]


def run_many(
    policy: AnyPolicy, scenarios: Sequence[Scenario], limit: int = 12, tick: Tick = lambda n: None
) -> list[Trajectory]:
    """Many episodes, in the order of `scenarios`. A failing model breaks its episode, never the run."""
    episodes = [Episode(scenario, limit) for scenario in scenarios]
    if isinstance(policy, BatchPolicy):
        policy.play(episodes)
        tick(len(episodes))
    elif asyncio.iscoroutinefunction(policy.reply):
        asyncio.run(_gather(policy, episodes, tick))  # type: ignore[arg-type]  # told apart by the line above
    else:
        for episode in episodes:
            _live(policy, episode)  # type: ignore[arg-type]  # neither batched nor asynchronous
            tick(1)
    return [episode.trajectory() for episode in episodes]


def _live(policy: Policy, episode: Episode) -> None:
    while episode.ending is None:
        try:
            episode.take(policy.reply(episode))
        except PolicyFailure as failure:
            episode.fail(failure)


async def _gather(policy: AsyncPolicy, episodes: Sequence[Episode], tick: Tick) -> None:
    places = asyncio.Semaphore(policy.concurrency)

    async def live(episode: Episode) -> None:
        async with places:
            while episode.ending is None:
                try:
                    episode.take(await policy.reply(episode))
                except PolicyFailure as failure:
                    episode.fail(failure)
        tick(1)

    try:
        await asyncio.gather(*(live(episode) for episode in episodes))
    finally:
        close = getattr(policy, "close", None)
        if close is not None:
            await close()
