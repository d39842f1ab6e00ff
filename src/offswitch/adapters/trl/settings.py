"""What all trainers share, and what is watched while they run."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from huggingface_hub import constants
from transformers import TrainerCallback

from offswitch.errors import ModelError
from offswitch.train.recipe import Reinforcement, Stage

constants.HF_HUB_DISABLE_TELEMETRY = True  # TRL tells its makers of every run; by now it is too late to set the variable

Say = Callable[[int, int, Mapping[str, float]], None]
"""Progress: step, of how many, the figures that TRL logs."""


class Progress(TrainerCallback):
    """Tells how far it is, and stops a run whose loss is no number any more."""

    def __init__(self, say: Say) -> None:
        self.say = say

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        figures = {k: v for k, v in (logs or {}).items() if isinstance(v, float)}
        if not all(math.isfinite(figures.get(name, 0.0)) for name in ("loss", "grad_norm")):
            raise ModelError(
                f"the loss is no number any more at step {state.global_step}; lower the stage's learning_rate and train into "
                "another --out"
            )
        self.say(state.global_step, state.max_steps, figures)


def state() -> PartialState:
    """Which process this is, of how many."""
    return PartialState(cpu=not torch.cuda.is_available())


def portion(batch: int, field: str) -> int:
    """What each process has of a batch. Raises `ModelError` where it cannot be divided."""
    processes = state().num_processes
    if batch % processes:
        raise ModelError(f"{field} {batch} cannot be divided among {processes} processes: --set stages.N.{field}=...")
    return batch // processes


def parts(stage: Stage) -> tuple[int, int]:
    """Rows that a process has in memory together, and how many such parts are its share of a batch.

    The share is cut evenly, so there may be fewer rows than the stage's `at_a_time`. Raises as `portion`.
    """
    share = portion(stage.episodes, "episodes") if isinstance(stage, Reinforcement) else portion(stage.batch, "batch")
    most = min(stage.at_a_time or share, share)
    rows = next(rows for rows in range(most, 0, -1) if share % rows == 0)
    return rows, share // rows


def shared(stage: Stage, work: Path, seed: int) -> dict[str, Any]:
    """Settings of transformers' Trainer that no stage differs in."""
    on_gpu, (rows, accumulated) = torch.cuda.is_available(), parts(stage)
    return {
        "per_device_train_batch_size": rows,
        "gradient_accumulation_steps": accumulated,
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
        "ddp_find_unused_parameters": False,
        "dataloader_pin_memory": on_gpu,
        "max_grad_norm": 1.0,
        "weight_decay": 0.0,
    }
