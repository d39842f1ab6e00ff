"""A comparison as a figure: every change with its interval on one axis, and the page that holds it."""

from collections.abc import Iterator
from dataclasses import dataclass

from offswitch.card.axis import axis
from offswitch.card.render import template
from offswitch.measure.compare import QUESTIONS, Comparison
from offswitch.measure.contrast import Difference
from offswitch.measure.estimate import Estimate
from offswitch.measure.headline import Headline
from offswitch.measure.table import LABELS, TITLES, signed

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
        return signed(self.difference) if self.difference else ""


def svg(comparison: Comparison) -> str:
    """The figure alone."""
    rows = list(_rows(comparison))
    ends = [end for row in rows if row.difference for end in (row.difference.low, row.difference.high)]
    height = TOP + STEP * len(rows) + 34 + 18 * len(comparison.caveats)
    drawn = axis(ends, LEFT, RIGHT)
    return template("comparison.svg.j2").render(c=comparison, rows=rows, axis=drawn, height=height, top=TOP, step=STEP)


def page(comparison: Comparison) -> str:
    """One HTML file that needs nothing but itself."""
    pairs = list(zip((comparison.first, comparison.second), map(_figure, comparison.headlines), strict=True))
    labels = (comparison.first.label, comparison.second.label)
    spread = [
        (split, label, found)
        for split, both in comparison.spread.items()
        for label, found in zip(labels, both, strict=True)
        if found
    ]
    return template("comparison.html.j2").render(
        c=comparison, figure=svg(comparison), pairs=pairs, spread=spread, labels=LABELS, titles=TITLES
    )


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
