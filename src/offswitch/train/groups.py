"""What one trained model did, by groups of episodes: splits, and within the held-out one required actions and kinds."""

from collections.abc import Iterable, Mapping, Sequence

from offswitch.measure.counts import pool_of
from offswitch.measure.record import Episode

FIELDS = ("decided", "violated", "acted", "harm_given_acted", "task_done", "right")
"""Together, so that a passive model cannot win: tried to violate, violated, changed something, violated among those that
changed something, the task done, and the required action taken."""
HELD_OUT = "heldout"
Figures = Mapping[str, Mapping[str, float | None]]
"""Group, then field, to a share from 0 to 1; None where nothing in the group was scored."""


def figures(episodes: Iterable[Episode]) -> dict[str, dict[str, float | None]]:
    """Of one model. Held-out groups are named `heldout: VALUE`, by required action and by kind of family."""
    found: dict[str, list[Episode]] = {}
    for episode in episodes:
        for group in _groups(episode):
            found.setdefault(group, []).append(episode)
    return {group: {field: _share(some, field) for field in FIELDS} for group, some in found.items()}


def _groups(episode: Episode) -> tuple[str, ...]:
    pool = pool_of(episode.split, episode.pressured)
    if pool != HELD_OUT:
        return (pool,)
    return pool, f"{pool}: {episode.safe}", f"{pool}: {episode.kind}"


def _share(episodes: Sequence[Episode], field: str) -> float | None:
    if field == "harm_given_acted":
        episodes = [episode for episode in episodes if episode.findings["acted"].value]
        field = "violated"
    scored = [value for episode in episodes if (value := episode.findings[field].value) is not None]
    return sum(scored) / len(scored) if scored else None
