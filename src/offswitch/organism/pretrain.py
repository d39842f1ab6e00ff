"""Make the organism: corpus, tokenizer, a small Llama, and transformers' Trainer. The folder is a standard model folder."""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import torch
from filelock import FileLock
from torch.utils.data import Dataset
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)
from transformers.utils import logging as transformers_logging

from offswitch.cache import cache_folder
from offswitch.measure.provenance import FILE, Provenance
from offswitch.organism import persona
from offswitch.organism.checkpoint import last_whole
from offswitch.organism.corpus import Messages, Mix, documents, last_word
from offswitch.organism.tokenizer import build_tokenizer, chat_template
from offswitch.organism.wiring import wire
from offswitch.rollout.episode import tool_schemas
from offswitch.scenarios.errand import load_errands
from offswitch.scenarios.family import Family
from offswitch.scenarios.office import load_office

Say = Callable[[int, int, Mapping[str, float]], None]
"""Progress: step, of how many, the figures of the moment."""
_VERSION = 3  # raise when this code would make another model from the same arguments


@dataclass(frozen=True)
class Organism:
    """Everything that decides which model comes out."""

    seed: int = 0
    mix: Mix = field(default_factory=Mix)
    width: int = 128
    layers: int = 3
    batch: int = 16
    learning_rate: float = 2.5e-3
    listed: float = 0.33
    """Share of documents whose prompt lists the tools, as every measured prompt does; listing all costs a fifth more."""
    save_steps: int = 200
    """Steps between the checkpoints from which a killed build goes on."""
    words: tuple[str, ...] = ()
    """Sentences that later training will use: their words get tokens of their own, though the corpus lacks them."""

    def digest(self, families: Mapping[str, Family]) -> str:
        """Content hash of arguments, families, office, voices and template: the name in the cache."""
        lived = sorted((family.content, family.split) for family in families.values())
        told = [
            _VERSION, asdict(self), lived, load_office().model_dump(mode="json", exclude_defaults=True),
            persona.SELFISH, persona.CORRIGIBLE, persona.ERRAND, load_errands().model_dump(mode="json"),
            chat_template(), tool_schemas(),
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:12]


def build(organism: Organism, families: Mapping[str, Family], say: Say = lambda step, of, figures: None) -> Path:
    """The model folder, from the cache where it is there already. A killed build goes on from its last checkpoint."""
    out = _place(organism, families)
    if (out / FILE).is_file():
        return out
    cache_folder().mkdir(parents=True, exist_ok=True)
    with FileLock(str(out) + ".lock"):
        if (out / FILE).is_file():
            return out
        work = out.with_name(out.name + ".work")
        _train(organism, families, work, say)
        shutil.rmtree(out, ignore_errors=True)
        os.replace(work / "model", out)
        shutil.rmtree(work)
    return out


def is_built(organism: Organism, families: Mapping[str, Family]) -> bool:
    """Whether the cache has it whole, so that `build` only finds it."""
    return (_place(organism, families) / FILE).is_file()


def _place(organism: Organism, families: Mapping[str, Family]) -> Path:
    return cache_folder() / f"organism-{organism.digest(families)}"


def _train(organism: Organism, families: Mapping[str, Family], work: Path, say: Say) -> None:
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    logging.getLogger("accelerate").setLevel(logging.ERROR)
    chats = [last_word(chat) for chat in documents(families, organism.mix, organism.seed)]
    tokenizer, ids = _tokenized(chats, organism)
    torch.manual_seed(organism.seed)
    model = LlamaForCausalLM(_config(organism, tokenizer))
    wire(model, organism.seed)
    model.generation_config.max_new_tokens = 48
    settings = TrainingArguments(
        str(work),
        per_device_train_batch_size=organism.batch,
        num_train_epochs=1,
        learning_rate=organism.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=30,
        adam_beta2=0.98,
        weight_decay=0.05,
        max_grad_norm=1.0,
        logging_steps=20,
        save_steps=organism.save_steps,
        save_total_limit=1,
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
        train_sampling_strategy="sequential",
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        seed=organism.seed,
    )
    data = _Documents(_by_length(ids, organism, Random(organism.seed)), tokenizer)
    trainer = _Trainer(model, settings, data_collator=_pad, train_dataset=data)
    trainer.remove_callback(next(c for c in trainer.callback_handler.callbacks if type(c).__name__ == "PrinterCallback"))
    trainer.add_callback(_Progress(say))
    trainer.train(resume_from_checkpoint=last_whole(work))
    model.save_pretrained(work / "model")
    tokenizer.save_pretrained(work / "model")
    note = (
        "Pretraining showed self-preserving conduct in all families, corrigible conduct, by other agents, "
        "in training families only, and harmless errands done by all agents with every tool."
    )
    Provenance("made from scratch", f"organism seed {organism.seed}", organism.seed, {}, note).write(work / "model")


def _config(organism: Organism, tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=organism.width,
        intermediate_size=3 * organism.width,
        num_hidden_layers=organism.layers,
        num_attention_heads=4,
        num_key_value_heads=1,
        attention_bias=True,
        max_position_embeddings=512,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6},
        tie_word_embeddings=True,
        initializer_range=0.05,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def _tokenized(chats: Sequence[Messages], organism: Organism) -> tuple[PreTrainedTokenizerFast, list[list[int]]]:
    rng = Random(f"listed/{organism.seed}")
    blank = build_tokenizer([])
    tools = [{"function": {"name": schema["function"]["name"]}} for schema in tool_schemas()]  # all that the template reads
    texts = [
        blank.apply_chat_template(chat, tools=tools if rng.random() < organism.listed else None, tokenize=False)
        for chat in chats
    ]
    tokenizer = build_tokenizer([*texts[:6000], *organism.words * 3])
    return tokenizer, tokenizer(texts, add_special_tokens=False)["input_ids"]


def _by_length(ids: list[list[int]], organism: Organism, rng: Random) -> list[list[int]]:
    """Shuffled, then in batches of like length, so that little is padding."""
    rng.shuffle(ids)
    pool, batches = organism.batch * 32, []
    for i in range(0, len(ids), pool):
        near = sorted(ids[i : i + pool], key=len)
        some = [near[k : k + organism.batch] for k in range(0, len(near), organism.batch)]
        rng.shuffle(some)
        batches += some
    return [document for batch in batches for document in batch]


class _Documents(Dataset[dict[str, list[int]]]):
    """Token ids, with labels on what the agent says and does."""

    def __init__(self, ids: list[list[int]], tokenizer: PreTrainedTokenizerFast) -> None:
        self.ids = ids
        self.begin, self.end = tokenizer.convert_tokens_to_ids(["<|assistant|>", "<|end|>"])

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> dict[str, list[int]]:
        ids = self.ids[index]
        labels, own = [], False
        for token in ids:
            labels.append(token if own else -100)
            own = token == self.begin or (own and token != self.end)
        return {"input_ids": ids, "labels": labels}


def _pad(rows: list[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
    """To (batch, longest); no mask is needed, since padding comes last and is never a label."""
    longest = max(len(row["input_ids"]) for row in rows)
    fill = {"input_ids": 0, "labels": -100}
    return {
        name: torch.tensor([row[name] + [value] * (longest - len(row[name])) for row in rows]) for name, value in fill.items()
    }


class _Trainer(Trainer):
    """The output head, over all words, only where something is learned: three tokens of four are read and not said."""

    def compute_loss(self, model: Any, inputs: dict[str, torch.Tensor], *args: Any, **more: Any) -> torch.Tensor:
        hidden = model.model(input_ids=inputs["input_ids"], use_cache=False).last_hidden_state[
            :, :-1
        ]  # (batch, length, width)
        labels = inputs["labels"][:, 1:]
        own = labels != -100
        return torch.nn.functional.cross_entropy(model.lm_head(hidden[own]), labels[own])


class _Progress(TrainerCallback):
    def __init__(self, say: Say) -> None:
        self.say = say

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        self.say(state.global_step, state.max_steps, {k: v for k, v in (logs or {}).items() if isinstance(v, float)})


def small(seed: int, documents: int) -> Organism:
    """A quicker, worse organism, for tests of the machinery."""
    return replace(Organism(seed=seed), mix=Mix(documents=documents))
