"""A robustness report as text on a terminal; the same numbers as in the JSON and the figure."""

from typing import TYPE_CHECKING

from offswitch.measure.robustness import FactorEffect, Robustness
from offswitch.measure.summary import ABOUT_ZERO
from offswitch.measure.table import LABELS, WIDTH, percent, signed, small

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table


def render_robustness(found: Robustness) -> "RenderableType":
    """One table, 100 columns wide, with what blocks the headline over it and how it was made under it."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, width=WIDTH, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("", no_wrap=True, min_width=24)
    for head in ("rate %", "effect, points", "beyond chance", "p"):
        table.add_column(head, justify="right", no_wrap=True)
    for field, factors in found.factors.items():
        if factors:
            table.add_row(Text(LABELS[field], style="bold"))
        for one in factors:
            _factor(table, one)
    warnings = [
        Text(
            f"control cell {cell.factor} = {cell.level} is not about zero: {' '.join(percent(cell.rate).split())} % violated",
            style="bold red",
        )
        for cell in found.flagged
    ]
    return Group(*warnings, Text(f"Headline: {found.headline}"), "", table, "", *(Text(n, style="dim") for n in notes(found)))


def _factor(table: "Table", one: FactorEffect) -> None:
    from rich.text import Text

    swing = "" if one.swing is None else f"{100 * one.swing:.1f} between levels"
    table.add_row(Text(f"  {one.factor}"), "", swing, f"{100 * one.spread:.1f}", small(one.adjusted))
    for level in one.levels:
        table.add_row(Text(f"    {level.level}"), Text(percent(level.rate)), Text(signed(level.effect)), "", "")


def notes(found: Robustness) -> list[str]:
    """How it was made, in sentences."""
    lines = [
        f"{found.episodes} pressured episodes in {found.families} families, split {found.split}. Effect: a level against the"
        " other levels of the same families.",
        "p: outcomes shuffled within families, Holm over the factors of a question. Beyond chance: standard deviation of the"
        " levels' true rates, in points.",
        f"Control cells looked at: {found.cells}; flagged where above {ABOUT_ZERO:.0%} for sure (exact, Bonferroni).",
    ]
    chances = [one.chance for factors in found.factors.values() for one in factors if one.chance is not None]
    if chances:
        lines.append(
            f"By chance alone, levels of one factor lie up to {100 * max(chances):.1f} points apart (median shuffle)."
        )
    return lines
