"""The model in training, as a policy that plays: trainer and player know nothing of each other."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from offswitch.errors import ModelError
from offswitch.train.recipe import Reinforcement

LACKING = "training needs: pip install 'offswitch[train]'"


def roller(seed: int) -> Callable[[Any, Any, Reinforcement], Any]:
    """Makes the player from model, tokenizer and stage. Raises `ModelError` without the train extra."""
    try:
        from offswitch.adapters.hf import HFPolicy
    except ImportError as error:
        raise ModelError(LACKING) from error
    if find_spec("trl") is None:
        raise ModelError(LACKING)
    return lambda model, tokenizer, stage: HFPolicy(model, tokenizer, "in training", stage.temperature, seed)
