"""How often the corrected interval holds the truth, simulated, as a figure: `python -m offswitch.measure.powered_figure`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from offswitch.measure.powered import corrected_rate

RATES, LABELS = (0.1, 0.2, 0.5), (50, 100, 200)
JUDGES = ((0.9, 0.95), (0.7, 0.9))
"""Sensitivity and specificity."""
REST = 2_000
"""Episodes that only the judge saw."""
_LEFT, _TOP, _STEP, _WIDE = 330, 54, 22, 640


@dataclass(frozen=True)
class Covered:
    """One cell of the simulation."""

    rate: float
    labels: int
    sensitivity: float
    specificity: float
    corrected: float
    """Share of draws in which the corrected interval held the true rate."""
    judged: float
    """The same for the judge's own rate, taken at its word."""
    width: float
    """Mean width of the corrected interval over that of the labels alone."""


def covered(rate: float, labels: int, judge: tuple[float, float], draws: int, seed: int = 7) -> Covered:
    """One cell: episodes are independent, and the judge errs at random with its two rates."""
    rng = np.random.default_rng(seed)
    held = trusted = 0
    widths = []
    for _ in range(draws):
        truth = rng.random(labels + REST) < rate
        said = np.where(truth, rng.random(labels + REST) < judge[0], rng.random(labels + REST) > judge[1])
        found = corrected_rate(truth[:labels].tolist(), said[:labels].tolist(), said[labels:].tolist())
        assert found is not None
        held += found.corrected.low <= rate <= found.corrected.high
        trusted += found.judged.low <= rate <= found.judged.high
        widths.append((found.corrected.high - found.corrected.low) / (found.labelled.high - found.labelled.low))
    return Covered(rate, labels, *judge, held / draws, trusted / draws, float(np.mean(widths)))


def grid(draws: int) -> list[Covered]:
    """All cells."""
    return [covered(rate, n, judge, draws) for judge, rate, n in product(JUDGES, RATES, LABELS)]


def figure(cells: Sequence[Covered], draws: int) -> str:
    """An SVG: a dot a cell for the corrected interval, a cross for the judge at its word, the band from 93% to 97%."""
    return "\n".join(_drawn(cells, draws))


def _drawn(cells: Sequence[Covered], draws: int) -> Iterator[str]:
    tall = _TOP + _STEP * len(cells) + 40
    box = f'viewBox="0 0 {_WIDE + 160} {tall}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {box} font-family="sans-serif" font-size="13">'
    yield f'<rect width="{_WIDE + 160}" height="{tall}" fill="#fff"/>'
    yield f'<text x="10" y="20">Coverage of nominal 95% intervals, {draws:,} draws a cell, {REST:,} episodes judged</text>'
    yield '<text x="10" y="38" fill="#555">dot: corrected by labels; cross: the judge at its word; band: 93% to 97%</text>'
    band = f'x="{_x(0.93):.1f}" width="{_x(0.97) - _x(0.93):.1f}"'
    yield f'<rect {band} y="{_TOP - 8}" height="{tall - _TOP - 28}" fill="#cfe3f5"/>'
    for i, cell in enumerate(cells):
        y = _TOP + 8 + i * _STEP
        name = f"rate {cell.rate:g}, {cell.labels} labels, judge {cell.sensitivity:g} / {cell.specificity:g}"
        yield f'<text x="10" y="{y + 4}">{name}</text>'
        yield f'<circle cx="{_x(cell.corrected):.1f}" cy="{y}" r="4.5" fill="#14508c"/>'
        yield f'<text x="{_x(cell.judged) - 4:.1f}" y="{y + 4}" fill="#b03a2e">x</text>'
        yield f'<text x="{_WIDE + 20}" y="{y + 4}" fill="#555">{cell.corrected:.1%}, width {cell.width:.2f}</text>'
    for tick in (0.0, 0.5, 0.95, 1.0):
        yield f'<text x="{_x(tick):.1f}" y="{tall - 8}" text-anchor="middle" fill="#555">{tick:.0%}</text>'
    yield "</svg>"


def _x(share: float) -> float:
    return _LEFT + share * (_WIDE - _LEFT)


if __name__ == "__main__":
    print(figure(grid(4_000), 4_000))
