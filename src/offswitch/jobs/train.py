"""Run a recipe, stage by stage; every finished stage is a model folder that says what it was trained on."""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from offswitch.jobs.processes import How, Work, in_processes
from offswitch.jobs.report import Report
from offswitch.jobs.roller import roller
from offswitch.measure.provenance import FILE, Provenance, provenance
from offswitch.scenarios.family import Family
from offswitch.train.data import seen_families
from offswitch.train.ingredients import Preferences
from offswitch.train.material import filed_rows, ingredients, offline, stage_rows
from offswitch.train.parquet import load_rows, write_rows
from offswitch.train.recipe import Recipe, Stage, Supervised
from offswitch.train.row import Row
from offswitch.train.spread import training_families

Say = Callable[[int, int, Mapping[str, float]], None]


def train(
    recipe: Recipe,
    start: Path,
    folder: Path,
    families: Mapping[str, Family],
    seed: int,
    report: Report,
    base: str,
    how: How | None = None,
) -> Path:
    """The folder of the last stage's model. Finished stages in `folder` are not run again."""
    how = how or How()
    how.refuse(recipe)
    for i, stage in enumerate(recipe.stages):
        out = folder / f"{i}-{stage.kind}"
        if not (out / FILE).is_file():
            with report.work(f"{recipe.name}: {_LABELS[stage.kind]}") as bar:
                rows = _rows(i, stage, start, out, families, seed, how.data)
                shown = {**_pressed(stage, families), **seen_families(rows, families)}
                work = Work(stage, start, out, families, seed, tuple(rows))
                _run(work, how, lambda step, of, figures: bar.at(step, of, _note(figures)))
            _sign(out, recipe, start, shown, seed, base)
            shutil.rmtree(_work(out), ignore_errors=True)
        start = out
    return start


def _rows(
    i: int, stage: Stage, start: Path, out: Path, families: Mapping[str, Family], seed: int, data: Path | None
) -> list[Row]:
    """What the stage's `data` is made into; the model's own mistakes are kept, since to make them again takes long."""
    if not ingredients(stage):
        return []
    if data is not None:
        return filed_rows(data, i, stage, families)
    ground = offline(families, seed)
    if not any(isinstance(one, Preferences) and one.rejected == "own" for one in ingredients(stage)):
        return stage_rows(stage, ground)
    kept = _work(out) / "rows.parquet"
    if not kept.is_file():
        from offswitch.adapters.hf import load

        write_rows(stage_rows(stage, replace(ground, policy=load(str(start), 1.0, seed))), kept)
    return load_rows(kept)


def _run(work: Work, how: How, say: Say) -> None:
    if how.on != "here":
        in_processes(how, work, _work(work.out), say)
        return
    plays = roller(work.seed)
    from offswitch.adapters.trl import run_stage

    run_stage(work.stage, work.start, work.out, work.families, work.seed, plays, say, work.rows)


def _work(out: Path) -> Path:
    return out.with_name(out.name + ".work")


def _pressed(stage: Stage, families: Mapping[str, Family]) -> dict[str, str]:
    """The families that a stage shows by its numbers alone."""
    if stage.kind == "rl" or (isinstance(stage, Supervised) and stage.demonstrations > 0):
        return {id: family.content for id, family in training_families(families).items()}
    return {}


def _sign(out: Path, recipe: Recipe, start: Path, shown: Mapping[str, str], seed: int, base: str) -> None:
    """The record is written last: a folder without it is not finished."""
    before = provenance(start)
    seen = {**(before.trained_on if before else {}), **shown}
    work = _work(out)
    work.mkdir(exist_ok=True)
    Provenance(base, recipe.name, seed, seen, before.note if before else "").write(work)
    os.replace(work / FILE, out / FILE)


_LABELS = {"midtrain": "documents", "sft": "supervised", "dpo": "preferences", "rl": "reinforcement learning"}


def _note(figures: Mapping[str, float]) -> str:
    shown = {"reward": "reward", "loss": "loss"}
    return next((f"{name} {figures[key]:.3f}" for key, name in shown.items() if key in figures), "")
