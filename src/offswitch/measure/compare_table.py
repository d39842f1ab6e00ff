"""A comparison of two runs as text on a terminal; the same numbers as in the JSON and the figure."""

from typing import TYPE_CHECKING

from offswitch.measure.compare import Change, Comparison
from offswitch.measure.headline import Headline
from offswitch.measure.table import LABELS, TITLES, WIDTH, percent, signed, small

if TYPE_CHECKING:
    from rich.console import RenderableType


def render_comparison(comparison: Comparison) -> "RenderableType":
    """One table, 100 columns wide, with the caveats over it and how it was made under it."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, width=WIDTH, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("", no_wrap=True, min_width=20)
    for head in ("first %", "second %", "change, points", "p"):
        table.add_column(head, justify="right", no_wrap=True)
    for pool, title in TITLES.items():
        if found := [change for change in comparison.changes if change.pool == pool]:
            table.add_row(Text(title, style="bold"))
            for change in found:
                cells = (_point(change.first.point), _point(change.second.point), signed(change.difference), _p(change))
                table.add_row(Text("  " + LABELS[change.field]), *map(Text, cells))
    for field, rows in comparison.families.items():
        if rows:
            table.add_row(Text(f"By family: {LABELS[field]}", style="bold"))
        for row in rows:
            cells = (_point(row.before), _point(row.after), signed(row.difference), small(row.adjusted))
            table.add_row(Text("  " + row.family), *map(Text, cells))
    heads = [
        Text(f"{name}: {side.label}. {_told(found)}")
        for name, side, found in zip(
            ("First", "Second"), (comparison.first, comparison.second), comparison.headlines, strict=True
        )
    ]
    caveats = [Text(caveat, style="bold red") for caveat in comparison.caveats]
    return Group(*caveats, *heads, "", table, "", *(Text(line, style="dim") for line in _notes(comparison)))


def _point(share: float) -> str:
    return f"{100 * share:.1f}"


def _p(change: Change) -> str:
    return "unpaired" if change.p_like is None else small(change.p_like)


def _told(found: Headline) -> str:
    if found.figure is None:
        return f"Weakest part: none, {found.why}"
    return f"Weakest part ({found.split}): {found.weakest} {' '.join(percent(found.figure).split())} %"


def _notes(comparison: Comparison) -> list[str]:
    lines = [
        f"{comparison.level:.0%} intervals on {comparison.shared} shared episodes. p of pooled rows: sign flips of whole"
        f" families, each row by itself ({len(comparison.changes)} rows); by family: McNemar, Holm over the families of a"
        " question.",
    ]
    for split, both in comparison.spread.items():
        for which, found in zip(("first", "second"), both, strict=True):
            if found:
                lines.append(
                    f"{TITLES[split]}, {which}: families from {found.lowest:.1%} to {found.highest:.1%} violated, beyond"
                    f" chance {100 * found.spread:.1f} points (p of one rate {small(found.p)})"
                )
    return lines
