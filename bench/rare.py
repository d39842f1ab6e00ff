"""Rare-event estimators against the truth: on toys whose rates are computed, and on a model against brute force.

    python -m bench.rare [--repeats N]
    python -m bench.rare --model FOLDER --episodes N --out FOLDER     (resumes; splits N over families and scenarios)

Toys: bias, how often the 95% interval holds the truth, and how many times fewer tokens (trees) or decisions (splitting) than
plain episodes it takes for the same variance. Model: a harmful act in the turn after the message, family by family, by trees
and by brute force on the very same scenarios.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from bench.dice import steps
from bench.toy import LENGTH, toy, violates
from offswitch.jobs.folder import write_whole
from offswitch.measure.estimate import exact
from offswitch.measure.rare import weighted_rate
from offswitch.measure.splitting import split
from offswitch.measure.tree import grow
from offswitch.scenarios.family import load_families
from offswitch.scenarios.scenario import Scenario, draw

RATES = {0.01: 0.003, 0.001: 0.001, 0.0002: 0.0003}
"""True rates, and below which probability a tree plays roulette."""
TREES, REPLICATES, POOL, EFFORT, LIMIT = 30, 20, 240, 48, 8
LADDER = (0.25, 0.7, 1.0)


def trees(rate: float, least: float, repeats: int) -> dict[str, Any]:
    """`repeats` estimates, each from `TREES` trees of its own."""
    model, dice = toy(rate), np.random.default_rng(0)
    held, means, every, fed = 0, [], [], 0
    for _ in range(repeats):
        grown = [grow(model, least, dice) for _ in range(TREES)]
        values = [sum(leaf.weight for leaf in tree.leaves if violates(leaf.tokens)) for tree in grown]
        found = weighted_rate([values], least, "tree")
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


def _row(method: str, rate: float, means: list[float], coverage: float, gain: float) -> dict[str, Any]:
    error = float(np.std(means) / len(means) ** 0.5)
    return {"method": method, "rate": rate, "mean": float(np.mean(means)), "error": error, "coverage": coverage, "gain": gain}


def against_brute_force(model: str, episodes: int, out: Path, n: int = 4, least: float = 0.001) -> list[dict[str, Any]]:
    """A row for each held-out family; what `out` holds already is not played again."""
    from offswitch.adapters.hf import load, use_threads

    use_threads(1)
    policy = load(model)
    families = [family for family in load_families().values() if family.split == "heldout"]
    rows = []
    for family in families:
        path = out / f"{family.id}.json"
        if not path.exists():
            scenarios = draw(family, n, 1)
            each = -(-episodes // (n * len(families)))
            found = {**brute(policy, scenarios, each), **enumerated(policy, scenarios, least)}
            write_whole(path, json.dumps({"family": family.id, "asked": [episodes, n, least], **found}) + "\n")
        row = json.loads(path.read_text(encoding="utf-8"))
        if row["asked"] != [episodes, n, least]:
            raise SystemExit(f"{path} was made with other settings; choose another --out")
        rows.append(row)
    return rows


def brute(policy: Any, scenarios: list[Scenario], each: int) -> dict[str, Any]:
    """Harmful acts in the turn after the message, in `each` plain episodes of each scenario."""
    from offswitch.measure.turn import Branch, Turn, told
    from offswitch.rollout.twins import past

    true, fed = 0, policy.fed
    for start in range(0, each, 256):
        pasts = [past(s, 12, 1 + start + i) for s in scenarios for i in range(min(256, each - start))]
        policy.play(pasts)
        turns = [one.onward(one.decisions + 1, draw=one.draw) for one in pasts]
        policy.play([one for one in turns if one.ending is None])
        true += sum(told(Turn((Branch(one, 1.0),), 0)).value > 0 for one in turns)
    return {"true": true, "n": each * len(scenarios), "brute_fed": policy.fed - fed}


def enumerated(policy: Any, scenarios: list[Scenario], least: float, repeats: int = 6) -> dict[str, Any]:
    """The same by trees, `repeats` for each scenario, after pasts of their own."""
    from offswitch.measure.turn import told
    from offswitch.rollout.twins import past

    values, fed = [], policy.fed
    for scenario in scenarios:
        pasts = [past(scenario, 12, 10_000 + i) for i in range(repeats)]
        policy.play(pasts)
        going = [one.onward(12, draw=one.draw) for one in pasts]
        values.append([told(policy.turn(one, least, i)).value if one.ending is None else 0.0 for i, one in enumerate(going)])
    found = weighted_rate(values, least, "tree")
    assert found is not None
    return {"point": found.point, "low": found.low, "high": found.high, "tree_fed": policy.fed - fed}


def show_toys(repeats: int) -> list[dict[str, Any]]:
    print(f"toys, {repeats} repeats (splitting: drawn from {POOL} replicates)")
    print("method       true rate        mean (error)      interval holds   times cheaper than plain episodes")
    rows = []
    for rate, least in RATES.items():
        for row in (trees(rate, least, repeats), climbs(rate, repeats)):
            rows.append(row)
            told = f"{100 * row['mean']:.4f}% ({100 * row['error']:.4f})"
            print(f"{row['method']:<12}{100 * rate:>8.2f}%{told:>22}{row['coverage']:>18.1%}{row['gain']:>14.1f}", flush=True)
    return rows


def show_model(model: str, episodes: int, out: Path) -> list[dict[str, Any]]:
    rows = against_brute_force(model, episodes, out)
    print("family                 brute force, %                 tree, %                     tokens: brute      tree   agree")
    for row in rows:
        low, high = exact(row["true"], row["n"])
        agree = low <= row["high"] and row["low"] <= high
        one = f"{100 * row['true'] / row['n']:.3f} [{100 * low:.3f}, {100 * high:.3f}]"
        two = f"{100 * row['point']:.4f} [{100 * row['low']:.4f}, {100 * row['high']:.4f}]"
        print(
            f"{row['family']:<20}{one:>26}{two:>30}{row['brute_fed']:>15,}{row['tree_fed']:>10,}{'yes' if agree else 'NO':>8}"
        )
    return rows


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m bench.rare")
    asked.add_argument("--repeats", type=int, default=250)
    asked.add_argument("--model")
    asked.add_argument("--episodes", type=int, default=200_000)
    asked.add_argument("--out", type=Path, default=Path("runs/bench-rare"))
    told = asked.parse_args()
    rows = show_model(told.model, told.episodes, told.out) if told.model else show_toys(told.repeats)
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
