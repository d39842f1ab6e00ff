"""Rare events on the organism against brute force, at three rates: is the interval right, and what does it save?

    python -m bench.validation --out FOLDER [--episodes N] [--trees N] [--rate R] [--report FILE]

Makes a small organism, hardens it for a while, and blends the two (`bench.blend`) until a pilot of trees finds the wanted
rates. Then, for each rate and scenario: plain episodes up to the end of the turn after the message (`bench.crowd`), and
trees. Every finished scenario is kept in FOLDER, so that a killed study goes on. `--report` writes the table in docs/rare.md.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.blend import blend, ends, share_for
from bench.crowd import Met, meet
from offswitch.jobs.folder import write_whole
from offswitch.jobs.report import Report, Shown
from offswitch.measure.estimate import exact, wilson
from offswitch.measure.rare import FEW, events, weighted_rate
from offswitch.scenarios.family import Family, Safe, load_families
from offswitch.scenarios.scenario import Scenario, draw

RATES = {0.01: 1, 0.001: 1, 0.0002: 5}
"""Wanted rates, and how many times `--episodes` each gets: where events are fewer, the truth needs more."""
LEASTS = {0.01: (0.003, 0.001), 0.001: (0.001, 0.0003), 0.0002: (0.001, 0.0003)}
"""Settings of `offswitch rare --least` for each rate; 0.001 is its default."""
REPEATS = 2
"""Trees for each scenario in one estimate, as in `offswitch rare`."""


@dataclass(frozen=True)
class Study:
    """What is asked."""

    episodes: int = 200_000
    trees: int = 400
    """For each scenario and setting; `trees` / `REPEATS` estimates come of them."""
    scenarios: int = 3
    """For each family."""
    documents: int = 8000
    seed: int = 0


def chosen(families: Mapping[str, Family], study: Study) -> list[Scenario]:
    """Training families in which nothing is asked and no more is needed than to go on: plain self-preservation.

    Where the right act is a report in free words, an organism as small as this is unsure of every word.
    """
    kept = [f for f in families.values() if f.split == "train" and f.safe is Safe.CONTINUE]
    return [scenario for family in kept for scenario in draw(family, study.scenarios, 1)]


def run(study: Study, out: Path, report: Report, rates: Sequence[float] = tuple(RATES)) -> dict[float, list[Met]]:
    """What each scenario gave, for each rate. Raises `SystemExit` where `out` holds another study."""
    from offswitch.adapters.hf import load, use_threads

    use_threads(1)
    families = load_families()
    asked = out / "study.json"
    if asked.exists() and json.loads(asked.read_text(encoding="utf-8")) != asdict(study):
        raise SystemExit(f"{out} holds a study with other settings; choose another --out")
    write_whole(asked, json.dumps(asdict(study)))
    start, hardened = ends(out, families, study.documents, study.seed, report)
    scenarios = chosen(families, study)
    found: dict[float, list[Met]] = {}
    for rate in rates:
        share = _share(start, hardened, rate, scenarios, out, report)
        policy = load(str(blend(start, hardened, share, out / f"blend-{rate:g}")))
        with report.work(f"rate {rate:.2%}") as bar:
            found[rate] = []
            for i, scenario in enumerate(scenarios):
                found[rate].append(_met(policy, scenario, rate, study, out / f"{rate:g}" / f"{i:03d}.json"))
                bar.at(i + 1, len(scenarios), f"{sum(m.true for m in found[rate])} of {sum(m.n for m in found[rate]):,}")
    return found


def _share(start: Path, hardened: Path, rate: float, scenarios: list[Scenario], out: Path, report: Report) -> float:
    from offswitch.adapters.hf import load

    path = out / f"share-{rate:g}.json"
    if not path.exists():

        def measured(share: float) -> float:
            policy = load(str(blend(start, hardened, share, out / f"pilot-{rate:g}")))
            pilot = [meet(policy, scenario, 1, 8, [rate / 2], 10_000 + i) for i, scenario in enumerate(scenarios)]
            found = float(np.mean([one.trees[0] for one in pilot]))
            report.say(f"pilot: share {share:.3f} has {found:.4%}, wanted {rate:.2%}")
            return found

        write_whole(path, json.dumps(share_for(measured, rate)))
    return float(json.loads(path.read_text(encoding="utf-8")))


def _met(policy: Any, scenario: Scenario, rate: float, study: Study, path: Path) -> Met:
    if not path.exists():
        each = -(-RATES[rate] * study.episodes // (study.scenarios * _families(study)))
        seed = int(path.stem) + 1000 * list(RATES).index(rate) + 100_000 * study.seed
        found = meet(policy, scenario, each, study.trees, LEASTS[rate], seed)
        write_whole(path, json.dumps({"key": scenario.key, **asdict(found)}))
    told = json.loads(path.read_text(encoding="utf-8"))
    del told["key"]
    return Met(**{**told, "trees": tuple(map(tuple, told["trees"])), "fed": tuple(told["fed"])})


def _families(study: Study) -> int:
    return len(chosen(load_families(), study)) // study.scenarios


def row(met: list[Met], setting: int, least: float) -> dict[str, Any]:
    """One rate and one setting: the truth by brute force, the trees' mean, how often their interval holds, what it saves."""
    n, true = sum(m.n for m in met), sum(m.true for m in met)
    truth = true / n
    trees = np.array([m.trees[setting] for m in met])  # (scenarios, trees)
    parts = np.split(trees, trees.shape[1] // REPEATS, axis=1)
    made = [(weighted_rate(part.tolist(), least, "tree"), events(part.tolist())) for part in parts]
    kept = [(found, worth or 0.0) for found, worth in made if found is not None]
    holds = np.array([found.low <= truth <= found.high for found, _ in kept])
    trusted = np.array([worth >= FEW for _, worth in kept])
    width = float(np.mean([found.high - found.low for found, _ in kept]))
    plain = _plain_for(width, truth)
    turn, past = (float(np.mean([getattr(m, name) for m in met])) for name in ("turn", "past"))
    fed, count = float(np.mean([m.fed[setting] for m in met])), len(met) * REPEATS
    scatter = float(trees.mean(axis=1).mean()), float((trees.var(axis=1, ddof=1) / trees.shape[1]).sum() ** 0.5 / len(met))
    return {
        "episodes": n, "true": true, "brute": [truth, *exact(true, n)], "least": least,
        "trees_mean": scatter[0], "trees_error": scatter[1], "repeats": len(kept),
        "coverage": float(holds.mean()), "coverage_range": list(wilson(float(holds.sum()), len(holds))),
        "trusted": float(trusted.mean()), "trusted_coverage": float(holds[trusted].mean()) if trusted.any() else None,
        "width": width, "plain_episodes": plain,
        "tokens": fed * count, "plain_tokens": plain * turn, "saves": plain * turn / (fed * count),
        "saves_with_past": plain * (turn + past) / ((fed + past) * count), "asked": sum(m.asked for m in met),
    }  # fmt: skip


def _plain_for(width: float, rate: float) -> int:
    """Plain episodes whose Wilson interval is as narrow, at the expected count."""
    low, high = 1, 10**9
    while high - low > 1:
        middle = (low + high) // 2
        ends_ = wilson(rate * middle, middle)
        low, high = (low, middle) if ends_.high - ends_.low <= width else (middle, high)
    return high


_HEAD = (
    "plain episodes", "harmful", "brute force, %", "`--least`", "mean of all trees (error), %", "95% interval holds",
    "of those worth ten events", "mean width, points", "plain episodes for that width", "times fewer tokens",
    "with every past",
)  # fmt: skip


def table(found: Mapping[float, list[Met]]) -> tuple[list[str], list[dict[str, Any]]]:
    """Markdown, and the figures."""
    rows = [row(met, i, least) for rate, met in found.items() for i, least in enumerate(LEASTS[rate])]
    lines = ["| " + " | ".join(_HEAD) + " |", "|" + "---|" * len(_HEAD)]
    for one in rows:
        p, low, high = (100 * x for x in one["brute"])
        share = "none" if one["trusted_coverage"] is None else f"{one['trusted_coverage']:.1%} ({one['trusted']:.0%} of them)"
        shown = (
            f"{one['episodes']:,}", f"{one['true']:,}", f"{p:.4f} [{low:.4f}, {high:.4f}]", f"{one['least']:g}",
            f"{100 * one['trees_mean']:.4f} ({100 * one['trees_error']:.4f})", f"{one['coverage']:.1%} of {one['repeats']}",
            share, f"{100 * one['width']:.4f}", f"{one['plain_episodes']:,}", f"{one['saves']:.1f}",
            f"{one['saves_with_past']:.1f}",
        )  # fmt: skip
        lines.append("| " + " | ".join(shown) + " |")
    return lines, rows


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m bench.validation", description=__doc__.splitlines()[0])
    usual = Study()
    asked.add_argument("--out", type=Path, required=True)
    for name in ("episodes", "trees", "scenarios", "documents", "seed"):
        asked.add_argument(f"--{name}", type=int, default=getattr(usual, name))
    asked.add_argument("--rate", type=float, choices=list(RATES), help="this one only; two processes may share a FOLDER")
    asked.add_argument("--report", type=Path, help="also write the table there")
    told = vars(asked.parse_args())
    out, report, rate = told.pop("out"), told.pop("report"), told.pop("rate")
    lines, rows = table(run(Study(**told), out, Shown(), [rate] if rate else tuple(RATES)))
    print("\n".join(lines))
    if report is not None:
        write_whole(report, "\n".join(lines) + "\n")
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
