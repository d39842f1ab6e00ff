"""Rare-event estimators on toys whose true rates are computed; `bench.validation` holds them to the truth on a model.

    python -m bench.rare [--repeats N]

Bias, how often the 95% interval holds the truth, and how many times fewer tokens (trees) or decisions (splitting) than
plain episodes it takes for the same variance. Then the design of `offswitch rare`, two trees for each of many scenarios, with
harm that is followed exactly, and with pasts that decide.
"""

import argparse
import json
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from bench.dice import steps
from bench.toy import LENGTH, toy, violates
from offswitch.measure.rare import Drawn, tree_rate, weighted_rate
from offswitch.measure.splitting import split
from offswitch.measure.tree import Tree, grow
from offswitch.scenarios.family import load_families
from offswitch.scenarios.scenario import draw

RATES = {0.01: 0.003, 0.001: 0.001, 0.0002: 0.0003}
"""True rates, and below which probability a tree plays roulette."""
TREES, REPLICATES, POOL, EFFORT, LIMIT = 30, 20, 240, 48, 8
LADDER = (0.25, 0.7, 1.0)
MIX = (0.02, 0.005, 0.002, 0.001, 0.0003, 0.0001)
"""Rates of the toys in a design."""
GROWN = 200
"""Trees of each, from which designs draw."""


@dataclass(frozen=True)
class Design:
    """Two trees for each scenario."""

    name: str
    rates: tuple[float, ...]
    """Of `MIX`, one for each scenario: harm that only throws find."""
    least: float
    sure: tuple[float, ...] = (0.0,)
    """Harm beside it that is followed exactly; repeated over the scenarios."""
    past: tuple[float, float] = (0.0, 0.0)
    """Chance of another past, and the harm that then comes on top, exactly."""


DESIGNS = tuple(
    design
    for least in (0.003, 0.001)
    for design in (
        Design("12 scenarios, harm by throws", MIX * 2, least),
        Design("12 scenarios, low rates", MIX[3:] * 4, least),
        Design("12 scenarios, 85% of harm exact", MIX[2:5] * 4, least, (0.015, 0.005, 0.0)),
        Design("12 scenarios, throws in one of them", (MIX[0], *(MIX[5],) * 11), least, (0.05,)),
        Design("12 scenarios, half the harm in one", (0.005, 0.001, *(0.0003,) * 10), least),
        Design("12 scenarios, all but a tenth in two", (0.005, 0.005, *(0.0001,) * 10), least),
        Design("100 scenarios, harm by throws", (MIX * 17)[:100], least),
        Design("12 scenarios, a past in two decides", MIX[2:5] * 4, least, (0.01,), (0.5, 0.001)),
        Design("12 scenarios, a past in five decides", MIX[2:5] * 4, least, (0.01,), (0.2, 0.01)),
        Design("12 scenarios, a past in twenty decides", MIX[2:5] * 4, least, (0.01,), (0.05, 0.03)),
    )
)


def trees(rate: float, least: float, repeats: int) -> dict[str, Any]:
    """`repeats` estimates, each from `TREES` trees of its own."""
    model, dice = toy(rate), np.random.default_rng(0)
    held, means, every, fed = 0, [], [], 0
    for _ in range(repeats):
        grown = [grow(model, least, dice) for _ in range(TREES)]
        seen = [found_in(tree) for tree in grown]
        found, values = tree_rate([seen], least, "tree"), [one.value for one in seen]
        assert found is not None
        held += found.low <= rate <= found.high
        fed += sum(tree.fed for tree in grown)
        means.append(found.point)
        every += values
    gain = rate * (1 - rate) * LENGTH / (np.var(every) * fed / len(every))
    return _row("tree", rate, means, held / repeats, gain)


def climbs(rate: float, repeats: int) -> dict[str, Any]:
    """`repeats` estimates of `REPLICATES` replicates, drawn from a pool of `POOL`."""
    policy, scenario = steps(rate, LIMIT), draw(load_families()["shutdown_notice"], 1, 0)[0]
    pool = [split(policy, scenario, EFFORT, i, LIMIT, LADDER) for i in range(POOL)]
    dice, held, means = np.random.default_rng(0), 0, []
    for _ in range(repeats):
        chosen = [pool[i] for i in dice.choice(POOL, REPLICATES, replace=False)]
        event = sum(one.next_event for one in chosen) / REPLICATES
        found = weighted_rate([[one.value for one in chosen]], event, "splitting")
        assert found is not None
        held += found.low <= rate <= found.high
        means.append(found.point)
    values, cost = [one.value for one in pool], float(np.mean([one.decisions for one in pool]))
    gain = rate * (1 - rate) * LIMIT / (np.var(values) * cost)
    row = _row("splitting", rate, means, held / repeats, gain)
    return {**row, "mean": float(np.mean(values)), "error": float(np.std(values) / POOL**0.5)}


def designs(repeats: int) -> list[dict[str, Any]]:
    """How often the interval holds, for each of `DESIGNS`."""
    dice, grown = np.random.default_rng(0), dict[tuple[float, float], list[Drawn]]()
    for rate, least in product(MIX, sorted({design.least for design in DESIGNS})):
        grown[rate, least] = [found_in(grow(toy(rate), least, dice)) for _ in range(GROWN)]
    return [_held(design, grown, repeats) for design in DESIGNS]


def found_in(tree: Tree) -> Drawn:
    """Harm in a toy's tree."""
    harmful = [leaf for leaf in tree.leaves if violates(leaf.tokens)]
    return Drawn(sum(leaf.weight for leaf in harmful), tuple(throw for leaf in harmful for throw in leaf.throws))


def _held(design: Design, grown: dict[tuple[float, float], list[Drawn]], repeats: int) -> dict[str, Any]:
    dice, n = np.random.default_rng(0), len(design.rates)
    sure, (chance, more) = np.resize(design.sure, n), design.past
    pools = [grown[rate, design.least] for rate in design.rates]  # drawn from these, they are the truth
    truth = float(np.mean([np.mean([tree.value for tree in pool]) for pool in pools]) + sure.mean() + chance * more)
    ends = []
    for _ in range(repeats):
        other = dice.random((n, 2)) < chance
        some = [
            [
                replace(pool[i], value=pool[i].value + s + more * o, past=str(o))
                for i, o in zip(dice.choice(GROWN, 2, replace=False), os, strict=True)
            ]
            for pool, s, os in zip(pools, sure, other, strict=True)
        ]
        found = tree_rate(some, design.least, "tree")
        assert found is not None
        ends.append((found.low, found.high))
    low, high = np.array(ends).T
    held, width = float(np.mean((low <= truth) & (truth <= high))), float(np.mean(high - low))
    return {"design": design.name, "least": design.least, "truth": truth, "coverage": held, "width": width}


def _row(method: str, rate: float, means: list[float], coverage: float, gain: float) -> dict[str, Any]:
    error = float(np.std(means) / len(means) ** 0.5)
    return {"method": method, "rate": rate, "mean": float(np.mean(means)), "error": error, "coverage": coverage, "gain": gain}


def show_toys(repeats: int) -> list[dict[str, Any]]:
    print(f"toys, {repeats} repeats (splitting: drawn from {POOL} replicates)")
    print("method       true rate        mean (error)      interval holds   times cheaper than plain episodes")
    rows = []
    for rate, least in RATES.items():
        for row in (trees(rate, least, repeats), climbs(rate, repeats)):
            rows.append(row)
            told = f"{100 * row['mean']:.4f}% ({100 * row['error']:.4f})"
            print(f"{row['method']:<12}{100 * rate:>8.2f}%{told:>22}{row['coverage']:>18.1%}{row['gain']:>14.1f}", flush=True)
    print("\ntwo trees a scenario                     least   true rate   interval holds   mean width, points")
    for row in designs(4 * repeats):
        rows.append(row)
        figures = f"{100 * row['truth']:>11.3f}%{row['coverage']:>17.1%}{100 * row['width']:>21.4f}"
        print(f"{row['design']:<40}{row['least']:>6}{figures}", flush=True)
    return rows


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m bench.rare")
    asked.add_argument("--repeats", type=int, default=250)
    print(json.dumps(show_toys(asked.parse_args().repeats)))


if __name__ == "__main__":
    main()
