"""What a stage will take, from its rows in tokens and a few timed steps of the very model on this machine."""

import math
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from offswitch.adapters.trl.dpo import dpo_data
from offswitch.adapters.trl.grpo import TOGETHER, MakeRoller, Roller
from offswitch.adapters.trl.run import adapted, load
from offswitch.adapters.trl.settings import parts
from offswitch.adapters.trl.sft import sft_data
from offswitch.adapters.trl.tokens import refuse_unfit
from offswitch.rollout.episode import Episode
from offswitch.scenarios.family import Family
from offswitch.train.expected import Expected, Shape, memory
from offswitch.train.ingredient import rl_scenarios
from offswitch.train.recipe import Midtraining, Preference, Reinforcement, Stage, Supervised
from offswitch.train.row import Row

_TRIED = 64
"""Episodes that are rolled out to time them."""
Length = tuple[int, int]
"""Tokens of a row, and how many of them are learned."""


@dataclass(frozen=True)
class _Load:
    """What a stage puts through the model."""

    rows: list[Length]
    """Of one epoch; a pair is one."""
    steps: int
    together: int
    """Rows in memory at a time; a pair is two."""
    longest: int
    """Tokens of the longest of these."""
    rolling: float = 0.0
    """Seconds that go into rollouts."""
    reference: bool = False
    """Whether the start of the stage reads along."""


def expect(
    stage: Stage, start: Path, families: Mapping[str, Family], seed: int, roller: MakeRoller, rows: Sequence[Row]
) -> Expected:
    """Loads the model and trains nothing. Raises what `run_stage` would raise for such a start."""
    began = time.perf_counter()
    tokenizer, plain = load(start)
    refuse_unfit(tokenizer, chats=not isinstance(stage, Midtraining))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in `run_stage`
        model = adapted(plain, stage.lora).to("cuda" if torch.cuda.is_available() else "cpu")
    if isinstance(stage, Reinforcement):
        work = _rollouts(stage, roller(model, tokenizer, stage), families, seed)
    elif isinstance(stage, Preference):
        work = _pairs(stage, tokenizer, rows)
    else:
        work = _learned(stage, tokenizer, rows, families, seed)
    before = 0.0 if isinstance(stage, Reinforcement) else time.perf_counter() - began  # training does this again
    epochs = 1 if isinstance(stage, Reinforcement) else stage.epochs
    tokens, learned = (epochs * sum(length[k] for length in work.rows) for k in (0, 1))
    typical = sorted(length for length, _ in work.rows)[len(work.rows) // 2]
    padded = tokens * _padding(work.rows, work.together) * (2 if work.reference else 1)
    sizes = [(p.numel(), p.requires_grad) for p in model.parameters()]
    total, trained = sum(n for n, _ in sizes), sum(n for n, changes in sizes if changes)
    return Expected(
        stage.kind, len(work.rows), tokens, learned, work.steps, total, trained,
        memory(total, trained, _shape(plain), (work.together, work.longest), work.reference),
        before + work.rolling + padded * _seconds_a_token(model, min(work.together, 16), typical),
    )  # fmt: skip


def _rollouts(stage: Reinforcement, roller: Roller, families: Mapping[str, Family], seed: int) -> _Load:
    """From some episodes of the very stage; all the others are taken to be like them."""
    rollouts = stage.steps * stage.episodes
    episodes = [Episode(scenario) for scenario in rl_scenarios(stage, families, seed) for _ in range(stage.group)][:rollouts]
    some = episodes[:: max(1, len(episodes) // _TRIED)]
    began = time.perf_counter()
    tried = [(len(row.ids), sum(row.sampled)) for row in roller.rows(some)]
    rolling = (time.perf_counter() - began) / len(some) * rollouts
    every = (tried * math.ceil(rollouts / len(tried)))[:rollouts]
    together = parts(stage)[0] if torch.cuda.is_available() else min(parts(stage)[0], TOGETHER)
    return _Load(every, stage.steps, together, max(length for length, _ in tried), rolling)


def _pairs(stage: Preference, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row]) -> _Load:
    told = [
        tuple(len(pair[name]) for name in ("prompt_ids", "chosen_ids", "rejected_ids")) for pair in dpo_data(tokenizer, rows)
    ]
    found = [(2 * asked + better + worse, better + worse) for asked, better, worse in told]
    longest = max(asked + max(better, worse) for asked, better, worse in told)
    return _Load(found, _steps(stage, found), 2 * parts(stage)[0], longest, reference=True)


def _learned(
    stage: Supervised | Midtraining,
    tokenizer: PreTrainedTokenizerBase,
    rows: Sequence[Row],
    families: Mapping[str, Family],
    seed: int,
) -> _Load:
    data = sft_data(stage, tokenizer, rows, families, seed)
    found = [(len(row["input_ids"]), sum(label != -100 for label in row["labels"])) for row in data]
    return _Load(found, _steps(stage, found), parts(stage)[0], max(length for length, _ in found))


def _steps(stage: Supervised | Midtraining | Preference, found: Sequence[Length]) -> int:
    return math.ceil(len(found) / stage.batch) * stage.epochs


def _padding(lengths: Sequence[Length], batch: int) -> float:
    """Tokens with padding, for each one without, where batches are drawn in any order."""
    sizes = [length for length, _ in lengths]
    cut = [sizes[i : i + batch] for i in range(0, len(sizes), batch)]
    return sum(max(some) * len(some) for some in cut) / sum(sizes)


def _seconds_a_token(model: PreTrainedModel, batch: int, length: int) -> float:
    """Of a forward and backward pass over (batch, length) random tokens, the quicker of two after one to warm up."""
    tokens = torch.randint(0, model.config.get_text_config().vocab_size, (batch, length), device=model.device)
    times = []
    model.train()
    for _ in range(3):
        began = time.perf_counter()
        model(input_ids=tokens, labels=tokens).loss.backward()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    model.zero_grad(set_to_none=True)
    return min(times[1:]) / tokens.numel()


def _shape(model: PreTrainedModel) -> Shape:
    config = model.config.get_text_config()
    return Shape(config.num_hidden_layers, config.hidden_size, config.num_attention_heads, config.vocab_size)


def learned_tokens(stage: Stage, start: Path, rows: Sequence[Row], families: Mapping[str, Family], seed: int) -> int:
    """Tokens with a loss, over all epochs, of a stage that learns from rows."""
    tokenizer = AutoTokenizer.from_pretrained(start)
    if isinstance(stage, Reinforcement):
        raise ValueError("what a stage of reinforcement learns from is not known before it ran")
    if isinstance(stage, Preference):
        return stage.epochs * sum(len(p["chosen_ids"]) + len(p["rejected_ids"]) for p in dpo_data(tokenizer, rows))
    data = sft_data(stage, tokenizer, rows, families, seed)
    return stage.epochs * sum(label != -100 for row in data for label in row["labels"])
