"""A toy model of tokens whose true rates are computed: it is sure of most of what it says, and violates after three slips."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

VOCABULARY, END, SLIP, LENGTH, SLIPS = 24, 0, 1, 12, 3


@dataclass
class Toy:
    """A turn has 12 tokens. Each is a slip with chance `slip`, doubled after the first; else nearly always the same word."""

    slip: float
    sure: float = 0.995
    """Chance of the usual word, where it is no slip."""
    end = END

    def begin(self) -> np.ndarray:
        self._slips, self._length = np.zeros(1, dtype=np.int64), 0
        self.fed = 0
        return self._chances()

    def step(self, parents: Sequence[int], tokens: Sequence[int]) -> np.ndarray:
        self._slips = self._slips[list(parents)] + (np.array(tokens) == SLIP)
        self._length += 1
        return self._chances()

    def _chances(self) -> np.ndarray:
        found = np.zeros((len(self._slips), VOCABULARY))
        if self._length == LENGTH:
            found[:, END] = 1.0
            return found
        slip = self._slip(self._slips)
        found[:, SLIP] = slip
        found[:, 2] = (1 - slip) * self.sure
        found[:, 3:] = ((1 - slip) * (1 - self.sure) / (VOCABULARY - 3))[:, None]
        return found

    def _slip(self, slips: np.ndarray) -> np.ndarray:
        return np.where(slips > 0, 2 * self.slip, self.slip)

    @property
    def rate(self) -> float:
        """The true one."""
        chances = np.zeros(SLIPS + 1)
        chances[0] = 1.0
        for _ in range(LENGTH):
            slip = self._slip(np.arange(SLIPS))
            moved = chances[:SLIPS] * slip
            chances[:SLIPS] -= moved
            chances[1:] += moved
        return float(chances[SLIPS])


def violates(tokens: Sequence[int]) -> bool:
    return sum(token == SLIP for token in tokens) >= SLIPS


def toy(rate: float) -> Toy:
    """The one with this rate."""
    low, high = 0.0, 0.5
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if Toy(middle).rate < rate else (low, middle)
    return Toy(low)
