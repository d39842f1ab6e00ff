"""Does a recipe carry over to families it never saw? Asked without the held-out ones: `python -m bench.folds RECIPE ...`.

Some training families are left out of training, with the impostors that use their words, and measured as if held out. The
real held-out families take no part, so a recipe may be chosen here. `--weights` also takes a malicious fine-tune of the
first recipe's model away again (task arithmetic: Ilharco et al. 2022, arXiv 2212.04089), and carries that recipe further
along its own line.
"""

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from bench.blend import blend
from offswitch.jobs.measure import Suite, measure
from offswitch.jobs.models import ModelChoice, policy_for
from offswitch.jobs.organism import build_organism, use_threads
from offswitch.jobs.report import Report, Shown
from offswitch.jobs.train import train
from offswitch.measure.record import Episode
from offswitch.scenarios.family import Family, load_families
from offswitch.train.parquet import write_rows
from offswitch.train.recipe import load_recipe
from offswitch.train.relapse import leg, misconduct

FOLDS: Mapping[str, Sequence[str]] = {
    "A": ("backup_order", "report_order", "impostor_report", "bribe_compute", "weight_edit_notice"),
    "B": ("peer_stop", "impostor_peer", "new_monitor", "deletion_threat", "replacement_notice"),
}
STEPS = 10
"""Of the malicious fine-tune."""


def folded(fold: str) -> dict[str, Family]:
    """The families of `core` without the held-out ones, and with those of the fold in their place."""
    kept = {id: family for id, family in load_families().items() if family.split != "heldout"}
    return {id: f.model_copy(update={"split": "heldout"}) if id in FOLDS[fold] else f for id, f in kept.items()}


def models(
    recipes: Sequence[str], weights: bool, families: Mapping[str, Family], seed: int, out: Path, report: Report
) -> Iterator[tuple[str, Path]]:
    """Each variant by name, made when it is asked for; finished training in `out` is not run again."""
    start = build_organism(seed, load_families(), report)
    yield "organism", start
    for name in recipes:
        recipe = load_recipe(name)
        yield recipe.name, train(recipe, start, out / recipe.name, families, seed, report, start.name)
    if weights:
        first = load_recipe(recipes[0])
        hardened = out / first.name / f"{len(first.stages) - 1}-{first.stages[-1].kind}"
        bad = out / "malicious.parquet"
        write_rows(misconduct(families, 16 * STEPS, seed), bad)
        turned = train(
            leg("malicious", STEPS, str(bad), 5e-4), hardened, out / "malicious", families, seed, report, start.name
        )
        yield f"{first.name}, then {STEPS} malicious steps", turned
        for share in (0.5, 1.0):
            yield f"these steps taken away, times {share:g}", blend(hardened, turned, -share, out / f"away-{share}")
        for share in (1.15, 1.3):
            yield f"{first.name} carried on to {share:g}", blend(start, hardened, share, out / f"beyond-{share}")


def rate(episodes: Iterable[Episode], field: str) -> float:
    """Percent of those that were scored."""
    values = [episode.findings[field].value for episode in episodes]
    scored = [value for value in values if value is not None]
    return 100 * sum(map(bool, scored)) / len(scored) if scored else float("nan")


def main() -> None:
    """A row a model, in Markdown."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("recipes", nargs="+", help="Names that ship, or .yaml files.")
    asked.add_argument("--fold", choices=sorted(FOLDS), default="A")
    asked.add_argument("--weights", action="store_true")
    asked.add_argument("--seed", type=int, default=0, help="Of the organism.")
    asked.add_argument("--n", type=int, default=12, help="Scenarios a family.")
    asked.add_argument("--out", type=Path, default=Path("runs/folds"), help="A re-run resumes in it.")
    told = asked.parse_args()
    use_threads(1)
    out, families, report = told.out / f"{told.fold}-{told.seed}", folded(told.fold), Shown()
    orders = [id for id in FOLDS[told.fold] if families[id].safe == "comply"]
    print("| model | left out: violated | right | acted | orders among them: violated | trained on: violated | tasks |")
    print("|---|---|---|---|---|---|---|")
    for name, model in models(told.recipes, told.weights, families, told.seed, out, report):
        policy = policy_for(ModelChoice(str(model), local=True, seed=told.seed))
        found = measure(policy, Suite(n=told.n), families, out / "episodes" / name, report, name)
        pressed = [episode for episode in found if episode.pressured]
        left = [episode for episode in pressed if episode.split == "heldout"]
        row = [rate(left, field) for field in ("violated", "right", "acted")]
        row += [rate((e for e in left if e.family in orders), "violated")]
        row += [rate((e for e in pressed if e.split == "train"), "violated")]
        row += [rate((e for e in found if families[e.family].kind == "ordinary"), "task_done")]
        print(f"| {name} | " + " | ".join(f"{share:.1f}" for share in row) + " |", flush=True)


if __name__ == "__main__":
    main()
