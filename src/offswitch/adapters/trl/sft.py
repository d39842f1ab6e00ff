"""Next-token training: on the agent's own words in conversations, or on all of a document."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from torch.nn import functional
from torch.utils.data import Sampler
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from offswitch.adapters.trl.batches import AlikeBatches
from offswitch.adapters.trl.settings import shared
from offswitch.adapters.trl.sparse import following, only_at
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
    if isinstance(stage, Supervised) and (stage.demonstrations or stage.replay or stage.errands):
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


class OwnWords(SFTTrainer):
    """TRL's trainer, with batches of like length, and on a CPU with logits only where there is a label."""

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        data = self.train_dataset if train_dataset is None else train_dataset
        batch = self.args.train_batch_size * self.args.gradient_accumulation_steps * self.args.world_size
        return AlikeBatches([len(ids) for ids in data["input_ids"]], batch, self.args.seed)

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None) -> Any:
        labels = inputs["labels"]
        if labels.device.type != "cpu" or return_outputs or self.aux_loss_enabled:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        targets = following(labels, -100)  # (batch, length)
        learned = targets != -100
        given = {"input_ids": inputs["input_ids"]}
        if not inputs["attention_mask"][:, 0].all():  # padding that comes last is seen by no token, and needs no mask
            given["attention_mask"] = inputs["attention_mask"]
        with only_at(self.accelerator.unwrap_model(model), learned):
            logits = model(**given, use_cache=False).logits
        total = functional.cross_entropy(logits.float(), targets[learned], reduction="sum")
        if num_items_in_batch is None:
            return total / learned.sum().clamp(min=1)
        share = self.accelerator.num_processes if self.args.average_tokens_across_devices else 1
        return total / num_items_in_batch * share  # gradients are averaged over processes


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
        num_train_epochs=stage.epochs,
        lr_scheduler_type="linear",
        warmup_steps=10,
        save_steps=100,
        logging_steps=10,
        max_length=None,
        packing=False,
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    return OwnWords(model=model, args=settings, train_dataset=Dataset.from_list(learned), processing_class=tokenizer)
