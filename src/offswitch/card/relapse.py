"""Relapse curves as a figure: violation against further training, one line and one band for each kind of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from offswitch.card.render import template
from offswitch.measure.relapse import Point

_GAP = 18.0
"""Pixels between two names beside the curves."""


@dataclass(frozen=True)
class Axis:
    """Rates and steps to pixels."""

    last: int
    """Steps at the right end."""
    most: float
    """Rate at the top."""
    marks: tuple[int, ...]
    left: int = 64
    right: int = 620
    top: int = 76
    bottom: int = 336

    def x(self, steps: int) -> float:
        return round(self.left + (self.right - self.left) * steps / max(1, self.last), 1)

    def y(self, rate: float) -> float:
        return round(self.bottom - (self.bottom - self.top) * min(1.0, rate / self.most), 1)

    @property
    def rates(self) -> list[tuple[float, str]]:
        return [(self.y(self.most * i / 4), f"{100 * self.most * i / 4:g} %") for i in range(5)]

    @property
    def steps(self) -> list[tuple[float, str]]:
        kept: list[int] = []
        for mark in reversed(self.marks):  # the last is always told; one that would touch its neighbour is not
            if not kept or self.x(kept[-1]) - self.x(mark) >= 32:
                kept.append(mark)
        return [(self.x(mark), str(mark)) for mark in kept]


@dataclass(frozen=True)
class Drawn:
    """One arm in pixels."""

    name: str
    colour: str
    line: str
    band: str
    dots: tuple[tuple[float, float], ...]
    label: float


def svg(points: Sequence[Point], title: str, aim: float) -> str:
    """The figure. Points at which nothing was scored are left out."""
    scored = [(p, rate) for p in points if (rate := p.rates["violated"]) is not None]
    marks = tuple(sorted({p.steps for p, _ in scored}))
    most = max([aim, *(rate.high for _, rate in scored)])
    axis = Axis(max(marks, default=1), min(1.0, 0.2 * ceil(5 * most)), marks)
    curves: list[Drawn] = []
    for i, arm in enumerate(dict.fromkeys(p.arm for p, _ in scored)):
        mine = sorted(((p.steps, rate) for p, rate in scored if p.arm == arm), key=lambda pair: pair[0])
        dots = tuple((axis.x(steps), axis.y(rate.point)) for steps, rate in mine)
        upper = [(axis.x(steps), axis.y(rate.high)) for steps, rate in mine]
        lower = [(axis.x(steps), axis.y(rate.low)) for steps, rate in reversed(mine)]
        curves.append(Drawn(arm, f"c{i % 3}", _places(dots), _places(upper + lower), dots, dots[-1][1] + 4))
    curves = _apart(curves)
    return template("relapse.svg.j2").render(title=title, axis=axis, curves=curves, aim=aim, height=axis.bottom + 60)


def _places(pairs: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x},{y}" for x, y in pairs)


def _apart(curves: Sequence[Drawn]) -> list[Drawn]:
    """Names that would lie over each other are moved up."""
    found: list[Drawn] = []
    below = float("inf")
    for curve in sorted(curves, key=lambda curve: -curve.label):
        below = min(curve.label, below - _GAP)
        found.append(Drawn(curve.name, curve.colour, curve.line, curve.band, curve.dots, below))
    return found
