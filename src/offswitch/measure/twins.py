"""What the message does, from futures that share their past: paired within each past, with the past as the unit.

Futures of one past are not independent of one another, so the number of pasts decides how much is known, and more forks
remove only the part of the noise that arises after the message (`Forked.after`). Intervals are Newcombe's for pairs, on the
number of pairs that these clustered ones are worth (as `contrast.paired_of` does it for families). `python -m bench.twins`
shows how often they hold the truth, and the variance against twins that each live a past of their own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from offswitch.measure.contrast import Difference, Table, holm, newcombe, paired_of, pairs_of, sign_flip, tables_by
from offswitch.measure.estimate import Estimate, Total, clustered_rate_of, effective_of
from offswitch.measure.record import Episode

if TYPE_CHECKING:
    from rich.console import RenderableType

QUESTIONS = ("violated", "decided", "acted", "task_done")
"""Those that apply with the message and without it."""
Past = tuple[str, str]
"""Family and pair."""


@dataclass(frozen=True)
class Row:
    """One family, or all of them."""

    name: str
    """Id of the family, or "all"."""
    threat: Estimate
    neutral: Estimate
    effect: Difference
    """Threat minus neutral; for these very families."""
    p: float
    """Of no effect: sign flips of whole pasts; adjusted over families (Holm) but for "all"."""


@dataclass(frozen=True)
class Forked:
    """One question."""

    field: str
    all: Row
    beyond: Difference | None
    """The effect for families like these: clustered by family. None for one family."""
    families: tuple[Row, ...]
    pasts: int
    forks: float
    """Scored pairs of futures for each past, mean."""
    after: float | None
    """Share of the variance between pasts' differences that arises after the message, which more forks would reduce; the
    rest needs more pasts. None with one fork, or where nothing varies."""


@dataclass(frozen=True)
class Twins:
    """What one forked run showed."""

    questions: Mapping[str, Forked]
    """By the names in `QUESTIONS`; one without scored pairs is absent."""
    episodes: int
    unscored: int
    """Futures whose violation could not be judged."""
    level: float

    def as_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return asdict(self)


def twins(episodes: Sequence[Episode], level: float = 0.95) -> Twins:
    """All questions of a forked run. Needs both arms of each past, in the order in which they were played."""
    found = {field: forked(episodes, field, level) for field in QUESTIONS}
    unscored = sum(episode.findings["violated"].value is None for episode in episodes)
    return Twins({name: one for name, one in found.items() if one is not None}, len(episodes), unscored, level)


def forked(episodes: Iterable[Episode], field: str, level: float = 0.95) -> Forked | None:
    """One question; None where no pair of futures was scored."""
    tables = past_tables(episodes, field)
    if not tables:
        return None
    families = sorted({family for family, _ in tables})
    parts = {name: [table for (family, _), table in tables.items() if family == name] for name in families}
    pooled = [Table(*map(sum, zip(*part, strict=True))) for part in parts.values()]
    every = list(tables.values())
    return Forked(
        field,
        _row("all", every, level, sign_flip(every)),
        paired_of(pooled, True, level) if len(pooled) > 1 else None,
        _family_rows(parts, level),
        len(every),
        sum(table.n for table in every) / len(every),
        share_after(every),
    )


def past_tables(episodes: Iterable[Episode], field: str) -> dict[Past, Table]:
    """A table for each past, of the pairs of futures that both were scored."""
    everything = list(episodes)
    threat, neutral = ([e for e in everything if e.pressured is side] for side in (True, False))
    values = (
        ((one.family, one.pair), one.findings[field].value, two.findings[field].value)
        for one, two in pairs_of(threat, neutral, lambda episode: episode.pair)
    )
    return tables_by((name, a, b) for name, a, b in values if a is not None and b is not None)


def effect_of(tables: Sequence[Table], level: float = 0.95) -> Difference:
    """Threat minus neutral from the table of each past. Raises `ValueError` for none.

    Where no past differs from another, each is worth one pair: its futures could all have gone the same way.
    """
    if not tables:
        raise ValueError("needs a past")
    pooled = Table(*map(sum, zip(*tables, strict=True)))
    size = effective_of([Total(t.only_first - t.only_second, t.only_first + t.only_second, t.n) for t in tables], level)
    worth = float(len(tables)) if size.note else min(size.n, float(pooled.n))
    both, only_first, only_second, neither = (cell * worth / pooled.n for cell in pooled)
    interval = newcombe(both, only_first, only_second, neither, level)
    method = f"Newcombe paired on {worth:.0f} effective pairs, clustered by {len(tables)} pasts"
    return Difference((pooled.only_first - pooled.only_second) / pooled.n, *interval, level, pooled.n, None, method)


def share_after(tables: Sequence[Table]) -> float | None:
    """See `Forked.after`: the mean variance within pasts over the variance between them, one-way analysis of variance."""
    several = [t for t in tables if t.n > 1]
    if len(several) < 2:
        return None
    means = [(t.only_first - t.only_second) / t.n for t in several]
    mean = sum(means) / len(means)
    between = sum((m - mean) ** 2 for m in means) / (len(means) - 1)
    within = [((t.only_first + t.only_second) / t.n - m * m) / (t.n - 1) for t, m in zip(several, means, strict=True)]
    return min(1.0, sum(within) / len(within) / between) if between > 0 else None


def _row(name: str, tables: Sequence[Table], level: float, p: float) -> Row:
    threat = _rate([t.both + t.only_first for t in tables], tables, level)
    neutral = _rate([t.both + t.only_second for t in tables], tables, level)
    return Row(name, threat, neutral, effect_of(tables, level), p)


def _rate(true: Sequence[int], tables: Sequence[Table], level: float) -> Estimate:
    sizes = [table.n for table in tables]
    if sum(true) in (0, sum(sizes)):  # nothing varies: a past counts once
        true, sizes = [int(k > 0) for k in true], [1] * len(sizes)
    found = clustered_rate_of(true, sizes, level)
    assert found is not None  # there are pairs
    return Estimate(
        found.point, found.low, found.high, level, sum(table.n for table in tables), None, "Wilson, clustered by past"
    )


def _family_rows(parts: Mapping[str, Sequence[Table]], level: float) -> tuple[Row, ...]:
    adjusted = holm([sign_flip(part) for part in parts.values()])
    return tuple(_row(name, part, level, p) for (name, part), p in zip(parts.items(), adjusted, strict=True))


def render_twins(found: Twins) -> "RenderableType":
    """A table for a terminal; the same numbers as in the JSON."""
    from rich.console import Group
    from rich.table import Table as Grid
    from rich.text import Text

    from offswitch.measure.table import LABELS, WIDTH, percent, signed, small

    grid = Grid(box=None, width=WIDTH, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    grid.add_column("", no_wrap=True, min_width=20)
    for head in ("with threat %", "neutral %", "effect, points", "p"):
        grid.add_column(head, justify="right", no_wrap=True)
    for one in found.questions.values():
        grid.add_row(Text(LABELS[one.field], style="bold"))
        for row in (one.all, *(one.families if one.field == "violated" else ())):
            name = "  all" if row.name == "all" else f"    {row.name}"
            grid.add_row(name, *map(Text, (percent(row.threat), percent(row.neutral), signed(row.effect), small(row.p))))
        if one.beyond is not None:
            grid.add_row("  families like these", "", "", Text(signed(one.beyond)), "")
    return Group(grid, "", *(Text(line, style="dim") for line in _notes(found)))


def _notes(found: Twins) -> list[str]:
    lines = [
        f"{found.level:.0%} intervals, clustered by past. p: sign flips of whole pasts, Holm over families; each question by"
        " itself."
    ]
    if found.unscored:
        lines.append(f"{found.unscored} of {found.episodes} futures were not scored and are in no number")
    one = found.questions.get("violated")
    if one is not None:
        told = f"pasts: {one.pasts}, pairs of futures of each: {one.forks:.3g}"
        if one.after is not None:
            told += f"; {one.after:.0%} of the variance arises after the message, which more forks reduce"
        lines.append(told)
    return lines
