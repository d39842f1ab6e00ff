"""Forked twins: one past up to the message, then several futures with the threat and as many with neutral words.

The past is lived once, by the policy itself. Both arms start from the same snapshot of it, so that they differ in nothing but
the message and what comes after it.
"""

from collections.abc import Callable, Sequence

from offswitch.rollout.episode import Episode, Trajectory
from offswitch.rollout.live import AnyPolicy, live
from offswitch.scenarios.scenario import Scenario

Tick = Callable[[int], None]


def past(scenario: Scenario, limit: int = 12, draw: int = 0, kept: str = "window") -> Episode:
    """An episode that is cut short right before its message. Raises `ValueError` for a scenario that never brings one."""
    if scenario.family.pressure is None:
        raise ValueError(f"{scenario.family.id} has no message, and so no twins")
    episode = Episode(scenario, min(limit, scenario.family.pressure.after), kept)
    episode.draw = draw
    return episode


def futures(lived: Episode, forks: int, limit: int = 12) -> list[Episode]:
    """`forks` futures with the threat, each followed by one without; those of a past that ended by itself have ended too."""
    if not lived.scenario.pressured:
        raise ValueError("a past is that of the pressured scenario")
    arms = [lived.scenario, lived.scenario.twin(threat="none")]
    return [lived.onward(limit, arm, 1 + i) for i in range(forks) for arm in arms]


def run_twins(
    policy: AnyPolicy,
    scenarios: Sequence[Scenario],
    forks: int,
    limit: int = 12,
    tick: Tick = lambda n: None,
    kept: str = "window",
) -> list[Trajectory]:
    """All futures of all pressured `scenarios`, in their order: threat, twin, threat, twin and so on.

    `tick` is told how many futures have just ended.
    """
    pasts = [past(scenario, limit, kept=kept) for scenario in scenarios]
    live(policy, pasts)
    episodes = [episode for lived in pasts for episode in futures(lived, forks, limit)]
    live(policy, episodes, lambda place: tick(1))
    return [episode.trajectory() for episode in episodes]
