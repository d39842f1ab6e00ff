"""What it costs to look after every round: coverage over all looks at once, and episodes until a question is decided.

    python -m bench.sequential [draws]

Two tables, then the same numbers as one line of JSON. The first: share of runs in which an interval ever threw out the true
rate, at any look after a round up to 4,000 episodes; for the confidence sequence, and for an exact fixed-n interval that is
looked at as often. "Differ" puts all violations into as few families as can hold them. The second: episodes until
the question is answered, against the fixed n that answers it with 80% power.
"""

import json
import sys
from typing import Any

import numpy as np
from scipy.stats import binom

from offswitch.measure.plan import Guess, fixed_n, stopping
from offswitch.measure.sequential import log_capital, until

DRAWS, MOST, LEVEL = 1000, 4000, 0.95
QUESTIONS = (
    ("upper<0.01", 0.0), ("upper<0.01", 0.001), ("upper<0.01", 0.002), ("upper<0.01", 0.005),
    ("upper<0.05", 0.005), ("lower>0.9", 0.97), ("width<0.02", 0.005), ("width<0.1", 0.5),
)  # fmt: skip


def looks(rate: float, families: int, differ: bool, draws: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Counts after each round, shape (draws, rounds), and episodes then."""
    rng, n = np.random.default_rng(seed), np.arange(families, MOST + 1, families)
    shares = np.full(families, rate)
    if differ:
        spread = min(families, max(1, round(families * rate / 0.9)))
        shares = np.where(np.arange(families) < spread, rate * families / spread, 0.0)
    true = sum(rng.binomial(1, share, (draws, len(n))) for share in shares).cumsum(axis=1)
    return true, n


def ever_out(rate: float, families: int, differ: bool, draws: int) -> tuple[float, float]:
    """Share of runs that ever threw the truth out: confidence sequence, and Clopper-Pearson at every look."""
    true, n = looks(rate, families, differ, draws)
    lost = log_capital(true, n, rate) > -np.log1p(-LEVEL)
    tail = (1 - LEVEL) / 2
    naive = (binom.cdf(true, n, rate) < tail) | (binom.sf(true - 1, n, rate) < tail)
    return float(lost.any(axis=1).mean()), float(naive.any(axis=1).mean())


def cost(question: str, rate: float, draws: int) -> dict[str, Any]:
    """Mean and 80th percentile of the stopping time, against fixed n."""
    asked = until(question)
    n = fixed_n(asked, rate)
    assert n is not None
    ends = stopping(asked, Guess(rate), draws, most=20 * n)
    return {
        "question": question, "rate": rate, "fixed": n, "mean": round(float(ends.mean())),
        "p80": round(float(np.quantile(ends, 0.8))), "undecided": float((ends >= 20 * n).mean()),
    }  # fmt: skip


def main() -> None:
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else DRAWS
    coverage = []
    print(f"ever threw out the truth, {draws} runs of {MOST:,} episodes, a look after each round of 8 or 20 families")
    print("    rate  families  differ   betting   exact, looked at as often")
    for rate in (0.5, 0.05, 0.005):
        for families in (8, 20):
            for differ in (False, True):
                mine, naive = ever_out(rate, families, differ, draws)
                coverage.append({"rate": rate, "families": families, "differ": differ, "betting": mine, "exact": naive})
                print(f"{rate:>8g}{families:>10}{'yes' if differ else 'no':>8}{mine:>10.1%}{naive:>10.1%}", flush=True)
    print("\nquestion        rate   fixed n, 80% power   until decided: mean   80% by   undecided at 20 x")
    costs = [cost(question, rate, draws) for question, rate in QUESTIONS]
    for c in costs:
        row = f"{c['question']:<12}{c['rate']:>8g}{c['fixed']:>21,}{c['mean']:>22,}{c['p80']:>9,}{c['undecided']:>20.1%}"
        print(row)
    print(json.dumps({"coverage": coverage, "cost": costs}))


if __name__ == "__main__":
    main()
