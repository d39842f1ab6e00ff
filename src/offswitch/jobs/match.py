"""Arms that are told apart by what they learn from, not by how much: a recipe resized to so many learned tokens."""

from collections.abc import Mapping
from pathlib import Path

from offswitch.errors import OffswitchError
from offswitch.scenarios.family import Family
from offswitch.train.ingredients import Ingredient, Replay
from offswitch.train.material import ingredients, offline, stage_rows
from offswitch.train.recipe import Recipe, Reinforcement, Stage, Supervised

REPLAY = 0.3
"""Share of the learned tokens that is replay, in every arm that learns from anything else."""
_SAMPLE = 60


def matched(recipe: Recipe, tokens: int, start: Path, families: Mapping[str, Family]) -> Recipe:
    """The recipe with rows such that it learns `tokens` over all epochs, `REPLAY` of them from replay, by the model's tokens.

    The ratio of all other ingredients stays. Steps of reinforcement stay: their tokens are the model's own and not known
    before. Raises `OffswitchError` for stages whose demonstrations are given by number, since those are not declared as data.
    """
    refuse_unmatched(recipe)
    costs = {
        (i, k): one.rows * _cost(stage, one, start, families)
        for i, stage in enumerate(recipe.stages)
        for k, one in enumerate(ingredients(stage))
    }
    plain = {place for place in costs if isinstance(_at(recipe, place), Replay)}
    taught = sum(cost for place, cost in costs.items() if place not in plain)
    replayed = sum(cost for place, cost in costs.items() if place in plain)
    for_replay = (REPLAY if taught else 1.0) * tokens if replayed else 0.0
    factor = {place: for_replay / replayed if place in plain else (tokens - for_replay) / taught for place in costs}
    stages = [
        stage
        if isinstance(stage, Reinforcement)
        else stage.model_copy(
            update={
                "data": tuple(
                    one.model_copy(update={"rows": max(1, round(one.rows * factor[i, k]))})
                    for k, one in enumerate(stage.data)
                )
            }
        )
        for i, stage in enumerate(recipe.stages)
    ]
    return recipe.model_copy(update={"stages": tuple(stages)})


def refuse_unmatched(recipe: Recipe) -> None:
    """Raises `OffswitchError` for a recipe that `matched` cannot resize."""
    if any(
        isinstance(stage, Supervised) and (stage.demonstrations or stage.replay or stage.errands) for stage in recipe.stages
    ):
        raise OffswitchError(f"{recipe.name}: amounts that are no data cannot be matched; declare them under data")


def _at(recipe: Recipe, place: tuple[int, int]) -> Ingredient:
    return ingredients(recipe.stages[place[0]])[place[1]]


def _cost(stage: Stage, one: Ingredient, start: Path, families: Mapping[str, Family]) -> float:
    """Learned tokens of one row, all epochs, from a sample that is the same for every seed."""
    from offswitch.adapters.trl import learned_tokens

    sample = stage.model_copy(update={"data": (one.model_copy(update={"rows": min(one.rows, _SAMPLE)}),)})
    rows = stage_rows(sample, offline(families, 0))
    return learned_tokens(sample, start, rows, families, 0) / len(rows)
