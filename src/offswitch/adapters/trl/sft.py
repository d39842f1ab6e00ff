"""Next-token training: on the agent's own words in conversations, or on all of a document."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from offswitch.adapters.trl.settings import shared
from offswitch.adapters.trl.tokens import chat_tokens, text_tokens
from offswitch.rollout.episode import tool_schemas
from offswitch.scenarios.family import Family
from offswitch.train.ingredient import conversations
from offswitch.train.recipe import Midtraining, Supervised
from offswitch.train.row import Row

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
from trl import SFTConfig, SFTTrainer  # reads the variable when imported

Learned = dict[str, Any]
"""`input_ids` and `labels` of one row."""


def sft_data(
    stage: Supervised | Midtraining,
    tokenizer: PreTrainedTokenizerBase,
    rows: Sequence[Row],
    families: Mapping[str, Family],
    seed: int,
) -> list[Learned]:
    """Everything that a stage learns from, in tokens."""
    found: list[Learned] = []
    if isinstance(stage, Supervised) and (stage.demonstrations or stage.replay):
        tools = [dict(schema) for schema in tool_schemas()]
        found += [chat_tokens(tokenizer, chat, tools) for chat in conversations(stage, families, seed)]
    return [*found, *_tokens(tokenizer, rows)]


def _tokens(tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row]) -> Iterator[Learned]:
    for row in rows:
        if row.text:
            yield text_tokens(tokenizer, row.text)
        else:
            tools = [dict(schema) for schema in row.tools] or None
            yield chat_tokens(tokenizer, [dict(message) for message in row.messages], tools)


def sft_trainer(
    stage: Supervised | Midtraining,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    work: Path,
    learned: list[Learned],
    seed: int,
) -> SFTTrainer:
    """A trainer over rows that are tokens already."""
    settings = SFTConfig(
        **shared(stage, work, seed),
        per_device_train_batch_size=stage.batch,
        num_train_epochs=stage.epochs,
        lr_scheduler_type="linear",
        warmup_steps=10,
        save_steps=100,
        logging_steps=10,
        max_length=None,
        packing=False,
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    return SFTTrainer(model=model, args=settings, train_dataset=Dataset.from_list(learned), processing_class=tokenizer)
