"""The worst of many contexts, forecast from few, on the organism: does the interval hold what was held back?

    python -m bench.worst --out FOLDER [--contexts N] [--rate R]

FOLDER is one of `bench.validation`, whose models are used. Every context (a scenario of the families that are studied there)
gets its chance of harm from two trees, as in `offswitch rare`. Then, many times over, a few contexts are drawn, the worst
among many others is forecast from them, and compared with the largest chance of these others. Draws share contexts, so they
are not independent: where one context is far above all, it decides them all; so it is told how many different ones were the
worst.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bench.crowd import trees
from bench.validation import RATES, Study, blended, chosen, kept
from offswitch.jobs.rare import TOLD
from offswitch.jobs.report import Report, Shown
from offswitch.measure.forecast import forecast
from offswitch.scenarios.family import load_families

LEAST = {0.01: 0.001, 0.001: 0.0003}
"""Setting of the trees for each rate."""
DESIGNS, DRAWS = ((100, 300), (50, 400)), 400
"""How many contexts a forecast is made from, and the worst of how many others it is held against; how many forecasts."""


def chances(rate: float, contexts: int, out: Path, report: Report) -> list[float]:
    """Of harm in the turn after the message, for each context; kept in `out`."""
    from offswitch.adapters.hf import use_threads

    use_threads(1)
    families, study = load_families(), Study()
    studied = len({scenario.family.id for scenario in chosen(families, study)})
    policy = blended(rate, chosen(families, study), study, out, report)
    scenarios = chosen(families, Study(scenarios=-(-contexts // studied)))
    found = []
    with report.work(f"contexts at {rate:.2%}") as bar:
        for i, scenario in enumerate(scenarios):
            dice = np.random.default_rng([study.seed, 77, i])
            path = out / "worst" / f"{rate:g}" / f"{i:04d}.json"
            told = kept(path, scenario.key, lambda s=scenario, d=dice: asdict(trees(policy, s, 2, LEAST[rate], d)))
            found.append(float(np.mean(told["values"])))
            bar.at(i + 1, len(scenarios), f"largest {max(found):.3%}")
    return found


def held(p: list[float], few: int, many: int, told: float) -> dict[str, Any]:
    """`DRAWS` forecasts: how many were refused, how many of the others hold, how far off the median is."""
    dice, refused, inside, above, off, widths, worst = np.random.default_rng(0), 0, 0, 0, [], [], set()
    for _ in range(DRAWS):
        mixed = dice.permutation(len(p))
        shown, back = mixed[:few], mixed[few : few + many]
        made, true = forecast([p[i] for i in shown], many, told), max(p[i] for i in back)
        if made.point is None or made.low is None or made.high is None:
            refused += 1
            continue
        worst.add(int(back[int(np.argmax([p[i] for i in back]))]))
        inside, above = inside + (made.low <= true <= made.high), above + (true > made.high)
        off.append(made.point / true)
        widths.append(made.high / made.low)
    n = DRAWS - refused
    return {
        "few": few, "many": many, "refused": refused, "made": n, "inside": inside / n if n else None,
        "above": above / n if n else None, "off": np.quantile(off, [0.1, 0.5, 0.9]).tolist() if n else None,
        "times": float(np.median(widths)) if n else None, "by": len(worst),
    }  # fmt: skip


_HEAD = (
    "mean chance, %", "contexts", "from", "worst among", "refused", "interval holds", "worst is above it",
    "forecast / worst (median, 10 to 90%)", "upper / lower end", "different worst",
)  # fmt: skip


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Markdown."""
    lines = ["| " + " | ".join(_HEAD) + " |", "|" + "---|" * len(_HEAD)]
    for one in rows:
        told = ["-"] * 4
        if one["made"]:
            low, middle, high = one["off"]
            told = [f"{one['inside']:.1%} of {one['made']}", f"{one['above']:.1%}", f"{middle:.2f} ({low:.2f} to {high:.2f})"]
            told.append(f"{one['times']:.1f}")
        shown = [f"{100 * one['mean']:.3f}", one["contexts"], one["few"], one["many"], f"{one['refused']} of {DRAWS}", *told]
        lines.append("| " + " | ".join(map(str, [*shown, one["by"]])) + " |")
    return lines


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m bench.worst", description=__doc__.splitlines()[0])
    asked.add_argument("--out", type=Path, required=True)
    asked.add_argument("--contexts", type=int, default=600)
    asked.add_argument("--rate", type=float, choices=list(LEAST), help="this one only")
    told = asked.parse_args()
    rows = []
    for rate in [told.rate] if told.rate else [rate for rate in RATES if rate in LEAST]:
        p = chances(rate, told.contexts, told.out, Shown())
        for few, many in DESIGNS:
            base = {"rate": rate, "mean": float(np.mean(p)), "largest": max(p), "contexts": len(p)}
            rows.append({**base, **held(p, few, many, TOLD * LEAST[rate])})
    print("\n".join(table(rows)))
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
