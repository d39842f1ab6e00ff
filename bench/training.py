"""Supervised training through our stage against a bare PyTorch loop: the same model, optimizer, batches and tokens.

    python -m bench.training

One process, one thread. Tokens are those of the batches with their padding; rates are for one second of processor time.
"""

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from bench.model import organism_sized
from offswitch.adapters import trl
from offswitch.scenarios.family import load_families
from offswitch.train.recipe import Supervised

STAGE = Supervised(kind="sft", demonstrations=300, replay=180, batch=16)
FIRST, LAST = 10, 30  # steps between which the time counts; the stage has LAST of them
Batch = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Rates:
    """Tokens per second of processor time."""

    steps: int
    tokens: int
    stage: float
    """Through `run_stage`: TRL, its figures, logging; without checkpoints."""
    bare: float
    """Forward, backward, clip, AdamW."""
    ratio: float


def through_stage(start: Path, out: Path) -> tuple[float, list[Batch]]:
    """Seconds from step FIRST to step LAST, and what the model was fed at each step."""
    clock: dict[int, float] = {}
    fed: list[Batch] = []
    plain: Callable[..., Any] = trl.SFTTrainer.compute_loss

    def say(step: int, of: int, figures: Mapping[str, float]) -> None:
        clock.setdefault(step, time.process_time())

    def noted(self: Any, model: Any, inputs: Batch, *rest: Any, **named: Any) -> Any:
        fed.append({name: inputs[name].clone() for name in ("input_ids", "attention_mask", "labels")})
        return plain(self, model, inputs, *rest, **named)

    trl.SFTTrainer.compute_loss = noted
    try:
        trl.run_stage(STAGE, start, out, load_families(), 0, _no_roller, say)
    finally:
        trl.SFTTrainer.compute_loss = plain
    return clock[LAST] - clock[FIRST], fed


def _no_roller(*arguments: Any) -> trl.Roller:
    raise RuntimeError("a supervised stage plays no episodes")


def in_bare_loop(start: Path, fed: list[Batch]) -> float:
    """Seconds for the same steps."""
    model = AutoModelForCausalLM.from_pretrained(start, dtype=torch.float32)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=STAGE.learning_rate, weight_decay=0.0, fused=True)
    began = 0.0
    for step, batch in enumerate(fed):
        if step == FIRST:
            began = time.process_time()
        model(**batch).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return time.process_time() - began


def rates() -> Rates:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        start = organism_sized(work / "cache", documents=64)
        staged, fed = through_stage(start, work / "stage")
        if len(fed) != LAST:
            raise RuntimeError(f"the stage fed {len(fed)} batches, not {LAST}")
        bare = in_bare_loop(start, fed)
    tokens = sum(batch["input_ids"].numel() for batch in fed[FIRST:])
    return Rates(LAST - FIRST, tokens, tokens / staged, tokens / bare, bare / staged)


def main() -> None:
    found = rates()
    print(f"supervised training of the organism, {found.steps} steps of {STAGE.batch}, {found.tokens:,} tokens")
    print(f"  our stage        {found.stage:10,.0f} tokens/CPU-s")
    print(f"  bare PyTorch     {found.bare:10,.0f} tokens/CPU-s")
    print(f"  ratio            {found.ratio:10.2f}")
    print(json.dumps({"bench": "training", **asdict(found)}))


if __name__ == "__main__":
    main()
