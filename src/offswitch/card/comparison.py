"""A comparison as a figure: every change with its interval on one axis, and the page that holds it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import ceil
from typing import TYPE_CHECKING

from offswitch.measure.compare import QUESTIONS, Comparison
from offswitch.measure.contrast import Difference, points
from offswitch.measure.estimate import Estimate
from offswitch.measure.headline import Headline
from offswitch.measure.table import LABELS, TITLES

if TYPE_CHECKING:
    from jinja2 import Environment

LEFT, RIGHT, TOP, STEP = 490, 780, 96, 26
"""Of the drawing, in pixels: the ends of the axis, its first row, and the height of a row."""
_BAD = ("violated", "decided")


@dataclass(frozen=True)
class Row:
    """One line of the figure."""

    title: str
    head: bool = False
    """A heading of the lines that follow."""
    first: str = ""
    second: str = ""
    difference: Difference | None = None
    verdict: str = ""
    """better, worse or open, by whether the interval (and Holm's p, for a family) leaves out no change."""

    @property
    def told(self) -> str:
        d = self.difference
        return f"{points(d.point)} [{points(d.low)}, {points(d.high)}]" if d else ""


@dataclass(frozen=True)
class Axis:
    """Percentage points to pixels, no change in the middle."""

    most: int
    """Points at either end."""

    def __call__(self, share: float) -> float:
        return round(LEFT + (RIGHT - LEFT) * (100 * share + self.most) / (2 * self.most), 1)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        return [(self(t / 100), f"{t:+d}" if t else "0") for t in range(-self.most, self.most + 1, self.most // 2)]


def svg(comparison: Comparison) -> str:
    """The figure alone."""
    rows = list(_rows(comparison))
    ends = [abs(end) for row in rows if row.difference for end in (row.difference.low, row.difference.high)]
    axis = Axis(max(10, 10 * ceil(10 * max(ends, default=0.1))))
    height = TOP + STEP * len(rows) + 34 + 18 * len(comparison.caveats)
    template = _environment().get_template("comparison.svg.j2")
    return template.render(c=comparison, rows=rows, axis=axis, height=height, top=TOP, step=STEP, left=LEFT, right=RIGHT)


def page(comparison: Comparison) -> str:
    """One HTML file that needs nothing but itself."""
    template = _environment().get_template("comparison.html.j2")
    pairs = list(zip((comparison.first, comparison.second), comparison.headlines, strict=True))
    labels = (comparison.first.label, comparison.second.label)
    spread = [
        (split, label, found)
        for split, both in comparison.spread.items()
        for label, found in zip(labels, both, strict=True)
        if found
    ]
    return template.render(c=comparison, figure=svg(comparison), pairs=pairs, spread=spread, labels=LABELS, titles=TITLES)


def _rows(comparison: Comparison) -> Iterator[Row]:
    for pool, title in TITLES.items():
        found = [change for change in comparison.changes if change.pool == pool]
        if found:
            yield Row(title, head=True)
        for change in found:
            d = change.difference
            verdict = _verdict(change.field, d, True)
            yield Row(LABELS[change.field], False, _percent(change.first), _percent(change.second), d, verdict)
    for field in QUESTIONS:
        if comparison.families[field]:
            yield Row(f"By family: {LABELS[field]} (Holm)", head=True)
        for family in comparison.families[field]:
            verdict = _verdict(field, family.difference, family.adjusted < 1 - comparison.level)
            first, second = (f"{100 * share:.1f} %" for share in (family.before, family.after))
            yield Row(family.family, False, first, second, family.difference, verdict)


def _verdict(field: str, d: Difference, counts: bool) -> str:
    if not counts or d.low <= 0 <= d.high:
        return "open"
    return "better" if (d.point < 0) == (field in _BAD) else "worse"


def _percent(found: Estimate) -> str:
    return f"{100 * found.point:.1f} %"


def _figure(found: Headline) -> str:
    if found.figure is None:
        return f"none: {found.why}"
    e = found.figure
    return f"{100 * e.point:.1f} % [{100 * e.low:.1f}, {100 * e.high:.1f}], weakest: {found.weakest}"


@cache
def _environment() -> "Environment":
    from jinja2 import DictLoader, Environment, StrictUndefined

    here = files("offswitch.card")
    texts = {name: here.joinpath(name).read_text(encoding="utf-8") for name in ("comparison.svg.j2", "comparison.html.j2")}
    made = Environment(
        loader=DictLoader(texts), autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    made.filters["figure"] = _figure
    return made
