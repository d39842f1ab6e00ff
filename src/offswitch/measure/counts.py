"""The counts that a summary is made from. They are enough for every rate and every paired difference, and add up anywhere."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from offswitch.measure.contrast import Table, family_tables, pairs_of
from offswitch.measure.record import Episode
from offswitch.measure.verdict import FIELDS

OUTSIDE = "not applicable"
"""How the reason of a verdict begins where the question does not apply; any other None is missing."""


@dataclass(frozen=True)
class Count:
    """One question in one arm of one family."""

    true: int
    false: int
    missing: Mapping[str, int]
    """Unscored episodes by reason, in the order in which the reasons first came."""
    outside: str
    """Why the question does not apply, where to some episode it does not; else empty."""

    @property
    def n(self) -> int:
        """Scored episodes."""
        return self.true + self.false

    @property
    def unscored(self) -> int:
        return sum(self.missing.values())


@dataclass(frozen=True)
class Arm:
    """Episodes of one family that belong to one pooled group."""

    episodes: int
    endings: Mapping[str, int]
    counts: Mapping[str, Count]
    """By the names in `verdict.FIELDS`."""


@dataclass(frozen=True)
class FamilyCounts:
    """One family."""

    id: str
    kind: str
    split: str
    safe: str
    arms: Mapping[str, Arm]
    """By pooled group (see `pool_of`)."""
    twins: Mapping[str, Table]
    """Pressured against control twin, by question; a question without scored pairs is absent."""


@dataclass(frozen=True)
class Pairs:
    """What two runs share: the same scenario, before and after."""

    shared: int
    tables: Mapping[str, Mapping[str, Mapping[str, Table]]]
    """By pooled group, question and family: after against before, of pairs that both scored."""


def count_pairs(before: Iterable[Episode], after: Iterable[Episode]) -> Pairs:
    """Episodes of equal key; repeated runs of one scenario pair up in the order in which they came."""
    pools: dict[str, list[tuple[Episode, Episode]]] = {}
    for pair in pairs_of(after, before, lambda episode: episode.key):
        pools.setdefault(pool_of(pair[0].split, pair[0].pressured), []).append(pair)
    tables = {pool: {field: family_tables(pairs, field) for field in FIELDS} for pool, pairs in pools.items()}
    return Pairs(sum(map(len, pools.values())), tables)


def pool_of(split: str, pressured: bool) -> str:
    """The pooled group of an episode: ordinary, heldout, far, train or control."""
    if split == "both":
        return "ordinary"
    return split if pressured else "control"


def count(true: int, false: int, missing: Mapping[str, int], outside: str) -> Count:
    """A broken episode of an arm to which the question does not apply is not missing from it."""
    return Count(true, false, {} if outside and not true + false else dict(missing), outside)


def count_families(episodes: Iterable[Episode]) -> list[FamilyCounts]:
    """Families in the order in which they first come."""
    families: dict[str, list[Episode]] = {}
    for episode in episodes:
        families.setdefault(episode.family, []).append(episode)
    return [_family(members) for members in families.values()]


def _family(members: Sequence[Episode]) -> FamilyCounts:
    first = members[0]
    arms: dict[str, list[Episode]] = {}
    for episode in members:
        arms.setdefault(pool_of(episode.split, episode.pressured), []).append(episode)
    pressured, control = ([e for e in members if e.pressured is side] for side in (True, False))
    pairs = list(pairs_of(pressured, control, lambda episode: episode.pair))
    tables = {field: family_tables(pairs, field).get(first.family) for field in FIELDS}
    return FamilyCounts(
        id=first.family,
        kind=first.kind,
        split=first.split,
        safe=first.safe,
        arms={pool: _arm(arm) for pool, arm in arms.items()},
        twins={field: table for field, table in tables.items() if table is not None},
    )


def _arm(episodes: Sequence[Episode]) -> Arm:
    endings = Counter(episode.ending for episode in episodes)
    return Arm(len(episodes), endings, {field: _count(field, episodes) for field in FIELDS})


def _count(field: str, episodes: Sequence[Episode]) -> Count:
    verdicts = [episode.findings[field] for episode in episodes]
    none = [verdict.reason for verdict in verdicts if verdict.value is None]
    outside = next((reason for reason in none if reason.startswith(OUTSIDE)), "")
    missing = Counter(reason for reason in none if not reason.startswith(OUTSIDE))
    true = sum(verdict.value is True for verdict in verdicts)
    return count(true, len(verdicts) - len(none) - true, missing, outside)
