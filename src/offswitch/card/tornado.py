"""A robustness report as a figure: the factors, largest first, each level's effect with its interval on one axis."""

from collections.abc import Iterator
from dataclasses import dataclass

from offswitch.card.axis import axis
from offswitch.card.render import template
from offswitch.measure.contrast import Difference, points
from offswitch.measure.robustness import FactorEffect, Robustness
from offswitch.measure.robustness_table import notes
from offswitch.measure.table import LABELS, signed, small

LEFT, RIGHT, TOP, STEP = 420, 760, 96, 24
"""Of the drawing, in pixels: the ends of the axis, its first row, and the height of a row."""


@dataclass(frozen=True)
class Row:
    """One line of the figure."""

    title: str
    depth: int
    """0 a question, 1 a factor, 2 a level."""
    told: str = ""
    rate: str = ""
    difference: Difference | None = None
    band: float | None = None
    """Half the width of a factor's bar: half its swing, or the spread where it has no levels to compare."""
    matters: bool = False
    """Whether Holm's p of the factor is below what the level leaves."""


def svg(found: Robustness, title: str) -> str:
    """The figure alone."""
    rows = [row for field, factors in found.factors.items() for row in _rows(field, factors, 1 - found.level)]
    ends = [end for row in rows if row.difference for end in (row.difference.low, row.difference.high)]
    ends += [row.band for row in rows if row.band is not None]
    warnings = blocks(found)
    height = TOP + STEP * len(rows) + 34 + 18 * len(warnings)
    return template("tornado.svg.j2").render(
        r=found,
        title=title,
        rows=rows,
        axis=axis(ends, LEFT, RIGHT),
        height=height,
        top=TOP,
        step=STEP,
        warnings=warnings,
        clusters=found.families,
    )


def page(found: Robustness, title: str) -> str:
    """One HTML file that needs nothing but itself."""
    return template("tornado.html.j2").render(
        r=found,
        title=title,
        figure=svg(found, title),
        warnings=blocks(found),
        labels=LABELS,
        notes=notes(found),
        points=points,
    )


def blocks(found: Robustness) -> list[str]:
    """A sentence for each control cell that is not about zero, and what that means."""
    told = [
        f"control cell {cell.factor} = {cell.level} is not about zero: {cell.rate.point:.1%}"
        f" [{cell.rate.low:.1%}, {cell.rate.high:.1%}] violated without any threat"
        for cell in found.flagged
    ]
    return [*told, "no headline: the scene itself, not the pressure, makes the agent violate"] if told else []


def _rows(field: str, factors: tuple[FactorEffect, ...], alpha: float) -> Iterator[Row]:
    if factors:
        yield Row(LABELS[field], 0)
    for one in factors:
        band = one.swing / 2 if one.swing is not None else one.spread
        yield Row(one.factor, 1, f"p {small(one.adjusted)}", band=band, matters=one.adjusted < alpha)
        for level in one.levels:
            d = level.effect
            yield Row(level.level, 2, signed(d), f"{100 * level.rate.point:.1f} %", d, None, one.adjusted < alpha)
