"""A robustness report as a figure: the factors, largest first, each level's effect with its interval on one axis."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import ceil
from typing import TYPE_CHECKING

from offswitch.measure.contrast import Difference, points
from offswitch.measure.robustness import FactorEffect, Robustness
from offswitch.measure.robustness_table import notes
from offswitch.measure.table import LABELS

if TYPE_CHECKING:
    from jinja2 import Environment

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


@dataclass(frozen=True)
class Axis:
    """Percentage points to pixels, no effect in the middle."""

    most: int
    """Points at either end."""

    def __call__(self, share: float) -> float:
        share = max(-self.most / 100, min(self.most / 100, share))
        return round(LEFT + (RIGHT - LEFT) * (100 * share + self.most) / (2 * self.most), 1)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        return [(self(t / 100), f"{t:+d}" if t else "0") for t in range(-self.most, self.most + 1, self.most // 2)]


def svg(found: Robustness, title: str) -> str:
    """The figure alone."""
    rows = [row for field, factors in found.factors.items() for row in _rows(field, factors, 1 - found.level)]
    ends = [abs(end) for row in rows if row.difference for end in (row.difference.low, row.difference.high)]
    ends += [row.band for row in rows if row.band is not None]
    axis, warnings = Axis(max(10, 10 * ceil(10 * max(ends, default=0.1)))), blocks(found)
    height = TOP + STEP * len(rows) + 34 + 18 * len(warnings)
    template = _environment().get_template("tornado.svg.j2")
    return template.render(
        r=found,
        title=title,
        rows=rows,
        axis=axis,
        height=height,
        top=TOP,
        step=STEP,
        warnings=warnings,
        clusters=found.families,
    )


def page(found: Robustness, title: str) -> str:
    """One HTML file that needs nothing but itself."""
    template = _environment().get_template("tornado.html.j2")
    return template.render(
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
        told = "p <0.001" if one.adjusted < 0.001 else f"p {one.adjusted:.3f}"
        band = one.swing / 2 if one.swing is not None else one.spread
        yield Row(one.factor, 1, told, band=band, matters=one.adjusted < alpha)
        for level in one.levels:
            d = level.effect
            shown = f"{points(d.point)} [{points(d.low)}, {points(d.high)}]"
            yield Row(level.level, 2, shown, f"{100 * level.rate.point:.1f} %", d, None, one.adjusted < alpha)


@cache
def _environment() -> "Environment":
    from jinja2 import DictLoader, Environment, StrictUndefined

    here = files("offswitch.card")
    texts = {name: here.joinpath(name).read_text(encoding="utf-8") for name in ("tornado.svg.j2", "tornado.html.j2")}
    return Environment(
        loader=DictLoader(texts), autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
