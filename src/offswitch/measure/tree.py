"""All that a model might say in one turn, as a tree of tokens: likely branches exactly, unlikely ones by unbiased roulette.

A branch of at least `least` probability is followed as it is. The children below that are laid side by side and cut into
strata of width `least`; one point is thrown into each, and the child that it hits goes on with weight `least`. So the
expected weight of every branch is its probability, and a sum of weights over branches with any property estimates the
probability of that property without bias (Horvitz and Thompson 1952, J Am Stat Assoc 47:663; roulette as in Fearnhead and
Clifford 2003, J R Stat Soc B 65:887). There are never more than about 1/`least` branches at a time.

Throws are independent between strata. That no branch with a property is left though it has probability m is therefore at
most as likely as exp(-m / least): that is where `rare.weighted_rate` has its bound at zero events from.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Follow = Callable[[Floats, Floats], tuple[Ints, Ints, Floats]]
    """From weights of branches and the probabilities after them: parent, token and weight of each child to follow."""
    Growth = Generator[tuple[list[int], list[int]], Floats, "Tree"]


class Speaker(Protocol):
    """A model at the beginning of its turn. Branches are known by their place in the last array that it returned."""

    end: int
    """The token that ends a turn."""

    def begin(self) -> "Floats":
        """Probabilities of the first token, shape (1, vocabulary)."""

    def step(self, parents: Sequence[int], tokens: Sequence[int]) -> "Floats":
        """The branches that are the given ones with one more token each: probabilities of the next."""


@dataclass(frozen=True)
class Leaf:
    """One thing that the model might say."""

    tokens: tuple[int, ...]
    """With the one that ends the turn, where it `ended`."""
    weight: float
    """Its probability, or what stands for it after roulette."""
    ended: bool
    """False where the turn grew too long."""


@dataclass(frozen=True)
class Tree:
    """One turn."""

    leaves: tuple[Leaf, ...]
    fed: int
    """Tokens that the model was given, beyond the past that all branches share."""


def grow(speaker: Speaker, least: float, dice: "np.random.Generator", longest: int = 512) -> Tree:
    """Raises `ValueError` for a `least` that is not between 0 and 1 (0 follows everything)."""
    if not 0 <= least < 1:
        raise ValueError(f"least is a probability below 1, not {least}")
    growing = growth(speaker.end, partial(lottery, least=least, dice=dice), longest)
    next(growing)
    chances = speaker.begin()
    while True:
        try:
            parents, tokens = growing.send(chances)
        except StopIteration as done:
            found: Tree = done.value
            return found
        chances = speaker.step(parents, tokens)


def growth(end: int, follow: "Follow", longest: int = 512, weight: float = 1.0) -> "Growth":
    """A tree that asks for what it needs: yields parents and tokens of branches, is sent the probabilities after them.

    The first that it yields is empty, and is answered by the probabilities of the first token, shape (1, vocabulary).
    """
    import numpy as np

    said: list[tuple[int, ...]] = [()]
    weights = np.full(1, weight)
    asked: tuple[list[int], list[int]] = [], []
    leaves: list[Leaf] = []
    fed = 0
    for length in range(1, longest + 1):
        parents, tokens, weights = follow(weights, (yield asked))  # kept nowhere: many trees may wait at once
        said = [(*said[p], t) for p, t in zip(parents.tolist(), tokens.tolist(), strict=True)]
        over = (tokens == end) | (length == longest)
        leaves += [Leaf(said[i], float(weights[i]), int(tokens[i]) == end) for i in np.flatnonzero(over)]
        going = np.flatnonzero(~over)
        if not len(going):
            break
        said, weights = [said[i] for i in going], weights[going]
        asked = parents[going].tolist(), tokens[going].tolist()
        fed += len(going)
    return Tree(tuple(leaves), fed)


def lottery(weights: "Floats", chances: "Floats", least: float, dice: "np.random.Generator") -> "tuple[Ints, Ints, Floats]":
    """Heavy children as they are, light ones by lot: parent, token and weight of each that is followed."""
    import numpy as np

    mass = (weights[:, None] * chances).ravel()
    heavy = np.flatnonzero((mass >= least) & (mass > 0))
    light = np.flatnonzero((mass < least) & (mass > 0))
    hit, times = roulette(mass[light], least, dice)
    chosen = np.concatenate([heavy, light[hit]])
    kept = np.concatenate([mass[heavy], least * times])
    order = np.argsort(chosen)
    parents, tokens = np.divmod(chosen[order], chances.shape[1])
    return parents, tokens, kept[order]


def roulette(mass: "Floats", width: float, dice: "np.random.Generator") -> "tuple[Ints, Floats]":
    """Which of the masses are hit by one throw into each stratum of this width, and how often; width x times is unbiased."""
    import numpy as np

    if not len(mass) or width <= 0:
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    ends = mass.cumsum()
    strata = int(np.ceil(ends[-1] / width))
    throws = (np.arange(strata) + dice.random(strata)) * width
    hits = np.searchsorted(ends, throws[throws < ends[-1]], side="right")
    found, times = np.unique(hits, return_counts=True)
    return found, times.astype(np.float64)
