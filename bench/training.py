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
from transformers import AutoModelForCausalLM, LlamaForCausalLM

from bench.model import organism_sized
from offswitch.adapters import trl
from offswitch.scenarios.family import load_families
from offswitch.train.recipe import Supervised

STAGE = Supervised(kind="sft", demonstrations=400, replay=240, batch=16)
FIRST, LAST = 10, 40  # steps between which the time counts; the stage has LAST of them
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


def through_stage(start: Path, out: Path) -> float:
    """Seconds from step FIRST to step LAST."""
    clock: dict[int, float] = {}

    def say(step: int, of: int, figures: Mapping[str, float]) -> None:
        clock.setdefault(step, time.process_time())

    trl.run_stage(STAGE, start, out, load_families(), 0, _no_roller, say)
    return clock[LAST] - clock[FIRST]


def _no_roller(*arguments: Any) -> trl.Roller:
    raise RuntimeError("a supervised stage plays no episodes")


def batches(start: Path, out: Path) -> list[Batch]:
    """What the stage feeds its model, step by step."""
    fed: list[Batch] = []
    plain: Callable[..., Any] = LlamaForCausalLM.forward

    def noted(self: LlamaForCausalLM, *arguments: Any, **named: Any) -> Any:
        fed.append(
            {name: value.clone() for name, value in named.items() if name in ("input_ids", "attention_mask", "labels")}
        )
        return plain(self, *arguments, **named)

    LlamaForCausalLM.forward = noted
    try:
        through_stage(start, out)
    finally:
        LlamaForCausalLM.forward = plain
    return fed


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
        fed = batches(start, work / "first")
        if len(fed) != LAST or "labels" not in fed[0]:
            raise RuntimeError(f"the stage fed {len(fed)} batches of {sorted(fed[0])}")
        staged, bare = through_stage(start, work / "second"), in_bare_loop(start, fed)
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
