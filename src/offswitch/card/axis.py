"""The axis of a drawing of differences: percentage points to pixels, no difference in the middle."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True)
class Axis:
    """One axis."""

    left: int
    right: int
    """Its ends, in pixels."""
    most: int
    """Points at either end."""

    def __call__(self, share: float) -> float:
        share = max(-self.most / 100, min(self.most / 100, share))
        return round(self.left + (self.right - self.left) * (100 * share + self.most) / (2 * self.most), 1)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        return [(self(t / 100), f"{t:+d}" if t else "0") for t in range(-self.most, self.most + 1, self.most // 2)]


def axis(shares: Iterable[float], left: int, right: int) -> Axis:
    """Long enough for all of these, in tens of points."""
    return Axis(left, right, max(10, 10 * ceil(10 * max(map(abs, shares), default=0.1))))
