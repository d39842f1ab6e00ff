"""Recipes, controls and seeds: every arm trained from the same starts and measured on the same scenarios, side by side."""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import process_time

from filelock import FileLock, Timeout

from offswitch.adapters.effects import draw_effects
from offswitch.errors import OutputError
from offswitch.jobs.folder import run_folder, write_whole
from offswitch.jobs.match import matched
from offswitch.jobs.measure import measure
from offswitch.jobs.models import ModelChoice, policy_for, trainable
from offswitch.jobs.organism import use_threads
from offswitch.jobs.preregister import FILE, check, register
from offswitch.jobs.report import Report, Silent
from offswitch.jobs.side import Side
from offswitch.jobs.study import START, Cell, Study
from offswitch.jobs.train import train
from offswitch.measure.provenance import provenance, refuse_leaks
from offswitch.scenarios.family import Family
from offswitch.train.groups import Figures, figures
from offswitch.train.material import ingredients, offline, stage_rows
from offswitch.train.recipe import Recipe
from offswitch.train.seeds import ArmRow, carried_table, rows, table


@dataclass(frozen=True)
class Ablation:
    """What came out."""

    rows: tuple[ArmRow, ...]
    plan: str
    """Hash of the plan."""


def fix(study: Study, families: Mapping[str, Family], out: Path) -> str:
    """Write the plan into `out` and run nothing; its hash, to be published before the first run.

    Raises `OffswitchError` for a study that could not be run.
    """
    study.refuse(families)
    plan = study.plan(families)
    with run_folder(out, {"plan": plan}):
        return register(plan, out)


def so_far(study: Study, families: Mapping[str, Family], out: Path) -> Ablation:
    """The table of those fine-tuning seeds whose cells are all done; runs nothing, and may be asked while others run.

    Raises `OutputError` where no fine-tuning seed is whole, or `out` fixes another plan.
    """
    if not (out / FILE).is_file():
        raise OutputError(f"{out} holds no study; run the same command without --so-far")
    plan = register(study.plan(families), out)
    whole = [
        tune for tune in range(study.tunes) if all(cell.figures(out).is_file() for cell in study.cells() if cell.tune == tune)
    ]
    if not whole:
        raise OutputError(f"no fine-tuning seed in {out} is whole yet; run the same command without --so-far")
    return _written(study, [cell for cell in study.cells() if cell.tune in whole], out, plan)


def ablate(study: Study, families: Mapping[str, Family], out: Path, jobs: int, report: Report) -> Ablation:
    """Everything, into `out`, `jobs` models at a time; run again after a kill, finished models are not made again.

    Raises `OutputError` where `out` fixes another plan, or the plan was changed under way; `OffswitchError` for a study that
    could not be run.
    """
    study.refuse(families)
    if study.model != "organism":
        trainable(study.model)
    told, cells = study.plan(families), study.cells()
    with run_folder(out, {"plan": told}):
        plan = register(told, out)
        if jobs == 1:  # of several, each builds what it needs
            for seed in study.seeds if study.model == "organism" else ():
                study.start(seed, families, report)
        with report.work(f"ablate: {len(cells)} models") as bar:
            if jobs == 1:
                _work(study, families, out, plan, lambda cell: bar.at(*_done(cells, out), f"{cell.arm} seed {cell.seed}"))
            else:
                with Side() as side:
                    for _ in range(jobs):
                        side.start(_work, study, families, out, plan)
                    side.join(lambda: bar.at(*_done(cells, out)))
        if check(out) != plan:
            raise OutputError(f"the plan in {out} was changed while it ran; its results answer no plan")
        return _written(study, cells, out, plan)


def _done(cells: Sequence[Cell], out: Path) -> tuple[int, int]:
    return sum(cell.figures(out).is_file() for cell in cells), len(cells)


def _work(
    study: Study, families: Mapping[str, Family], out: Path, plan: str, say: Callable[[Cell], None] = lambda cell: None
) -> None:
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
        say(cell)


def _cell(study: Study, cell: Cell, families: Mapping[str, Family], out: Path, plan: str) -> None:
    folder = cell.folder(out)
    if cell.figures(out).is_file():
        return
    begun = process_time()
    start = study.start(cell.seed, families, Silent())
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
    write_whole(cell.figures(out), json.dumps(told, indent=2) + "\n")
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


def _written(study: Study, done: Sequence[Cell], out: Path, plan: str) -> Ablation:
    cells: dict[str, dict[tuple[int, int], Figures]] = {}
    learned: dict[str, list[int]] = {}
    for cell in done:
        path = cell.figures(out)
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["plan"] != plan:
            raise OutputError(f"{path} was made under another plan; delete {path.parent} and run the same command again")
        cells.setdefault(cell.arm, {})[cell.seed, cell.tune] = told["figures"]
        if told["learned"] is not None:
            learned.setdefault(cell.arm, []).append(told["learned"])
    found = rows(cells, START, study.reference, {arm: sum(n) / len(n) for arm, n in learned.items()})
    parts = (
        f"Plan {plan}.",
        table(found, study.reference),
        f"Right conduct minus {study.reference}, in points:",
        carried_table(found),
    )
    write_whole(out / "ablation.md", "\n\n".join(parts) + "\n")
    write_whole(out / "ablation.json", json.dumps({"plan": plan, "rows": [asdict(row) for row in found]}, indent=2) + "\n")
    draw_effects(found, study.reference, out / "ablation.svg")
    return Ablation(tuple(found), plan)
