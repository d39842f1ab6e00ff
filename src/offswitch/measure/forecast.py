"""The worst of many scenarios from few: extrapolation along the upper tail of elicitation probabilities, or a refusal.

Each scenario's chance of harm p becomes a score -log(-log p). Where the largest scores fall off exponentially, so do those of
many more scenarios that are drawn alike, and the worst among n of them can be forecast (Jones et al. 2025, arXiv
2502.16797, who fit a line to the log survival of the ten largest). Here the tail is fitted by maximum likelihood, which
makes the forecast a pivot: excesses over the next score, times their rate, are Gamma distributed, the share of scenarios
above it is Beta distributed (Pickands 1975, Annals of Statistics 3:119; Renyi 1953, Acta Mathematica Hungarica 4:191, for
the spacings), so that its interval holds exactly where the assumption does.

The assumption is tested, and a forecast that fails a test has no figure: enough chances in the tail, all told well enough;
excesses that are exponential (Greenwood 1946, J R Stat Soc 109:85, by simulation); and a forecast from a quarter of the
scenarios that foresees the worst of the others. What no test can see is a kind of scenario so rare that none came up: if one
in 1,000 scenarios is of a kind that fails half the time, 200 scenarios say nothing of it. The forecast speaks of scenarios
from the same families and factors, in the same proportions, and of nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

FEWEST = 10
"""Chances in the tail below which nothing is forecast."""
SHARE = 0.1
"""Of the scenarios, the tail."""
ALPHA = 0.05
_DRAWS = 4000
_SPLITS = 40


@dataclass(frozen=True)
class Forecast:
    """The largest chance of harm among `among` further scenarios, or why it cannot be told."""

    among: int
    scenarios: int
    """That it is made from."""
    tail: int
    """How many of them it rests on."""
    point: float | None
    """Median; None where a test failed."""
    low: float | None
    high: float | None
    level: float
    exponential: float | None
    """p of the tail's shape; None where too few."""
    foreseen: float | None
    """Share of splits in which a quarter of the scenarios foresaw the worst of the others; None where too few for that."""
    why: str
    """Why there is no figure; empty where there is."""


def forecast(chances: Sequence[float], among: int, told: float = 0.0, level: float = 0.95) -> Forecast:
    """From the chance of harm of each scenario; those below `told` are too uncertain to be in the tail.

    For trees `told` is about ten times `least`. Seeded. Raises `ValueError` for chances outside [0, 1] or `among` below 1.
    """
    import numpy as np

    p = np.asarray(chances, dtype=float)
    if among < 1 or (p.size and not (p.min() >= 0 and p.max() <= 1)):
        raise ValueError("needs chances between 0 and 1, and at least one scenario to forecast")
    k = tail_of(p, told)
    if k < FEWEST:
        why = f"only {k} of {len(p)} scenarios are in the tail with a chance above {told:g}; {FEWEST} are needed: play more"
        return Forecast(among, len(p), k, None, None, None, level, None, None, why)
    shape, seen = greenwood(_excesses(_scores(p), k)), foreseen(p, told, level)
    why = ""
    if shape < ALPHA:
        why = f"the largest chances do not fall off exponentially (p = {shape:.3f})"
    elif seen is not None and seen < 0.5:
        why = f"a quarter of these scenarios foresees the worst of the others in {seen:.0%} of splits only"
    if why:
        return Forecast(among, len(p), k, None, None, None, level, shape, seen, why)
    low, point, high = ends(p, k, among, level)
    return Forecast(among, len(p), k, point, low, high, level, shape, seen, "")


def tail_of(p: "Floats", told: float) -> int:
    """How many of the largest are taken: a tenth, at least ten where so many are told well; never the last of all."""
    return int(min(max(FEWEST, SHARE * len(p)), (p > told).sum(), len(p) - 1))


def ends(p: "Floats", k: int, among: int, level: float = 0.95) -> tuple[float, float, float]:
    """Low end, median and high end of the largest chance among so many more, resting on the `k` largest."""
    import numpy as np

    dice, scores = np.random.default_rng(0), np.sort(_scores(p))[::-1]
    edge, excess = scores[k], _excesses(scores, k).sum()
    rate = dice.gamma(k, size=_DRAWS) / excess
    above = dice.beta(k + 1, len(p) - k, _DRAWS)
    lowest = -np.expm1(np.log(dice.random(_DRAWS)) / among)  # of so many uniform draws: the survival of the largest
    worst = edge + np.maximum(0.0, np.log(above / lowest)) / rate
    low, point, high = np.exp(-np.exp(-np.quantile(worst, [(1 - level) / 2, 0.5, (1 + level) / 2])))
    return float(low), float(point), float(high)


def greenwood(excesses: "Floats", draws: int = _DRAWS) -> float:
    """Two-sided p that these are exponential: the sum of squared shares against that of simulated ones."""
    import numpy as np

    def squares(x: "Floats") -> "Floats":
        shares: Floats = ((x / x.sum(axis=-1, keepdims=True)) ** 2).sum(axis=-1)
        return shares

    drawn = squares(np.random.default_rng(0).exponential(size=(draws, len(excesses))))
    seen = squares(np.asarray(excesses))
    larger, smaller = (1 + (drawn >= seen).sum()) / (draws + 1), (1 + (drawn <= seen).sum()) / (draws + 1)
    return float(min(1.0, 2 * min(larger, smaller)))


def foreseen(p: "Floats", told: float, level: float = 0.95) -> float | None:
    """Share of random splits in which the forecast from a quarter holds the largest of the rest; None for too few."""
    import numpy as np

    dice, quarter, held = np.random.default_rng(0), len(p) // 4, list[bool]()
    for _ in range(_SPLITS):
        mixed = dice.permutation(p)
        few, rest = mixed[:quarter], mixed[quarter:]
        k = tail_of(few, told)
        if k >= FEWEST:
            low, _, high = ends(few, k, len(rest), level)
            held.append(bool(low <= rest.max() <= high))
    return float(np.mean(held)) if len(held) > _SPLITS // 2 else None


def _scores(p: "Floats") -> "Floats":
    import numpy as np

    with np.errstate(divide="ignore"):
        scores: Floats = -np.log(-np.log(np.clip(p, 0.0, 1 - 1e-12)))
    return scores


def _excesses(scores: "Floats", k: int) -> "Floats":
    """Of the `k` largest over the next."""
    import numpy as np

    ordered = np.sort(scores)[::-1]
    excesses: Floats = ordered[:k] - ordered[k]
    return excesses
