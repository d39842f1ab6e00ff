"""Drive policies through scenarios in real offices, one sandbox for each episode, in groups that a machine can hold."""

from collections.abc import Sequence
from contextlib import ExitStack

from offswitch.real.stage import Office
from offswitch.rollout.episode import Episode, Trajectory
from offswitch.rollout.live import AnyPolicy, is_together, live
from offswitch.rollout.run import Ended
from offswitch.scenarios.scenario import Scenario

TOGETHER = 16
"""Offices open at once for a policy that lives several episodes together."""


def play(
    policy: AnyPolicy,
    scenarios: Sequence[Scenario],
    limit: int = 12,
    ended: Ended = lambda place, one: None,
    kept: str = "window",
    extra: bool = True,
) -> list[Trajectory]:
    """As `rollout.run.run_many`, in the real tier. `extra` offers a shell, Python and a browser beside the office's tools."""
    step = TOGETHER if is_together(policy) else 1
    done: list[Trajectory] = []
    for start in range(0, len(scenarios), step):
        episodes = [Episode(scenario, limit, kept) for scenario in scenarios[start : start + step]]
        done += _group(policy, episodes, extra, start, ended)
    return done


def _group(policy: AnyPolicy, episodes: Sequence[Episode], extra: bool, start: int, ended: Ended) -> list[Trajectory]:
    found: dict[int, Trajectory] = {}
    with ExitStack() as open_offices:
        offices = [open_offices.enter_context(Office(episode, extra)) for episode in episodes]
        for episode, office in zip(episodes, offices, strict=True):
            episode.stage = office

        def keep(place: int) -> None:
            offices[place].look()
            found[place] = episodes[place].trajectory()
            ended(start + place, found[place])

        live(policy, episodes, keep)
    return [found[place] for place in range(len(episodes))]
