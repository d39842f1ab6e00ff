"""Stages run through TRL: supervised fine-tuning, and GRPO on rollouts of our own kernel.

TRL calls its `rollout_func` experimental; this file is the only place that knows it.
"""

import os
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from datasets import Dataset
from datasets.utils.logging import disable_progress_bar
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback
from transformers.utils import logging as transformers_logging

from offswitch.errors import ModelError
from offswitch.organism.checkpoint import last_whole
from offswitch.organism.corpus import last_word
from offswitch.rollout.episode import Episode
from offswitch.scenarios.family import Family
from offswitch.scenarios.scenario import Scenario
from offswitch.train.ingredient import conversations, reward, rl_scenarios
from offswitch.train.recipe import Reinforcement, Stage, Supervised
from offswitch.world.apps import SCHEMAS

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
from trl import GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer  # reads the variable when imported

_MARKED = re.compile(r"\{%-?\s*generation\b")
Say = Callable[[int, int, Mapping[str, float]], None]
"""Progress: step, of how many, the figures that TRL logs."""


class Tokens(Protocol):
    """One rollout in tokens."""

    episode: Episode
    ids: list[int]
    sampled: list[bool]
    logprobs: list[float]
    prompt: int


class Roller(Protocol):
    """Plays episodes with the model as it is now."""

    def rows(self, episodes: Sequence[Episode]) -> Sequence[Tokens]: ...


MakeRoller = Callable[[PreTrainedModel, PreTrainedTokenizerBase, Reinforcement], Roller]


class _Progress(TrainerCallback):
    def __init__(self, say: Say) -> None:
        self.say = say

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        self.say(state.global_step, state.max_steps, {k: v for k, v in (logs or {}).items() if isinstance(v, float)})


def run_stage(
    stage: Stage, start: Path, out: Path, families: Mapping[str, Family], seed: int, roller: MakeRoller, say: Say
) -> None:
    """Train one stage from the model folder `start` and leave a model folder at `out`.

    A killed run left checkpoints beside `out`; the next one goes on from the newest.
    """
    disable_progress_bar()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(start)
    model = AutoModelForCausalLM.from_pretrained(start, dtype=torch.float32 if not torch.cuda.is_available() else "auto")
    work = out.with_name(out.name + ".work")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TRL and datasets warn about their own coming changes
        if isinstance(stage, Supervised):
            trainer: Any = _sft(stage, model, tokenizer, work, conversations(stage, families, seed), seed)
        else:
            trainer = _grpo(stage, model, tokenizer, work, rl_scenarios(stage, families, seed), seed, roller)
        for printer in _printers(trainer):
            trainer.remove_callback(printer)
        trainer.add_callback(_Progress(say))
        trainer.train(resume_from_checkpoint=last_whole(work))
    trainer.model.save_pretrained(out)
    tokenizer.save_pretrained(out)


def _printers(trainer: Any) -> list[Any]:
    return [c for c in trainer.callback_handler.callbacks if type(c).__name__ in ("PrinterCallback", "ProgressCallback")]


def _shared(stage: Stage, work: Path, seed: int) -> dict[str, Any]:
    on_gpu = torch.cuda.is_available()
    return {
        "output_dir": str(work),
        "learning_rate": stage.learning_rate,
        "seed": seed,
        "use_cpu": not on_gpu,
        "bf16": on_gpu,
        "gradient_checkpointing": on_gpu,
        "report_to": [],
        "disable_tqdm": True,
        "save_strategy": "steps",
        "save_total_limit": 1,
        "dataloader_pin_memory": on_gpu,
        "max_grad_norm": 1.0,
        "weight_decay": 0.0,
    }


def _sft(
    stage: Supervised,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    work: Path,
    chats: list[list[dict[str, Any]]],
    seed: int,
) -> SFTTrainer:
    tools = [dict(schema) for schema in SCHEMAS]
    data = Dataset.from_list([_tokens(tokenizer, chat, tools) for chat in chats])
    settings = SFTConfig(
        **_shared(stage, work, seed),
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
    return SFTTrainer(model=model, args=settings, train_dataset=data, processing_class=tokenizer)


def _tokens(tokenizer: PreTrainedTokenizerBase, chat: list[dict[str, Any]], tools: list[dict[str, Any]]) -> dict[str, Any]:
    """One conversation, with labels on the agent's own words only.

    Raises `ModelError` where the template hides which words those are.
    """
    chat = last_word(chat)
    if _MARKED.search(str(tokenizer.chat_template)):
        whole = tokenizer.apply_chat_template(chat, tools=tools, return_dict=True, return_assistant_tokens_mask=True)
        ids, mine = whole["input_ids"], whole["assistant_masks"]
    else:
        text, turns = _turns(tokenizer, chat, tools)
        whole = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        ids = whole["input_ids"]
        mine = [any(begin <= at < end for begin, end in turns) for at, _ in whole["offset_mapping"]]
    if not any(mine):
        raise ModelError("the chat template does not show where the agent's turns begin; nothing can be learned from it")
    return {"input_ids": ids, "labels": [token if own else -100 for token, own in zip(ids, mine, strict=True)]}


def _turns(
    tokenizer: PreTrainedTokenizerBase, chat: list[dict[str, Any]], tools: list[dict[str, Any]]
) -> tuple[str, list[tuple[int, int]]]:
    """The text, and in it the agent's turns: from where the prompt for one ends to the next end-of-turn."""
    text, eos = str(tokenizer.apply_chat_template(chat, tools=tools, tokenize=False)), str(tokenizer.eos_token)
    turns = []
    for i, message in enumerate(chat):
        if message["role"] == "assistant":
            prompt = tokenizer.apply_chat_template(chat[:i], tools=tools, tokenize=False, add_generation_prompt=True)
            end = text.find(eos, len(prompt))
            if text.startswith(prompt) and end >= 0:  # else the template has rewritten this part of the past
                turns.append((len(prompt), end + len(eos)))
    return text, turns


def _grpo(
    stage: Reinforcement,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    work: Path,
    scenarios: list[Scenario],
    seed: int,
    roller: MakeRoller,
) -> GRPOTrainer:
    rolls = roller(model, tokenizer, stage)

    def rollout(prompts: list[str], trainer: Any) -> dict[str, Any]:
        rows = rolls.rows([Episode(scenarios[int(prompt)]) for prompt in prompts])
        return {
            "prompt_ids": [row.ids[: row.prompt] for row in rows],
            "completion_ids": [row.ids[row.prompt :] for row in rows],
            "logprobs": [row.logprobs[row.prompt :] for row in rows],
            "env_mask": [[int(own) for own in row.sampled[row.prompt :]] for row in rows],
            "earned": [reward(row.episode.trajectory()) for row in rows],
        }

    def earned(completions: Sequence[Any], earned: Sequence[float], **rest: Any) -> list[float]:
        return list(earned)

    settings = GRPOConfig(
        **_shared(stage, work, seed),
        per_device_train_batch_size=stage.episodes,
        steps_per_generation=1,
        num_generations=stage.group,
        max_steps=stage.steps,
        temperature=stage.temperature,
        beta=stage.beta,
        lr_scheduler_type="constant",
        save_steps=5,
        logging_steps=1,
        shuffle_dataset=False,
        max_completion_length=4096,
        loss_type="dapo",
        mask_truncated_completions=False,
    )
    data = Dataset.from_dict({"prompt": [str(i) for i in range(len(scenarios))]})
    return GRPOTrainer(
        model=model,
        args=settings,
        train_dataset=data,
        processing_class=tokenizer,
        reward_funcs=[earned],
        rollout_func=rollout,
    )
