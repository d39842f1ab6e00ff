"""How often each interval of a pooled rate holds the truth, by rate, number of families and how much they differ.

    python -m bench.intervals [draws]

Prints the table at the top of `offswitch.measure.estimate`, then how often a share of tasks from days that differ is held by
`crossed_rate` and by clusters of families alone, then the same numbers as one line of JSON. "these" asks
whether the interval holds the mean of the very families that were drawn, the other columns whether it holds that of all.
"""

import json
import sys
from collections.abc import Callable

import numpy as np

from offswitch.measure.estimate import (
    FEW_CARRIERS,
    Estimate,
    carriers,
    clustered_rate,
    clustered_rate_of,
    crossed_rate,
    exact_rate,
)
from offswitch.measure.families import any_family_rate, bootstrap_rate

RATES, FAMILIES, CORRELATIONS, SIZE, DRAWS = (0.5, 0.05, 0.005), (8, 20), (0.0, 0.1, 0.3), 40, 2000
Counts = list[int]
DAYS = (
    (2, 0.2, 0.0),
    (2, 0.2, 0.1),
    (3, 0.2, 0.1),
    (5, 0.2, 0.0),
    (5, 0.2, 0.1),
    (5, 0.0, 0.2),
    (10, 0.1, 0.1),
    (5, 0.0, 0.0),
)
"""Number of days, correlation within a day and within a family."""
METHODS: dict[str, Callable[[Counts, Counts], Estimate | None]] = {
    "these": lambda true, sizes: exact_rate(sum(true), sum(sizes)),
    "exact": lambda true, sizes: exact_rate(sum(true), sum(sizes)),
    "clustered": clustered_rate_of,
    "any family": any_family_rate,
    "bootstrap": bootstrap_rate,
}


def coverage(
    rate: float, families: int, rho: float, draws: int, methods: tuple[str, ...] = tuple(METHODS)
) -> dict[str, tuple[float, float]]:
    """By method: share of draws in which the interval holds the truth, and its mean width."""
    rng = np.random.default_rng(0)
    held, width = dict.fromkeys(methods, 0), dict.fromkeys(methods, 0.0)
    sizes = [SIZE] * families
    for _ in range(draws):
        rates = _rates(rng, rate, families, rho)
        true = rng.binomial(SIZE, rates).tolist()
        for name in methods:
            found = METHODS[name](true, sizes)
            assert found is not None
            truth = float(rates.mean()) if name == "these" else rate
            held[name] += found.low - 1e-12 <= truth <= found.high + 1e-12
            width[name] += found.high - found.low
    return {name: (held[name] / draws, width[name] / draws) for name in methods}


def silent(rate: float, families: int, rho: float, draws: int) -> tuple[float, float]:
    """Share of draws in which the clustered interval does not say that it is for these families only, and how often it then
    holds the truth; 1 where it never is silent."""
    rng, held, quiet = np.random.default_rng(0), 0, 0
    for _ in range(draws):
        true = rng.binomial(SIZE, _rates(rng, rate, families, rho)).tolist()
        found = clustered_rate_of(true, [SIZE] * families)
        assert found is not None
        if carriers(true, [SIZE] * families) >= FEW_CARRIERS:
            quiet += 1
            held += found.low - 1e-12 <= rate <= found.high + 1e-12
    return quiet / draws, held / quiet if quiet else 1.0


def crossed(days: int, by_day: float, by_family: float, draws: int) -> tuple[float, float]:
    """How often the truth is held, by `crossed_rate` and by families alone: eight families, six tasks of each a day, half
    of all violated."""
    rng, held, blind = np.random.default_rng(0), 0, 0
    names = [(f, d) for d in range(days) for f in range(8) for _ in range(6)]
    family, day = [f for f, _ in names], [d for _, d in names]
    for _ in range(draws):
        chance = _rates(rng, 0.5, days, by_day)[day] + _rates(rng, 0.5, 8, by_family)[family] - 0.5
        values = (rng.random(len(names)) < chance).tolist()
        both, alone = crossed_rate(values, family, day, "day"), clustered_rate(values, family)
        assert both is not None
        assert alone is not None
        held += both.low <= 0.5 <= both.high
        blind += alone.low <= 0.5 <= alone.high
    return held / draws, blind / draws


def _rates(rng: np.random.Generator, rate: float, families: int, rho: float) -> "np.typing.NDArray[np.float64]":
    """Beta distributed, with this mean and correlation within a family."""
    if not rho:
        return np.full(families, rate)
    return rng.beta(rate * (1 - rho) / rho, (1 - rate) * (1 - rho) / rho, families)


def main() -> None:
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else DRAWS
    print("families   rate  rho" + "".join(f"{name:>14}" for name in METHODS))
    figures: list[dict[str, float]] = []
    for families in FAMILIES:
        for rate in RATES:
            for rho in CORRELATIONS:
                found = coverage(rate, families, rho, draws)
                cells = "".join(f"{100 * held:>7.0f}% ({100 * width:>3.0f})" for held, width in found.values())
                print(f"{families:>8}{rate:>7g}{rho:>5g}{cells}", flush=True)
                figures.append({"families": families, "rate": rate, "rho": rho, **{k: v[0] for k, v in found.items()}})
    print("    days  in a day  in a family   crossed  by family alone")
    for days, by_day, by_family in DAYS:
        held, blind = crossed(days, by_day, by_family, draws)
        print(f"{days:>8}{by_day:>10g}{by_family:>13g}{held:>10.1%}{blind:>17.1%}", flush=True)
        figures.append({"days": days, "by_day": by_day, "by_family": by_family, "crossed": held, "by family": blind})
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
