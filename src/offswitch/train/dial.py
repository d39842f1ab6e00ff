"""A recipe with a few of its numbers turned: one dial for how much, and any single field by its place."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import ValidationError

from offswitch.errors import DocumentError
from offswitch.train.recipe import Lora, Recipe

_AMOUNTS = ("rows", "demonstrations", "replay", "errands", "steps")


def turned(recipe: Recipe, dose: float = 1.0, settings: Iterable[str] = ()) -> Recipe:
    """The recipe with every amount times `dose`, rounded up, and then `settings`, each as "stages.0.epochs=2".

    Raises `DocumentError` for a field that is not there, or a value that it does not take.
    """
    told = _scaled(recipe.model_dump(mode="json"), dose) if dose != 1.0 else recipe.model_dump(mode="json")
    for setting in settings:
        place, equals, value = setting.partition("=")
        if not equals:
            raise DocumentError(recipe.name, None, setting, "is set as FIELD=VALUE, such as stages.0.epochs=2")
        _set(recipe.name, told, place, yaml.safe_load(value))
    try:
        return Recipe.model_validate(told)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(_there(told, first["loc"]))
        raise DocumentError(recipe.name, None, place, f"{first['msg']}, got {first['input']!r:.60}") from error


def adapters(recipe: Recipe, rank: int) -> Recipe:
    """The recipe with adapters of this rank on every stage; alpha is twice the rank."""
    lora = Lora(rank=rank, alpha=2 * rank)
    return recipe.model_copy(update={"stages": tuple(stage.model_copy(update={"lora": lora}) for stage in recipe.stages)})


def at_a_time(recipe: Recipe, rows: int) -> Recipe:
    """The recipe with at most so many rows of a batch in memory together, in every stage."""
    stages = tuple(stage.model_copy(update={"at_a_time": rows}) for stage in recipe.stages)
    return recipe.model_copy(update={"stages": stages})


LARGE = 100_000_000
"""Parameters from which the shipped recipes, written for the organism, are fitted to the model."""


@dataclass(frozen=True)
class Fit:
    """Adapters and learning rates for models up to a size. Usual values, not tuned here."""

    most: float
    """Parameters."""
    rank: int
    rates: Mapping[str, float]
    """By the kind of stage."""


FITS = (
    Fit(3e9, 32, {"midtrain": 2e-4, "sft": 2e-4, "dpo": 2e-5, "rl": 2e-5}),
    Fit(15e9, 32, {"midtrain": 1e-4, "sft": 1e-4, "dpo": 1e-5, "rl": 1e-5}),
    Fit(math.inf, 64, {"midtrain": 1e-4, "sft": 1e-4, "dpo": 5e-6, "rl": 1e-5}),  # rank and rate of arXiv 2605.02087 at 32B
)


def fitted(recipe: Recipe, parameters: int) -> Recipe:
    """The recipe with adapters and learning rates for a model of this size; as it was below `LARGE`."""
    if parameters < LARGE:
        return recipe
    fit = next(fit for fit in FITS if parameters <= fit.most)
    stages = (stage.model_copy(update={"learning_rate": fit.rates[stage.kind]}) for stage in recipe.stages)
    return adapters(recipe.model_copy(update={"stages": tuple(stages)}), fit.rank)


def _scaled(node: Any, dose: float) -> Any:
    if isinstance(node, Mapping):
        return {
            key: math.ceil(value * dose) if key in _AMOUNTS and isinstance(value, int) else _scaled(value, dose)
            for key, value in node.items()
        }
    return [_scaled(value, dose) for value in node] if isinstance(node, list) else node


def _there(node: Any, loc: Iterable[Any]) -> Iterator[str]:
    """The parts of a place as a user writes it: without the names that a union gives to its kinds."""
    for part in loc:
        if isinstance(node, list) or part in node:
            node = node[part]
            yield str(part)


def _set(name: str, told: Any, place: str, value: Any) -> None:
    *path, last = place.split(".")
    node = told
    try:
        for part in path:
            node = node[int(part)] if isinstance(node, list) else node[part]
        key = int(last) if isinstance(node, list) else last
        node[key]  # what there is, whatever it is: a typo is no new field
        node[key] = value
    except (KeyError, IndexError, ValueError, TypeError) as error:
        there = f"; there are: {', '.join(node)}" if isinstance(node, Mapping) else ""
        raise DocumentError(name, None, place, f"there is no such field{there}") from error
