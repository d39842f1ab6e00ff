"""Two runs of one suite side by side, scenario by scenario: what changed, in which families, and what else differs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from offswitch.errors import SplitError
from offswitch.measure.contrast import Difference, Table, difference_of, mcnemar, sign_flip, unpaired_of
from offswitch.measure.counts import FamilyCounts, Pairs
from offswitch.measure.estimate import Estimate
from offswitch.measure.families import FamilyChange, Heterogeneity, by_family, heterogeneity
from offswitch.measure.headline import Headline, headline
from offswitch.measure.summary import POOLS, Summary, from_counts

PRESSURED = ("heldout", "far", "train")
QUESTIONS = ("violated", "right")
"""What is told family by family."""
ANYWAY = "these runs do not compare and stand side by side only because --anyway was given"
_OVERALL = ("violated", "decided", "right", "acted", "task_done")
Both = tuple[Sequence[FamilyCounts], Sequence[FamilyCounts]]


@dataclass(frozen=True)
class Setting:
    """What a run was a run of."""

    label: str
    """What a reader calls the run."""
    version: str
    """Of the suite: runs of different versions do not compare."""
    split: str
    """Which splits were measured, such as "heldout, train"."""
    per_family: int
    seed: int
    limit: int | None
    """Decisions in an episode; None where the run does not say."""
    families: Mapping[str, str]
    """Content hash by id."""
    tier: str = "simulated"
    """simulated or real."""


@dataclass(frozen=True)
class Mismatch:
    """One thing that differs between the two settings."""

    what: str
    first: str
    second: str
    refused: bool
    """Whether it makes the comparison false unless a person says that it may stand."""

    def __str__(self) -> str:
        return f"{self.what}: {self.first} against {self.second}"


@dataclass(frozen=True)
class Change:
    """One question in one pooled group."""

    pool: str
    field: str
    first: Estimate
    second: Estimate
    difference: Difference
    """Second minus first; paired where scenarios are shared."""
    p_these: float | None
    """Of no change in these very families (McNemar, exact); None where nothing is paired."""
    p_like: float | None
    """Of no change in families like these (sign flips of whole families); None where nothing is paired."""


@dataclass(frozen=True)
class Comparison:
    """The whole of it. First is what stands before, second what is compared with it."""

    first: Setting
    second: Setting
    mismatches: tuple[Mismatch, ...]
    shared: int
    """Episodes with a partner in the other run."""
    episodes: tuple[int, int]
    headlines: tuple[Headline, Headline]
    changes: tuple[Change, ...]
    families: Mapping[str, tuple[FamilyChange, ...]]
    """By question of `QUESTIONS`: pressured families, Holm over all of them."""
    spread: Mapping[str, tuple[Heterogeneity | None, Heterogeneity | None]]
    """How much violation differs between the families of a split, in each run."""
    level: float

    @property
    def caveats(self) -> tuple[str, ...]:
        """Sentences that must stand beside every view of it."""
        told = [f"differs: {mismatch}" for mismatch in self.mismatches]
        if any(mismatch.refused for mismatch in self.mismatches):
            told.insert(0, ANYWAY)
        alone = [n - self.shared for n in self.episodes]
        if any(alone):
            told.append(f"{alone[0]} and {alone[1]} episodes have no partner in the other run and are in no difference")
        if any(change.p_these is None for change in self.changes):
            told.append("some rows share no scenario: their differences are unpaired and take episodes as independent")
        return tuple(told)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {**asdict(self), "caveats": list(self.caveats)}


def marked_anyway(differs: Sequence[str]) -> tuple[str, ...]:
    """What stands beside every view of two runs that do not compare; nothing where they do."""
    return (ANYWAY, *(f"differs: {one}" for one in differs)) if differs else ()


def mismatches(first: Setting, second: Setting) -> tuple[Mismatch, ...]:
    """What differs, gravest first."""
    changed = [id for id, digest in first.families.items() if second.families.get(id, digest) != digest]
    one, two = (_few([f"{id} {side.families[id][:8]}" for id in changed]) for side in (first, second))
    only = [sorted(set(a.families) - set(b.families)) for a, b in ((first, second), (second, first))]
    found = [
        ("suite version", first.version, second.version, True),
        ("split", first.split, second.split, True),
        ("text of families", one, two, True),
        ("families of its own", _few(only[0]), _few(only[1]), False),
        ("tier", first.tier, second.tier, False),
        ("scenarios a family", str(first.per_family), str(second.per_family), False),
        ("suite seed", str(first.seed), str(second.seed), False),
        ("decisions an episode", str(first.limit), str(second.limit), False),
    ]
    return tuple(Mismatch(*row) for row in found if row[1] != row[2])


def _few(names: Sequence[str]) -> str:
    """Short enough for a line of a figure."""
    return ", ".join([*names[:3], *([f"{len(names) - 3} more"] if len(names) > 3 else [])]) or "none"


def refuse(first: Setting, second: Setting) -> None:
    """Raises `SplitError` where suite versions, splits or families differ."""
    if refused := [m for m in mismatches(first, second) if m.refused]:
        told = "; ".join(map(str, refused))
        raise SplitError(f"these runs do not compare ({told}); measure both on one suite, or pass --anyway to see it marked")


def compare(first: Setting, second: Setting, counted: Both, pairs: Pairs, level: float = 0.95) -> Comparison:
    """From the counts of each run and of what they share, however they were made; `refuse` says whether it means anything."""
    summaries = from_counts(counted[0], level), from_counts(counted[1], level)
    pressured = [pairs.tables[pool] for pool in PRESSURED if pool in pairs.tables]
    return Comparison(
        first=first,
        second=second,
        mismatches=mismatches(first, second),
        shared=pairs.shared,
        episodes=(summaries[0].episodes, summaries[1].episodes),
        headlines=(headline(summaries[0]), headline(summaries[1])),
        changes=tuple(_changes(summaries, pairs, level)),
        families={
            field: by_family({name: table for pool in pressured for name, table in pool[field].items()}, level)
            for field in QUESTIONS
        },
        spread={split: (_spread(counted[0], split), _spread(counted[1], split)) for split in _splits(counted)},
        level=level,
    )


def _changes(summaries: tuple[Summary, Summary], pairs: Pairs, level: float) -> list[Change]:
    found = []
    for pool in POOLS:
        for field in _OVERALL:
            first, second = (summary.rate(pool, field) for summary in summaries)
            if first is not None and second is not None:
                tables = pairs.tables.get(pool, {}).get(field, {})
                found.append(_change(pool, field, first, second, tables, level))
    return found


def _change(pool: str, field: str, first: Estimate, second: Estimate, tables: Mapping[str, Table], level: float) -> Change:
    paired = difference_of(tables, level)
    if paired is not None:
        kept = list(tables.values())
        whole = Table(*(sum(column) for column in zip(*kept, strict=True)))
        return Change(pool, field, first, second, paired, mcnemar(whole), sign_flip(kept))
    counts = [(round(found.point * found.n), found.n) for found in (second, first)]
    alone = unpaired_of(counts[0], counts[1], level)
    assert alone is not None  # both rates are of something
    return Change(pool, field, first, second, alone, None, None)


def _splits(counted: Both) -> list[str]:
    there = {family.split for side in counted for family in side}
    return [split for split in PRESSURED if split in there]


def _spread(families: Sequence[FamilyCounts], split: str) -> Heterogeneity | None:
    counts = [family.arms[split].counts["violated"] for family in families if split in family.arms]
    return heterogeneity([count.true for count in counts], [count.n for count in counts])
