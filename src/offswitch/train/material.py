"""What a stage learns from: made offline on the spot, or taken from a file that `offswitch data` wrote."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from offswitch.errors import DocumentError
from offswitch.scenarios.family import Family
from offswitch.spec.spec import load_spec
from offswitch.train.data import Made, OnContact, Say, make, refuse_contact, seen_families
from offswitch.train.ground import Ground
from offswitch.train.ingredients import Ingredient, Preferences
from offswitch.train.near import Seen
from offswitch.train.parquet import load_rows, refuse_other_form
from offswitch.train.recipe import Recipe, Reinforcement, Stage
from offswitch.train.row import Row


def ingredients(stage: Stage) -> tuple[Ingredient, ...]:
    """Those that are declared as data; the numbers of `Supervised` are apart."""
    return () if isinstance(stage, Reinforcement) else stage.data


def stage_rows(stage: Stage, ground: Ground, on_contact: OnContact = "block") -> list[Row]:
    """All rows of a stage, mixed. Pairs with the model's own mistakes need `ground.policy` to be that model."""
    rows = [row for made in stage_made(stage, ground, on_contact) for row in made.rows]
    ground.dice("mix").shuffle(rows)
    return rows


def stage_made(
    stage: Stage,
    ground: Ground,
    on_contact: OnContact = "block",
    say: Say = lambda name, done, of: None,
) -> list[Made]:
    """Each ingredient of a stage in its order; none repeats, or nearly, what one before it has said."""
    seen = Seen()
    return [make(ingredient, _for(ingredient, ground), on_contact, say, seen) for ingredient in ingredients(stage)]


def _for(ingredient: Ingredient, ground: Ground) -> Ground:
    """The ground as it is meant: pairs of scripted mistakes are scripted, whoever else could act."""
    if isinstance(ingredient, Preferences) and ingredient.rejected == "scripted":
        return replace(ground, policy=None)
    return ground


def filed_rows(path: Path, i: int, stage: Stage, families: Mapping[str, Family]) -> list[Row]:
    """The rows that a file holds for a recipe's stage `i`.

    Raises `DocumentError` for none, for rows of another form, and of families that are not there; `SplitError` for
    contaminated ones.
    """
    return _fit(load_rows(path), path, i, stage, families)


def _fit(filed: Sequence[Row], path: Path, i: int, stage: Stage, families: Mapping[str, Family]) -> list[Row]:
    """Those of `filed` for stage `i`."""
    rows = [row for row in filed if row.stage == i]
    if not rows:
        raise DocumentError(
            path, None, "stage", f"holds no rows for stage {i}; make it with: offswitch data RECIPE --out {path}"
        )
    refuse_other_form(rows, ingredients(stage)[0].form, path)
    refuse_contact(rows, families)
    seen_families(rows, families)
    return rows


def refuse_unfit_file(path: Path, recipe: Recipe, families: Mapping[str, Family]) -> None:
    """Raises what `filed_rows` would raise at some stage, and `DocumentError` for rows that no stage would learn from."""
    fed, filed = {i: stage for i, stage in enumerate(recipe.stages) if ingredients(stage)}, load_rows(path)
    for i, stage in fed.items():
        _fit(filed, path, i, stage, families)
    if idle := sorted({row.stage for row in filed} - set(fed)):
        raise DocumentError(path, None, "stage", f"holds rows for stage {idle[0]}, where {recipe.name} learns from no data")


def offline(families: Mapping[str, Family], seed: int) -> Ground:
    """The ground of a training run that nobody teaches."""
    return Ground(families, load_spec(), seed)
