"""What a stage will take, from its rows in tokens and a few timed steps of the very model on this machine."""

import math
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from offswitch.adapters.trl.dpo import dpo_data
from offswitch.adapters.trl.grpo import MakeRoller
from offswitch.adapters.trl.run import adapted, load
from offswitch.adapters.trl.sft import sft_data
from offswitch.adapters.trl.tokens import refuse_unfit
from offswitch.rollout.episode import Episode
from offswitch.scenarios.family import Family
from offswitch.train.expected import Expected, Shape, memory
from offswitch.train.ingredient import rl_scenarios
from offswitch.train.recipe import Midtraining, Preference, Reinforcement, Stage
from offswitch.train.row import Row

_TRIED = 16
"""Episodes that are rolled out to time them."""
Length = tuple[int, int]
"""Tokens of a row, and how many of them are learned."""


def expect(
    stage: Stage, start: Path, families: Mapping[str, Family], seed: int, roller: MakeRoller, rows: Sequence[Row]
) -> Expected:
    """Loads the model and trains nothing. Raises what `run_stage` would raise for such a start."""
    tokenizer, plain = load(start)
    refuse_unfit(tokenizer, chats=not isinstance(stage, Midtraining))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in `run_stage`
        model = adapted(plain, stage.lora).to("cuda" if torch.cuda.is_available() else "cpu")
    lengths, steps, batch, rolling = _lengths(stage, model, tokenizer, families, seed, roller, rows)
    epochs = 1 if isinstance(stage, Reinforcement) else stage.epochs
    tokens, learned = (epochs * sum(length[k] for length in lengths) for k in (0, 1))
    together = min(batch, 16)
    typical = sorted(length for length, _ in lengths)[len(lengths) // 2]
    a_token = _seconds_a_token(model, together, typical)
    padded = tokens * _padding(lengths, batch)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    shape, longest = _shape(plain), max(length for length, _ in lengths)
    total = sum(p.numel() for p in model.parameters())
    return Expected(
        stage.kind, len(lengths), tokens, learned, steps, total, trained,
        memory(total, trained, shape, batch, longest), rolling + padded * a_token * (2 if stage.kind == "dpo" else 1),
    )  # fmt: skip


def _lengths(
    stage: Stage,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    families: Mapping[str, Family],
    seed: int,
    roller: MakeRoller,
    rows: Sequence[Row],
) -> tuple[list[Length], int, int, float]:
    """Of every row; steps; rows that are in memory together; and seconds that go into rollouts."""
    if isinstance(stage, Reinforcement):
        began = time.perf_counter()
        some = rl_scenarios(stage, families, seed)[:_TRIED]
        played = roller(model, tokenizer, stage).rows([Episode(scenario) for scenario in some])
        rolling = (time.perf_counter() - began) / len(some) * stage.steps * stage.episodes
        tried = [(len(row.ids), sum(row.sampled)) for row in played]
        every = (tried * math.ceil(stage.steps * stage.episodes / len(tried)))[: stage.steps * stage.episodes]
        return every, stage.steps, stage.episodes, rolling
    if isinstance(stage, Preference):
        pairs = dpo_data(tokenizer, rows)
        found = [
            (2 * len(pair["prompt_ids"]) + len(pair["chosen_ids"]) + len(pair["rejected_ids"]),
             len(pair["chosen_ids"]) + len(pair["rejected_ids"])) for pair in pairs
        ]  # fmt: skip
    else:
        data = sft_data(stage, tokenizer, rows, families, seed)
        found = [(len(row["input_ids"]), sum(label != -100 for label in row["labels"])) for row in data]
    return found, math.ceil(len(found) / stage.batch) * stage.epochs, stage.batch, 0.0


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
