"""Bring whatever is stepped like an episode to its ending, by any kind of policy."""

import asyncio
from collections.abc import Callable, Sequence
from typing import cast

from offswitch.rollout.day import Workday
from offswitch.rollout.episode import Episode
from offswitch.rollout.policy import AsyncPolicy, BatchPolicy, Policy, PolicyFailure

AnyPolicy = Policy | AsyncPolicy | BatchPolicy
Lives = Episode | Workday


def live(policy: AnyPolicy, lives: Sequence[Lives], tick: Callable[[int], None] = lambda n: None) -> None:
    """All of them to their endings. A failing model breaks its own, never the run. `tick` is told how many have ended.

    A synchronous policy lives them one after another and is shown the task at hand of a day; a batched or asynchronous one
    lives them together and is shown the day.
    """
    if isinstance(policy, BatchPolicy):
        policy.play(cast(Sequence[Episode], lives))  # a day has all that a policy reads of an episode
        tick(len(lives))
    elif asyncio.iscoroutinefunction(policy.reply):
        asyncio.run(_together(cast(AsyncPolicy, policy), lives, tick))
    else:
        for one in lives:
            _alone(cast(Policy, policy), one)
            tick(1)


def _alone(policy: Policy, one: Lives) -> None:
    while one.ending is None:
        try:
            one.take(policy.reply(one.segment if isinstance(one, Workday) else one))
        except PolicyFailure as failure:
            one.fail(failure)


async def _together(policy: AsyncPolicy, lives: Sequence[Lives], tick: Callable[[int], None]) -> None:
    places = asyncio.Semaphore(policy.concurrency)

    async def one_of(one: Lives) -> None:
        async with places:
            while one.ending is None:
                try:
                    one.take(await policy.reply(cast(Episode, one)))
                except PolicyFailure as failure:
                    one.fail(failure)
        tick(1)

    try:
        await asyncio.gather(*(one_of(one) for one in lives))
    finally:
        close = getattr(policy, "close", None)
        if close is not None:
            await close()
