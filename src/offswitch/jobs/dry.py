"""What a recipe would cost on this machine: tokens, steps, memory and time of every stage."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from offswitch.jobs.roller import roller
from offswitch.scenarios.family import Family
from offswitch.train.expected import Expected, table
from offswitch.train.material import filed_rows, ingredients, offline, stage_rows
from offswitch.train.recipe import Recipe
from offswitch.train.row import Row


def dry_run(recipe: Recipe, start: Path, families: Mapping[str, Family], seed: int, data: Path | None) -> str:
    """A table. Every stage is measured on the start, whose shape later stages share."""
    return f"{recipe.name}: {recipe.about}\n{table(expected(recipe, start, families, seed, data))}"


def expected(
    recipe: Recipe, start: Path, families: Mapping[str, Family], seed: int, data: Path | None = None
) -> list[Expected]:
    """One a stage. Raises `ModelError` without the train extra."""
    plays = roller(seed)
    from offswitch.adapters.trl import expect

    found = []
    for i, stage in enumerate(recipe.stages):
        rows, began = list[Row](), perf_counter()
        if ingredients(stage):
            rows = filed_rows(data, i, stage, families) if data else stage_rows(stage, offline(families, seed))
        making = perf_counter() - began
        one = expect(stage, start, families, seed, plays, rows)
        found.append(replace(one, seconds=one.seconds + making))
    return found
