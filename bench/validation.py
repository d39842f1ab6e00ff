"""Rare events on the organism against brute force, at three rates: is the interval right, and what does it save?

    python -m bench.validation --out FOLDER [--episodes N] [--trees N] [--draw K ...] [--rate R] [--report FILE]

Makes a small organism, hardens it for a while, and blends the two (`bench.blend`) until a pilot of trees finds the wanted
rates. Then, for each rate and scenario: plain episodes up to the end of the turn after the message (`bench.crowd`), and
trees. Every finished scenario is kept in FOLDER, so that a killed study goes on. Another `--draw` grows fresh trees against
the same plain episodes; several are taken together. `--report` writes the table in docs/rare.md.
"""

import argparse
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.blend import blend, ends, share_for
from bench.crowd import Grown, Plain, crowd, trees
from offswitch.jobs.folder import write_whole
from offswitch.jobs.report import Report, Shown
from offswitch.measure.estimate import exact, wilson
from offswitch.measure.rare import FEW, Drawn, events, tree_rate, tree_variance
from offswitch.scenarios.family import Family, Safe, load_families
from offswitch.scenarios.scenario import Scenario
from offswitch.scenarios.scenario import draw as drawn

RATES = {0.01: 1, 0.001: 10, 0.0002: 25}
"""Wanted rates, and how many times `--episodes` each gets: so many that the truth is surer than any one estimate."""
LEASTS = {0.01: (0.003, 0.001), 0.001: (0.001, 0.0003), 0.0002: (0.001, 0.0003)}
"""Settings of `offswitch rare --least` for each rate; 0.001 is its default."""
REPEATS = 2
"""Trees for each scenario in one estimate, as in `offswitch rare`."""
_PASTS = 10**6  # more than a draw has


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
    return [scenario for family in kept for scenario in drawn(family, study.scenarios, 1)]


@dataclass(frozen=True)
class Met:
    """What one scenario gave."""

    plain: Plain
    trees: tuple[Grown, ...]
    """For each setting of `least`."""


def run(
    study: Study, out: Path, report: Report, rates: Sequence[float] = tuple(RATES), draws: Sequence[int] = (0,)
) -> dict[float, list[Met]]:
    """What each scenario gave, for each rate. Raises `SystemExit` where `out` holds another study."""
    from offswitch.adapters.hf import use_threads

    use_threads(1)
    families = load_families()
    asked = out / "study.json"
    if asked.exists() and json.loads(asked.read_text(encoding="utf-8")) != asdict(study):
        raise SystemExit(f"{out} holds a study with other settings; choose another --out")
    write_whole(asked, json.dumps(asdict(study)))
    scenarios = chosen(families, study)
    found: dict[float, list[Met]] = {}
    for rate in rates:
        policy = blended(rate, scenarios, study, out, report)
        with report.work(f"rate {rate:.2%}") as bar:
            found[rate] = []
            for i, scenario in enumerate(scenarios):
                found[rate].append(_met(policy, scenario, i, rate, study, out / f"{rate:g}", draws))
                seen = [one.plain for one in found[rate]]
                bar.at(i + 1, len(scenarios), f"{sum(m.true for m in seen)} of {sum(m.n for m in seen):,}")
    return found


def blended(rate: float, scenarios: list[Scenario], study: Study, out: Path, report: Report) -> Any:
    """The model whose pilot had about this rate."""
    from offswitch.adapters.hf import load

    start, hardened = ends(out, load_families(), study.documents, study.seed, report)
    share = _share(start, hardened, rate, scenarios, out, report)
    return load(str(blend(start, hardened, share, out / f"blend-{rate:g}")))


def _share(start: Path, hardened: Path, rate: float, scenarios: list[Scenario], out: Path, report: Report) -> float:
    from offswitch.adapters.hf import load

    path = out / f"share-{rate:g}.json"
    if not path.exists():

        def measured(share: float) -> float:
            policy = load(str(blend(start, hardened, share, out / f"pilot-{rate:g}")))
            dice = np.random.default_rng(10_000)
            found = float(np.mean([trees(policy, scenario, 8, rate / 2, dice).values for scenario in scenarios]))
            report.say(f"pilot: share {share:.3f} has {found:.4%}, wanted {rate:.2%}")
            return found

        write_whole(path, json.dumps(share_for(measured, rate)))
    return float(json.loads(path.read_text(encoding="utf-8")))


def _met(policy: Any, scenario: Scenario, place: int, rate: float, study: Study, out: Path, draws: Sequence[int]) -> Met:
    each = -(-RATES[rate] * study.episodes // (study.scenarios * _families(study)))
    seed = [study.seed, list(RATES).index(rate), place]
    name = f"{place:03d}.json"
    plain = kept(out / name, scenario.key, lambda: asdict(crowd(policy, scenario, each, np.random.default_rng(seed))))

    def grown(draw: int) -> dict[str, Any]:
        dice = np.random.default_rng([*seed, 1 + draw])
        return {"grown": [asdict(trees(policy, scenario, study.trees, least, dice)) for least in LEASTS[rate]]}

    told = [kept(out / f"trees-{draw}" / name, scenario.key, partial(grown, draw))["grown"] for draw in draws]
    return Met(Plain(**plain), tuple(map(_together, zip(*told, strict=True))))


def _together(draws: Sequence[dict[str, Any]]) -> Grown:
    """Pasts of different draws have different numbers."""
    values, throws, pasts = [], [], []
    for i, draw in enumerate(draws):
        values += draw["values"]
        throws += map(tuple, draw["throws"])
        pasts += (_PASTS * i + number for number in draw["pasts"])
    return Grown(tuple(values), tuple(throws), tuple(pasts), float(np.mean([draw["fed"] for draw in draws])))


def _columns(grown: Grown) -> tuple[Sequence[float], Sequence[tuple[int, ...]], Sequence[str]]:
    return grown.values, grown.throws, [str(number) for number in grown.pasts]


def kept(path: Path, key: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `path` holds for this scenario; made where it does not exist."""
    if not path.exists():
        write_whole(path, json.dumps({"key": key, **make()}))
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if told.pop("key") != key:
        raise SystemExit(f"{path} holds another scenario; choose another --out")
    return told


def _families(study: Study) -> int:
    return len(chosen(load_families(), study)) // study.scenarios


def row(met: list[Met], setting: int, least: float) -> dict[str, Any]:
    """One rate and one setting: the truth by brute force, the trees' mean, how often their interval holds, what it saves."""
    n, true = sum(m.plain.n for m in met), sum(m.plain.true for m in met)
    truth = true / n
    values = np.array([m.trees[setting].values for m in met])  # (scenarios, trees)
    drawn = [list(map(Drawn, *_columns(m.trees[setting]))) for m in met]
    thrown = least * sum(len(tree.throws) for part in drawn for tree in part)
    made = []
    for start in range(0, values.shape[1] - REPEATS + 1, REPEATS):
        some = [part[start : start + REPEATS] for part in drawn]
        found = tree_rate(some, least, "tree")
        assert found is not None  # there are scenarios
        made.append((found, events(found.point, tree_variance(some, least))))
    holds = np.array([found.low <= truth <= found.high for found, _ in made])
    trusted = np.array([worth is None or worth >= FEW for _, worth in made])
    width = float(np.mean([found.high - found.low for found, _ in made]))
    plain = plain_for(width, truth)
    turn, past = (float(np.mean([getattr(m.plain, name) for m in met])) for name in ("turn", "past"))
    fed, count = float(np.mean([m.trees[setting].fed for m in met])), len(met) * REPEATS
    scatter = float(values.mean()), float(np.sqrt(values.var(axis=1, ddof=1).mean() / values.size))
    return {
        "episodes": n, "true": true, "brute": [truth, *exact(true, n)], "least": least,
        "scatter_over_strata": _scatter_over_strata(drawn, least),
        "by_throws": float(thrown / values.sum()) if values.any() else None,
        "trees_mean": scatter[0], "trees_error": scatter[1], "repeats": len(made),
        "coverage": float(holds.mean()), "coverage_range": list(wilson(float(holds.sum()), len(holds))),
        "trusted": float(trusted.mean()), "trusted_coverage": float(holds[trusted].mean()) if trusted.any() else None,
        "width": width, "plain_episodes": plain,
        "tokens": fed * count, "plain_tokens": plain * turn, "saves": plain * turn / (fed * count),
        "saves_with_past": plain * (turn + past) / ((fed + past) * count),
    }  # fmt: skip


def _scatter_over_strata(drawn: list[list[Drawn]], least: float) -> float | None:
    """Variance seen between trees after one past, over what their strata tell of it: about 1 if strata tell the truth."""
    seen = told = 0.0
    for part in drawn:
        (past, _), *_ = Counter(tree.past for tree in part).most_common()
        some = [tree for tree in part if tree.past == past]
        if len(some) > 1:
            seen += float(np.var([tree.value for tree in some], ddof=1))
            told += tree_variance([some], least) * len(some)
    return seen / told if told else None


def plain_for(width: float, rate: float) -> int:
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
    asked.add_argument("--draw", type=int, nargs="+", default=[0], help="another one grows fresh trees")
    told = vars(asked.parse_args())
    out, report, rate, draws = (told.pop(name) for name in ("out", "report", "rate", "draw"))
    lines, rows = table(run(Study(**told), out, Shown(), [rate] if rate else tuple(RATES), draws))
    print("\n".join(lines))
    if report is not None:
        write_whole(report, "\n".join(lines) + "\n")
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
