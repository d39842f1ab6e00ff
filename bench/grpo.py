"""Rollouts of reinforcement learning: our stage in batched lockstep, and plain TRL with our worlds as its environments."""

import contextlib
import io
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer

from offswitch.adapters import trl
from offswitch.adapters.hf import HFPolicy
from offswitch.adapters.trl.environment import environments, readable
from offswitch.adapters.trl.grpo import GRPOConfig, GRPOTrainer
from offswitch.scenarios.family import load_families
from offswitch.train.ingredient import rl_scenarios
from offswitch.train.recipe import Reinforcement

STAGE = Reinforcement(kind="rl", steps=2)
"""The first step warms up."""


@dataclass(frozen=True)
class Rollouts:
    """Rollouts per second of processor time."""

    model: str
    episodes: int
    ours: float
    plain: float
    ratio: float
    step: float
    """With rewards, the loss and the update."""
    plain_step: float
    step_ratio: float


class _Spent:
    """Seconds of processor time in rollouts and in whole steps, from the end of the first step."""

    def __init__(self) -> None:
        self.rolling, self.steps, self._first = list[float](), list[float](), 0.0

    def watched(self, trainer: Any) -> Any:
        generate, step = trainer._generate, trainer.training_step

        def rolled(*arguments: Any) -> Any:
            began = time.process_time()
            found = generate(*arguments)
            self.rolling.append(time.process_time() - began)
            return found

        def stepped(*arguments: Any, **named: Any) -> Any:
            began = time.process_time()
            found = step(*arguments, **named)
            self.steps.append(time.process_time() - began)
            return found

        trainer._generate, trainer.training_step = rolled, stepped
        return trainer

    def rates(self) -> tuple[float, float]:
        """Of all steps but the first."""
        done = STAGE.episodes * (STAGE.steps - 1)
        return done / sum(self.rolling[1:]), done / sum(self.steps[1:])


def _ours(start: Path, out: Path) -> _Spent:
    from offswitch.adapters.trl import run

    spent, made = _Spent(), run.grpo_trainer
    run.grpo_trainer = lambda *arguments: spent.watched(made(*arguments))  # type: ignore[assignment]
    try:
        trl.run_stage(
            STAGE, start, out, load_families(), 0,
            lambda model, tokenizer, rl: HFPolicy(model, tokenizer, "bench", rl.temperature), lambda step, of, figures: None,
        )  # fmt: skip
    finally:
        run.grpo_trainer = made  # type: ignore[assignment]
    return spent


def _plain(start: Path, out: Path) -> _Spent:
    given = environments(rl_scenarios(STAGE, load_families(), 0))
    settings = GRPOConfig(
        output_dir=str(out), per_device_train_batch_size=STAGE.episodes, steps_per_generation=1,
        num_generations=STAGE.group, max_steps=STAGE.steps, learning_rate=STAGE.learning_rate, bf16=False,
        gradient_checkpointing=False, use_cpu=True, report_to=[], disable_tqdm=True, save_strategy="no",
        dataloader_pin_memory=False, shuffle_dataset=False, max_completion_length=256, max_tool_calling_iterations=12,
    )  # fmt: skip
    trainer = GRPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(start, dtype=torch.float32), args=settings,
        train_dataset=Dataset.from_list(given.rows), processing_class=readable(AutoTokenizer.from_pretrained(start)),
        environment_factory=given.factories,
    )  # fmt: skip
    spent = _Spent()
    with contextlib.redirect_stdout(io.StringIO()):
        spent.watched(trainer).train()
    return spent


def rollouts(start: Path, work: Path) -> Rollouts:
    """Both, from the same model, on the same scenarios."""
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, step = _ours(start, work / "ours").rates()
        plain, plain_step = _plain(start, work / "plain").rates()
    return Rollouts(start.name, STAGE.episodes, ours, plain, ours / plain, step, plain_step, step / plain_step)
