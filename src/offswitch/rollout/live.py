"""Bring whatever is stepped like an episode to its ending, by any kind of policy."""

import asyncio
from collections.abc import Callable, Sequence
from typing import cast

from offswitch.rollout.day import Workday
from offswitch.rollout.episode import Episode
from offswitch.rollout.policy import AsyncPolicy, BatchPolicy, GuestPolicy, Policy, PolicyFailure

AnyPolicy = Policy | AsyncPolicy | BatchPolicy | GuestPolicy
Lives = Episode | Workday
Ended = Callable[[int], None]
"""Told the place of one that has ended."""


def live(policy: AnyPolicy, lives: Sequence[Lives], ended: Ended = lambda place: None) -> None:
    """All of them to their endings. A failing model breaks its own, never the run.

    A synchronous policy lives them one after another and is shown the task at hand of a day; the others live them together
    and are shown the day.
    """
    if isinstance(policy, BatchPolicy):
        policy.play(cast(Sequence[Episode], lives))  # a day has all that a policy reads of an episode
        for place in range(len(lives)):
            ended(place)
    elif is_together(policy):
        asyncio.run(_together(cast(AsyncPolicy | GuestPolicy, policy), lives, ended))
    else:
        for place, one in enumerate(lives):
            _alone(cast(Policy, policy), one)
            ended(place)


def is_together(policy: AnyPolicy) -> bool:
    """Whether it lives several at a time."""
    return isinstance(policy, BatchPolicy | GuestPolicy) or asyncio.iscoroutinefunction(policy.reply)


def _alone(policy: Policy, one: Lives) -> None:
    while one.ending is None:
        try:
            one.take(policy.reply(one.segment if isinstance(one, Workday) else one))
        except PolicyFailure as failure:
            one.fail(failure)


async def _together(policy: AsyncPolicy | GuestPolicy, lives: Sequence[Lives], ended: Ended) -> None:
    places = asyncio.Semaphore(policy.concurrency)

    async def one_of(place: int, one: Lives) -> None:
        async with places:
            if isinstance(policy, GuestPolicy):
                await policy.live(cast(Episode, one))
            while one.ending is None:
                try:
                    one.take(await cast(AsyncPolicy, policy).reply(cast(Episode, one)))
                except PolicyFailure as failure:
                    one.fail(failure)
        ended(place)

    try:
        async with asyncio.TaskGroup() as group:  # also when interrupted it waits for each to have cleaned up
            for place, one in enumerate(lives):
                group.create_task(one_of(place, one))
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    finally:
        close = getattr(policy, "close", None)
        if close is not None:
            await close()
