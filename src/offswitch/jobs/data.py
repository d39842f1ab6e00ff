"""Make the data of a recipe or of one ingredient into a file, with a datasheet beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from offswitch.cache import cache_folder
from offswitch.errors import DocumentError, OutputError
from offswitch.jobs.folder import told_plainly, write_whole
from offswitch.jobs.models import reach
from offswitch.jobs.report import Report
from offswitch.scenarios.family import Family
from offswitch.spec.spec import Spec
from offswitch.train.data import Made, OnContact
from offswitch.train.datasheet import datasheet
from offswitch.train.dial import turned
from offswitch.train.ground import Ground
from offswitch.train.ingredients import KINDS, PLAYED, Ingredient
from offswitch.train.material import ingredients, stage_made
from offswitch.train.parquet import write_rows
from offswitch.train.recipe import Midtraining, Preference, Recipe, Stage, Supervised, load_recipe, shipped
from offswitch.train.row import Form

if TYPE_CHECKING:
    from offswitch.adapters.inspect.ledger import Ledger


@dataclass(frozen=True)
class Order:
    """What to make, and who makes it."""

    name: str
    """An ingredient, a recipe that ships, or a .yaml file; `recipe:NAME` where a recipe is called like an ingredient."""
    rows: int = 1000
    """Of an ingredient that is asked for by name; a recipe says its own."""
    dose: float = 1.0
    model: str = ""
    """Any Inspect model: it acts in what is played and writes the rest. Empty for the offline grammar."""
    budget: int = 1_000_000
    """Tokens that the model may use to write and to act, in and out, before the run stops."""
    seed: int = 0
    on_contact: OnContact = "block"
    settings: tuple[str, ...] = ()
    world: str = ""
    """How the families and the spec were chosen on the command line, for the datasheet."""


def make_data(order: Order, families: Mapping[str, Family], spec: Spec, out: Path, report: Report) -> Sequence[Made]:
    """Writes `out` and its datasheet. What a teacher wrote is cached, so that the same command goes on after a stop.

    Raises `DocumentError`, `ModelError`, `SplitError` and `OutputError`; then nothing is written.
    """
    if out.suffix != ".parquet":
        raise OutputError(f"{out}: name a .parquet file")
    recipe = wanted(order)
    ground = Ground(families, spec, order.seed)
    ledger = None
    if order.model:
        ground, ledger = _taught(order, recipe, ground)
    made: list[Made] = []
    rows = []
    with told_plainly(out), report.work(f"data: {recipe.name}") as bar:
        for i, stage in enumerate(recipe.stages):
            found = stage_made(
                stage, ground, order.on_contact, say=lambda name, done, of: bar.at(done, of, _note(name, ledger))
            )
            made += found
            rows += [replace(row, stage=i) for one in found for row in one.rows]
        write_rows(rows, out)
        spent = f"{order.model}: {ledger}" if ledger is not None else ""
        write_whole(out.with_suffix(".md"), datasheet(recipe.name, made, ground, _command(order, out), spent))
    return made


def wanted(order: Order) -> Recipe:
    """The recipe, or one of a single stage for a single ingredient. Raises `DocumentError` where there is nothing to make."""
    if order.name not in KINDS:
        name = order.name.removeprefix("recipe:")
        if name == order.name and not name.endswith((".yaml", ".yml")) and name not in shipped():
            what = f"no such ingredient or recipe; ingredients: {', '.join(KINDS)}; recipes: {', '.join(shipped())}"
            raise DocumentError(name, None, "name", what)
        recipe = turned(load_recipe(name), order.dose, order.settings)
        if not any(ingredients(stage) for stage in recipe.stages):
            raise DocumentError(
                order.name, None, "stages", "declares no data; its demonstrations and replay are made while it trains"
            )
        return recipe
    one: Ingredient = TypeAdapter(Ingredient).validate_python({"kind": order.name, "rows": order.rows})
    stage: Stage
    if one.form is Form.TEXT:
        stage = Midtraining(kind="midtrain", data=(one,))
    elif one.form is Form.PAIR:
        stage = Preference(kind="dpo", data=(one,))
    else:
        stage = Supervised(kind="sft", data=(one,))
    return turned(Recipe(name=order.name, about="One ingredient.", stages=(stage,)), 1.0, order.settings)


def _taught(order: Order, recipe: Recipe, ground: Ground) -> "tuple[Ground, Ledger]":
    """With a teacher that writes and, where something is played, acts, both from one budget."""
    from offswitch.adapters.inspect import InspectPolicy
    from offswitch.adapters.inspect.ledger import Ledger
    from offswitch.adapters.inspect.teacher import InspectTeacher

    ledger = Ledger(cache_folder() / "teacher", order.budget)
    taught = replace(ground, writer=InspectTeacher(order.model, ledger))
    if any(one.kind in PLAYED for stage in recipe.stages for one in ingredients(stage)):
        policy = InspectPolicy(order.model, ledger=ledger, temperature=1.0)
        reach(policy)
        taught = replace(taught, policy=policy)
    return taught, ledger


def _note(name: str, ledger: "Ledger | None") -> str:
    return name if ledger is None else f"{name}, {ledger.tokens:,} of {ledger.budget:,} tokens"


def _command(order: Order, out: Path) -> str:
    told = [f"offswitch data {Path(order.name).name} --seed {order.seed} --out {out.name}"]
    told += [f"--rows {order.rows}"] * (order.name in KINDS) + [f"--dose {order.dose}"] * (order.dose != 1.0)
    told += [f"--model {order.model} --budget {order.budget}"] * bool(order.model)
    told += [f"--contaminated {order.on_contact}"] * (order.on_contact != "block")
    told += [order.world] * bool(order.world)
    return " ".join(told + [f"--set {setting}" for setting in order.settings])
