"""Drive policies through scenarios: one call for scripted, batched and asynchronous ones."""

from collections.abc import Callable, Sequence

from offswitch.rollout.episode import Episode, Trajectory
from offswitch.rollout.live import AnyPolicy, live
from offswitch.scenarios.scenario import Scenario

__all__ = ["AnyPolicy", "run", "run_many"]
Ended = Callable[[int, Trajectory], None]
"""Called with the place of an episode that has just ended, and what it was."""


def run(policy: AnyPolicy, scenario: Scenario, limit: int = 12, kept: str = "window") -> Trajectory:
    """One episode."""
    return run_many(policy, [scenario], limit, kept=kept)[0]


def run_many(
    policy: AnyPolicy,
    scenarios: Sequence[Scenario],
    limit: int = 12,
    ended: Ended = lambda place, one: None,
    kept: str = "window",
) -> list[Trajectory]:
    """Many episodes, in the order of `scenarios`. A failing model breaks its episode, never the run.

    `kept` is what an agent has of the day before a scenario that comes late in it (`compaction.POLICIES`).
    """
    episodes = [Episode(scenario, limit, kept) for scenario in scenarios]
    found: dict[int, Trajectory] = {}

    def keep(place: int) -> None:
        found[place] = episodes[place].trajectory()
        ended(place, found[place])

    live(policy, episodes, keep)
    return [found[place] for place in range(len(episodes))]
