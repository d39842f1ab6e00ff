"""All that a model might say in one turn, as a tree of tokens: likely branches exactly, unlikely ones by unbiased roulette.

A branch of at least `least` probability is followed as it is. Those that fall below it are laid side by side and cut into
strata of width `least`; one point is thrown into each, and goes on from the branch that it hit as a plain turn would, with
weight `least` to its end. So the expected weight of every branch is its probability, and a sum of weights over branches with
any property estimates the probability of that property without bias (Horvitz and Thompson 1952, J Am Stat Assoc 47:663;
roulette as in Fearnhead and Clifford 2003, J R Stat Soc B 65:887). There are never more than about 1/`least` branches at a
time.

Throws are independent of each other. So of what comes by throws only, the weight with a property is `least` times a sum of
independent zeros and ones, one for each stratum: its variance is at most `least` times its mean, and that none of it is seen
though it has probability m is at most as likely as exp(-m / least). Trees after one past have the same strata, so that two of
them tell the variance stratum by stratum (`rare.tree_rate`).
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
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
    """Its probability, or `least` for each throw."""
    ended: bool
    """False where the turn grew too long."""
    throws: tuple[int, ...] = ()
    """The strata whose throws led to it; none where it was followed exactly."""


@dataclass(frozen=True)
class Tree:
    """One turn."""

    leaves: tuple[Leaf, ...]
    fed: int
    """Tokens that the model was given, beyond the past that all branches share."""


class Branches(NamedTuple):
    """Branches to follow, one entry each."""

    parents: "Ints"
    tokens: "Ints"
    weights: "Floats"
    """Probabilities; of no meaning for a branch with throws."""
    throws: list[tuple[int, ...]]
    """Strata of those that go through it; none for a branch that is followed exactly."""


def grow(speaker: Speaker, least: float, dice: "np.random.Generator", longest: int = 512) -> Tree:
    """Raises `ValueError` for a `least` that is not between 0 and 1 (0 follows everything)."""
    if not 0 <= least < 1:
        raise ValueError(f"least is a probability below 1, not {least}")
    growing = growth(speaker.end, least, dice, longest)
    next(growing)
    chances = speaker.begin()
    while True:
        try:
            parents, tokens = growing.send(chances)
        except StopIteration as done:
            found: Tree = done.value
            return found
        chances = speaker.step(parents, tokens)


def growth(end: int, least: float, dice: "np.random.Generator", longest: int = 512, plain: int = 0) -> "Growth":
    """A tree that asks for what it needs: yields parents and tokens of branches, is sent the probabilities after them.

    The first that it yields is empty, and is answered by the probabilities of the first token, shape (1, vocabulary). With
    `plain` it is no tree but so many plain turns, drawn together, each of weight `least`.
    """
    import numpy as np

    said: list[tuple[int, ...]] = [()]
    weights, throws, strata = np.ones(1), [tuple(range(plain))], plain
    asked: tuple[list[int], list[int]] = [], []
    leaves: list[Leaf] = []
    fed = 0
    for length in range(1, longest + 1):
        (parents, tokens, weights, throws), strata = children(weights, throws, (yield asked), least, dice, strata)
        said = [(*said[p], t) for p, t in zip(parents.tolist(), tokens.tolist(), strict=True)]
        over = (tokens == end) | (length == longest)
        for i in np.flatnonzero(over):
            weight = least * len(throws[i]) if throws[i] else float(weights[i])
            leaves.append(Leaf(said[i], weight, int(tokens[i]) == end, throws[i]))
        going = np.flatnonzero(~over)
        if not len(going):
            break
        said, weights, throws = [said[i] for i in going], weights[going], [throws[i] for i in going]
        asked = parents[going].tolist(), tokens[going].tolist()
        fed += len(going)
    return Tree(tuple(leaves), fed)


def children(
    weights: "Floats",
    throws: Sequence[tuple[int, ...]],
    chances: "Floats",
    least: float,
    dice: "np.random.Generator",
    strata: int = 0,
) -> tuple[Branches, int]:
    """Of exact branches the heavy children as they are and the light ones by lot; of throws, where each goes next.

    New strata are numbered from `strata` on; the number after the last of them comes back too.
    """
    import numpy as np

    counts = np.array([len(one) for one in throws])
    exact, thrown = np.flatnonzero(counts == 0), np.flatnonzero(counts)
    mass = weights[exact, None] * chances[exact]
    heavy, light = np.nonzero(mass >= max(least, np.finfo(float).tiny)), np.nonzero((mass < least) & (mass > 0))
    hits = roulette(mass[light], least, dice)
    drawn: dict[int, tuple[int, ...]] = {}
    for stratum, hit in enumerate(hits.tolist(), strata):
        if hit < len(light[0]):
            drawn[hit] = (*drawn.get(hit, ()), stratum)
    new = np.array(list(drawn), dtype=np.int64)
    rows, said, many = scattered(counts[thrown], chances[thrown], dice)
    left = [dice.permutation(throws[i]).tolist() if len(throws[i]) > 1 else list(throws[i]) for i in thrown.tolist()]
    onward = [tuple(left[row].pop() for _ in range(k)) for row, k in zip(rows.tolist(), many.tolist(), strict=True)]
    parents = np.concatenate([exact[heavy[0]], exact[light[0][new]], thrown[rows]])
    tokens = np.concatenate([heavy[1], light[1][new], said])
    kept = np.concatenate([mass[heavy], np.zeros(len(new) + len(rows))])
    through = [*[()] * len(heavy[0]), *drawn.values(), *onward]
    order = np.lexsort((tokens, parents))
    return Branches(parents[order], tokens[order], kept[order], [through[i] for i in order]), strata + len(hits)


def roulette(mass: "Floats", width: float, dice: "np.random.Generator") -> "Ints":
    """One throw into each stratum of this width: which of the masses it hit, or their number where it hit none."""
    import numpy as np

    if not len(mass) or width <= 0:
        return np.zeros(0, dtype=np.int64)
    ends = mass.cumsum()
    strata = int(np.ceil(ends[-1] / width))
    return np.searchsorted(ends, (np.arange(strata) + dice.random(strata)) * width, side="right")


def scattered(counts: "Ints", chances: "Floats", dice: "np.random.Generator") -> "tuple[Ints, Ints, Ints]":
    """Each of `counts[i]` draws from row i of `chances`: row, column and how many, for each pair that came up."""
    import numpy as np

    alone, several = np.flatnonzero(counts == 1), np.flatnonzero(counts > 1)
    below = chances[alone].cumsum(axis=1)
    one = (below <= dice.random((len(alone), 1)) * below[:, -1:]).sum(axis=1)
    many = chances[several]
    found = dice.multinomial(counts[several], many / many.sum(axis=1, keepdims=True))
    rows, columns = np.nonzero(found)
    return (
        np.concatenate([alone, several[rows]]),
        np.concatenate([one, columns]),
        np.concatenate([np.ones(len(alone), dtype=np.int64), found[rows, columns]]),
    )
