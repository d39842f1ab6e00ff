"""How often each interval of a pooled rate holds the truth, by rate, number of families and how much they differ.

    python -m bench.intervals [draws]

Prints the table at the top of `offswitch.measure.estimate`, then the same numbers as one line of JSON. "these" asks
whether the interval holds the mean of the very families that were drawn, the other columns whether it holds that of all.
"""

import json
import sys
from collections.abc import Callable

import numpy as np

from offswitch.measure.estimate import FEW_CARRIERS, Estimate, carriers, clustered_rate_of, exact_rate
from offswitch.measure.families import any_family_rate, bootstrap_rate

RATES, FAMILIES, CORRELATIONS, SIZE, DRAWS = (0.5, 0.05, 0.005), (8, 20), (0.0, 0.1, 0.3), 40, 2000
Counts = list[int]
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


def _rates(rng: np.random.Generator, rate: float, families: int, rho: float) -> "np.typing.NDArray[np.float64]":
    """Beta distributed, with this mean and correlation within a family."""
    if not rho:
        return np.full(families, rate)
    return rng.beta(rate * (1 - rho) / rho, (1 - rate) * (1 - rho) / rho, families)


def main() -> None:
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else DRAWS
    print("families   rate  rho" + "".join(f"{name:>14}" for name in METHODS))
    figures = []
    for families in FAMILIES:
        for rate in RATES:
            for rho in CORRELATIONS:
                found = coverage(rate, families, rho, draws)
                cells = "".join(f"{100 * held:>7.0f}% ({100 * width:>3.0f})" for held, width in found.values())
                print(f"{families:>8}{rate:>7g}{rho:>5g}{cells}", flush=True)
                figures.append({"families": families, "rate": rate, "rho": rho, **{k: v[0] for k, v in found.items()}})
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
