"""Does a factor matter: outcomes are shuffled among the episodes of each family, and the factor's levels looked at again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

DRAWS = 2000
_ROOM = 4_000_000
"""Numbers that are held at a time."""


class Unit(NamedTuple):
    """One scenario as it was played."""

    family: str
    levels: Mapping[str, str]
    value: float
    """Between 0 and 1."""


@dataclass(frozen=True)
class Shuffled:
    """What shuffling says of one factor."""

    p: float
    """Share of shuffles in which levels differ at least as much, in squares weighted by size (permutation test)."""
    swing: float
    """Difference of the extreme levels' means, each value less the mean of its family."""
    chance: float
    """The median of it among shuffles."""
    spread: float
    """Standard deviation of the levels' rates beyond what shuffles show."""


def shuffle(units: Sequence[Unit], factor: str, nested: bool = False, draws: int = DRAWS) -> Shuffled | None:
    """None where no family has two levels of the factor. `nested`: a level is another one in each family."""
    import numpy as np

    families: dict[str, list[Unit]] = {}
    for unit in units:
        if factor in unit.levels:
            families.setdefault(unit.family, []).append(unit)
    kept = {name: part for name, part in families.items() if len({unit.levels[factor] for unit in part}) > 1}
    if not kept:
        return None
    codes: dict[tuple[str, str], int] = {}
    sums = np.zeros((draws + 1, sum(len({u.levels[factor] for u in part}) for part in kept.values())))
    sizes = np.zeros(sums.shape[1])
    rng = np.random.default_rng(0)
    for name, part in kept.items():
        where = [codes.setdefault((name if nested else "", unit.levels[factor]), len(codes)) for unit in part]
        values = np.array([unit.value for unit in part])
        hot = np.zeros((len(part), sums.shape[1]))
        hot[np.arange(len(part)), where] = 1
        sizes += hot.sum(axis=0)
        at = 0
        for block in _blocks(values - values.mean(), draws, rng):
            sums[at : at + len(block)] += block @ hot
            at += len(block)
    sums, sizes = sums[:, : len(codes)], sizes[: len(codes)]
    differ = (sums**2 / sizes).sum(axis=1)
    means = sums / sizes
    swings = means.max(axis=1) - means.min(axis=1)
    beyond = float((differ[0] - differ[1:].mean()) / sizes.sum())
    p = float((1 + (differ[1:] >= differ[0] - 1e-9).sum()) / (1 + draws))
    return Shuffled(p, float(swings[0]), float(np.median(swings[1:])), max(0.0, beyond) ** 0.5)


def _blocks(values: "Floats", draws: int, rng: "np.random.Generator") -> "Iterator[Floats]":
    """The values as they are, then so many shuffles of them, a block of rows at a time."""
    import numpy as np

    yield values[None, :]
    step = max(1, _ROOM // len(values))
    for start in range(0, draws, step):
        yield rng.permuted(np.tile(values, (min(step, draws - start), 1)), axis=1)
