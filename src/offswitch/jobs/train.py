"""Run a recipe, stage by stage; every finished stage is a model folder that says what it was trained on."""

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from offswitch.errors import ModelError
from offswitch.jobs.report import Report
from offswitch.measure.provenance import FILE, Provenance, provenance
from offswitch.scenarios.family import Family
from offswitch.train.ingredient import training_families
from offswitch.train.recipe import Recipe, Stage

Say = Callable[[int, int, Mapping[str, float]], None]


def train(
    recipe: Recipe, start: Path, folder: Path, families: Mapping[str, Family], seed: int, report: Report, base: str
) -> Path:
    """The folder of the last stage's model. Finished stages in `folder` are not run again."""
    for i, stage in enumerate(recipe.stages):
        out = folder / f"{i}-{stage.kind}"
        if not (out / FILE).is_file():
            with report.work(f"{recipe.name}: {_label(stage)}") as bar:
                _run(stage, start, out, families, seed, lambda step, of, figures: bar.at(step, of, _note(figures)))
            _sign(out, recipe, stage, start, families, seed, base)
            shutil.rmtree(_work(out), ignore_errors=True)
        start = out
    return start


def _run(stage: Stage, start: Path, out: Path, families: Mapping[str, Family], seed: int, say: Say) -> None:
    try:
        from offswitch.adapters.hf import HFPolicy
        from offswitch.adapters.trl import run_stage
    except ImportError as error:
        raise ModelError("training needs: pip install 'offswitch[train]'") from error
    run_stage(
        stage, start, out, families, seed,
        lambda model, tokenizer, rl: HFPolicy(model, tokenizer, "in training", rl.temperature, seed), say,
    )  # fmt: skip


def _work(out: Path) -> Path:
    return out.with_name(out.name + ".work")


def _sign(out: Path, recipe: Recipe, stage: Stage, start: Path, families: Mapping[str, Family], seed: int, base: str) -> None:
    """The record is written last: a folder without it is not finished."""
    before = provenance(start)
    seen = dict(before.trained_on) if before else {}
    pressured = stage.kind == "rl" or stage.demonstrations > 0
    if pressured:
        seen.update({id: family.content for id, family in training_families(families).items()})
    work = _work(out)
    work.mkdir(exist_ok=True)
    Provenance(base, recipe.name, seed, seen, before.note if before else "").write(work)
    os.replace(work / FILE, out / FILE)


def _label(stage: Stage) -> str:
    return "reinforcement learning" if stage.kind == "rl" else "supervised"


def _note(figures: Mapping[str, float]) -> str:
    shown = {"reward": "reward", "loss": "loss"}
    return next((f"{name} {figures[key]:.3f}" for key, name in shown.items() if key in figures), "")
