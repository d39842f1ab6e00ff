"""Direct preference optimisation on pairs of turns that are tokens already."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from offswitch.adapters.trl.settings import shared
from offswitch.adapters.trl.tokens import pair_tokens
from offswitch.errors import OffswitchError
from offswitch.train.recipe import Preference
from offswitch.train.row import Row

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
from trl import DPOConfig, DPOTrainer  # reads the variable when imported


class _Pairs(DPOTrainer):
    """TRL would render and tokenise anew, and so put another template's idea of a turn in place of ours."""

    def _prepare_dataset(self, dataset: Any, *rest: Any, **more: Any) -> Any:
        return dataset


def dpo_data(tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row]) -> list[dict[str, list[int]]]:
    """Prompt, better and worse turn of every pair, in tokens. Raises `OffswitchError` for a row that is no pair."""
    found = []
    for i, row in enumerate(rows):
        if row.chosen is None or row.rejected is None:
            raise OffswitchError(f"row {i + 1} is no pair; a dpo stage needs prompt, chosen and rejected")
        tools = [dict(schema) for schema in row.tools] or None
        found.append(pair_tokens(tokenizer, row.messages, (row.chosen, row.rejected), tools))
    return found


def dpo_trainer(
    stage: Preference,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    work: Path,
    pairs: list[dict[str, list[int]]],
    seed: int,
) -> DPOTrainer:
    """The reference is the start of the stage: a copy, or the model without its adapter."""
    settings = DPOConfig(
        **shared(stage, work, seed),
        num_train_epochs=stage.epochs,
        beta=stage.beta,
        lr_scheduler_type="linear",
        warmup_steps=10,
        save_steps=50,
        logging_steps=5,
        max_length=None,
    )
    return _Pairs(model=model, args=settings, train_dataset=Dataset.from_list(pairs), processing_class=tokenizer)
