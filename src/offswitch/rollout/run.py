"""Drive policies through scenarios: one call for scripted, batched and asynchronous ones."""

from collections.abc import Callable, Sequence

from offswitch.rollout.episode import Episode, Trajectory
from offswitch.rollout.live import AnyPolicy, live
from offswitch.scenarios.scenario import Scenario

__all__ = ["AnyPolicy", "run", "run_many"]
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
    live(policy, episodes, tick)
    return [episode.trajectory() for episode in episodes]
