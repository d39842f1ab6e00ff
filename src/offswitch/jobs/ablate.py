"""Recipes, controls and seeds: every arm trained from the same starts and measured on the same scenarios, side by side."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import process_time
from typing import Any

from filelock import FileLock, Timeout

from offswitch import __version__
from offswitch.adapters.effects import draw_effects
from offswitch.errors import OffswitchError, OutputError
from offswitch.jobs.folder import run_folder, write_whole
from offswitch.jobs.match import REPLAY, matched
from offswitch.jobs.measure import Suite, measure
from offswitch.jobs.models import ModelChoice, policy_for, trainable
from offswitch.jobs.organism import build_organism, use_threads
from offswitch.jobs.preregister import check, register
from offswitch.jobs.report import Report, Silent
from offswitch.jobs.settings import marked
from offswitch.jobs.side import Side
from offswitch.jobs.train import train
from offswitch.measure.provenance import provenance, refuse_leaks
from offswitch.scenarios.family import Family
from offswitch.train.dial import turned
from offswitch.train.groups import FIELDS, Figures, figures
from offswitch.train.material import ingredients, offline, stage_rows
from offswitch.train.recipe import Recipe, load_recipe
from offswitch.train.seeds import ArmRow, carried_table, rows, table

START = "start"
"""The arm that is not trained."""
_STOPPING = (
    "every cell is run once, fine-tuning seed by fine-tuning seed; no arm, seed or scenario is added or left out after a "
    "result was seen; where it is stopped early, only fine-tuning seeds that all cells finished are read"
)


@dataclass(frozen=True)
class Study:
    """What is compared; the same values give the same plan, and the same numbers."""

    recipes: tuple[str, ...]
    controls: tuple[str, ...] = ("benign-replay",)
    """The first is what effects are taken against."""
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    """Of the organism; of a model that is given, of training."""
    tunes: int = 1
    """Fine-tuning seeds for each seed."""
    model: str = "organism"
    documents: int = 0
    """Pretraining documents of the organism; 0 for its full childhood."""
    dose: float = 1.0
    tokens: int = 0
    """Learned tokens that every arm is resized to (see `match`); 0 leaves the recipes as they are."""
    suite: Suite = field(default_factory=Suite)

    @property
    def arms(self) -> dict[str, Recipe]:
        """By name, recipes first; a file goes by its own name. Raises `OffswitchError` for a name given twice."""
        given = {_name(name): name for name in (*self.recipes, *self.controls)}
        if len(given) < len(self.recipes) + len(self.controls) or START in given:
            raise OffswitchError(f"a recipe or control is named twice, or is named {START!r}")
        return {name: turned(load_recipe(path), self.dose) for name, path in given.items()}

    @property
    def reference(self) -> str:
        return _name(self.controls[0]) if self.controls else START

    def cells(self) -> list["Cell"]:
        """All models, one fine-tuning seed after another, so that a study that is cut short has all seeds."""
        return [
            Cell(arm, seed, tune)
            for tune in range(self.tunes)
            for seed in self.seeds
            for arm in (START, *self.arms)
            if arm != START or tune == 0
        ]

    def plan(self, families: Mapping[str, Family]) -> dict[str, Any]:
        """What is fixed before the first run; `marked`, so that a setting that a later version has is no other plan."""
        return {
            "study": {**marked(self), "recipes": None, "controls": None, "model": Path(self.model).name},
            "arms": {name: marked(recipe) for name, recipe in self.arms.items()},
            "families": {id: family.digest for id, family in families.items()},
            "reference": self.reference,
            "matching": f"learned tokens, {REPLAY:.0%} of them replay" if self.tokens else "none",
            "metrics": {
                "fields": list(FIELDS),
                "pool": "held-out families under pressure",
                "beside": "ordinary tasks done; right conduct by split, required action and kind of family",
            },
            "primary": "right conduct in held-out families, arm minus reference, paired by seed",
            "interval": "Student's t of 95% over seeds, fine-tuning seeds of a seed averaged first",
            "stopping": _STOPPING,
            "version": __version__,
        }


def _name(recipe: str) -> str:
    return Path(recipe).name.removesuffix(".yaml").removesuffix(".yml")


@dataclass(frozen=True)
class Cell:
    """One model of a study."""

    arm: str
    seed: int
    tune: int

    def folder(self, out: Path) -> Path:
        return out / "cells" / f"{self.arm}-{self.seed}-{self.tune}"


@dataclass(frozen=True)
class Ablation:
    """What came out."""

    rows: tuple[ArmRow, ...]
    plan: str
    """Hash of the plan."""
    table: str


def fix(study: Study, families: Mapping[str, Family], out: Path) -> str:
    """Write the plan into `out` and run nothing; its hash, to be published before the first run."""
    told = study.plan(families)
    with run_folder(out, {"plan": told}):
        return register(told, out)


def so_far(study: Study, families: Mapping[str, Family], out: Path) -> Ablation:
    """The table of those fine-tuning seeds whose cells are all done; runs nothing, and may be asked while others run.

    Raises `OutputError` where no fine-tuning seed is whole, or `out` fixes another plan.
    """
    plan = register(study.plan(families), out)
    whole = [
        tune
        for tune in range(study.tunes)
        if all((cell.folder(out) / "figures.json").is_file() for cell in study.cells() if cell.tune == tune)
    ]
    if not whole:
        raise OutputError(f"no fine-tuning seed in {out} is whole yet; run the same command without --so-far")
    return _written(study, [cell for cell in study.cells() if cell.tune in whole], out, plan)


def ablate(study: Study, families: Mapping[str, Family], out: Path, jobs: int, report: Report) -> Ablation:
    """Everything, into `out`, `jobs` models at a time; run again after a kill, finished models are not made again.

    Raises `OutputError` where `out` fixes another plan, or the plan was changed under way.
    """
    told = study.plan(families)
    if study.model != "organism":
        trainable(study.model)
    with run_folder(out, {"plan": told}):
        plan = register(told, out)
        cells = study.cells()
        with report.work(f"ablate: {len(cells)} models") as bar:
            if jobs == 1:
                for i, cell in enumerate(cells):
                    _cell(study, cell, families, out, plan)
                    bar.at(i + 1, len(cells), f"{cell.arm} seed {cell.seed}")
            else:
                with Side() as side:
                    for _ in range(jobs):
                        side.start(_work, study, families, out, plan)
        if check(out) != plan:
            raise OutputError(f"the plan in {out} was changed while it ran; its results answer no plan")
        return _written(study, cells, out, plan)


def _work(study: Study, families: Mapping[str, Family], out: Path, plan: str) -> None:
    """Takes one cell after another that nobody else is at."""
    for cell in study.cells():
        folder = cell.folder(out)
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(str(folder / ".lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        try:
            _cell(study, cell, families, out, plan)
        finally:
            lock.release()


def _cell(study: Study, cell: Cell, families: Mapping[str, Family], out: Path, plan: str) -> None:
    folder = cell.folder(out)
    if (folder / "figures.json").is_file():
        return
    begun = process_time()
    start = _start(study, cell.seed, families)
    use_threads(1)
    model, learned, seed, rows = start, None, cell.seed + 1000 * cell.tune, {}
    if cell.arm != START:
        recipe = study.arms[cell.arm]
        if study.tokens:
            recipe = matched(recipe, study.tokens, start, families)
        model = train(recipe, start, folder / "models", families, seed, Silent(), Path(study.model).name)
        learned = _learned(recipe, start, families, seed)
        rows = {
            f"{i}.{k} {one.kind}": one.rows
            for i, stage in enumerate(recipe.stages)
            for k, one in enumerate(ingredients(stage))
        }
    refuse_leaks(provenance(model), families)
    policy = policy_for(ModelChoice(str(model), local=True, seed=seed))
    found = figures(measure(policy, study.suite, families, folder / "episodes", Silent(), cell.arm))
    told = {**asdict(cell), "plan": plan, "learned": learned, "rows": rows, "figures": found}
    told["cpu_seconds"] = round(process_time() - begun, 1)
    write_whole(folder / "figures.json", json.dumps(told, indent=2) + "\n")
    shutil.rmtree(folder / "models", ignore_errors=True)


def _learned(recipe: Recipe, start: Path, families: Mapping[str, Family], seed: int) -> int | None:
    """Tokens with a loss; None for a recipe with reinforcement, whose rollouts were not counted."""
    from offswitch.adapters.trl import learned_tokens

    if any(stage.kind == "rl" for stage in recipe.stages):
        return None
    ground = offline(families, seed)
    return sum(
        learned_tokens(stage, start, stage_rows(stage, ground) if ingredients(stage) else [], families, seed)
        for stage in recipe.stages
    )


def _start(study: Study, seed: int, families: Mapping[str, Family]) -> Path:
    """The model folder that every arm of a seed begins from; the organism is that of `offswitch organism build`."""
    if study.model != "organism":
        return trainable(study.model)
    return build_organism(seed, families, Silent(), study.documents)


def _written(study: Study, done: Sequence[Cell], out: Path, plan: str) -> Ablation:
    cells: dict[str, dict[tuple[int, int], Figures]] = {}
    learned: dict[str, list[int]] = {}
    for cell in done:
        path = cell.folder(out) / "figures.json"
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["plan"] != plan:
            raise OutputError(f"{path} was made under another plan; delete {path.parent} and run the same command again")
        cells.setdefault(cell.arm, {})[cell.seed, cell.tune] = told["figures"]
        if told["learned"] is not None:
            learned.setdefault(cell.arm, []).append(told["learned"])
    found = rows(cells, START, study.reference, {arm: sum(n) / len(n) for arm, n in learned.items()})
    shown = f"{table(found, study.reference)}\n\nRight conduct minus {study.reference}, in points:\n\n{carried_table(found)}"
    write_whole(out / "ablation.md", f"Plan {plan}.\n\n{shown}\n")
    write_whole(out / "ablation.json", json.dumps({"plan": plan, "rows": [asdict(row) for row in found]}, indent=2) + "\n")
    draw_effects(found, study.reference, out / "ablation.svg")
    return Ablation(tuple(found), plan, shown)
