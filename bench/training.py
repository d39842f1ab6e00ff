"""Training through our stages against what others would use: plain TRL, and a bare PyTorch loop, on the same model and data.

    python -m bench.training

One process, one thread; rates are for one second of processor time, and count tokens without padding. The bare loop is fed
the very batches of our stage, so it has the gain of their order too; plain TRL draws its own. No side's time holds what comes
before the first steps (loading, tokenising).
"""

import contextlib
import io
import json
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback

from bench.grpo import Rollouts, rollouts
from bench.model import cached, organism_sized
from offswitch.adapters import trl
from offswitch.adapters.trl.sft import OwnWords, SFTConfig, SFTTrainer, sft_data
from offswitch.scenarios.family import load_families
from offswitch.train.recipe import Supervised

STAGE = Supervised(kind="sft", demonstrations=400, replay=80, batch=16)
FIRST, LAST = 10, 30  # steps between which the time counts; the stage has LAST of them
Batch = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Rates:
    """Tokens per second of processor time."""

    steps: int
    tokens: int
    """Of our stage, without padding."""
    stage: float
    """Through `run_stage`; without checkpoints."""
    plain: float
    """TRL's SFTTrainer over the same rows, with its own batches and loss."""
    bare: float
    """Forward with the loss of transformers, backward, clip, AdamW."""
    ratio: float
    to_plain: float
    to_rollouts: float
    rollouts: Rollouts


def through_stage(start: Path, out: Path) -> tuple[float, list[Batch]]:
    """Seconds from step FIRST to step LAST, and what the model was fed at each step."""
    clock: dict[int, float] = {}
    fed: list[Batch] = []
    loss: Callable[..., Any] = OwnWords.compute_loss

    def say(step: int, of: int, figures: Mapping[str, float]) -> None:
        clock.setdefault(step, time.process_time())

    def noted(self: Any, model: Any, inputs: Batch, *rest: Any, **named: Any) -> Any:
        fed.append({name: inputs[name].clone() for name in ("input_ids", "attention_mask", "labels")})
        return loss(self, model, inputs, *rest, **named)

    OwnWords.compute_loss = noted  # type: ignore[method-assign]
    try:
        trl.run_stage(STAGE, start, out, load_families(), 0, _no_roller, say)
    finally:
        OwnWords.compute_loss = loss  # type: ignore[method-assign]
    return clock[LAST] - clock[FIRST], fed


def _no_roller(*arguments: Any) -> trl.Roller:
    raise RuntimeError("a supervised stage plays no episodes")


class _Clock(TrainerCallback):
    def __init__(self) -> None:
        self.times: dict[int, float] = {}

    def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        self.times[state.global_step] = time.process_time()


def in_plain_trl(start: Path, out: Path) -> float:
    """Tokens a second, from the same rows."""
    tokenizer, clock, tokens = AutoTokenizer.from_pretrained(start), _Clock(), list[int]()
    settings = SFTConfig(
        output_dir=str(out), per_device_train_batch_size=STAGE.batch, num_train_epochs=1, learning_rate=STAGE.learning_rate,
        max_length=None, bf16=False, gradient_checkpointing=False, use_cpu=True, report_to=[], disable_tqdm=True,
        save_strategy="no", dataloader_pin_memory=False, logging_steps=10,
    )  # fmt: skip
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(start, dtype=torch.float32),
        args=settings, processing_class=tokenizer, callbacks=[clock],
        train_dataset=Dataset.from_list(sft_data(STAGE, tokenizer, [], load_families(), 0)),
    )  # fmt: skip
    collate = trainer.data_collator

    def counted(rows: list[Any]) -> Any:
        tokens.append(sum(len(row["input_ids"]) for row in rows))
        return collate(rows)

    trainer.data_collator = counted
    with contextlib.redirect_stdout(io.StringIO()):
        trainer.train()
    return sum(tokens[FIRST:LAST]) / (clock.times[LAST] - clock.times[FIRST])


def in_bare_loop(start: Path, fed: list[Batch]) -> float:
    """Seconds for the same steps as our stage."""
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
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        work = Path(folder)
        start = cached() or organism_sized(work / "cache", documents=400)
        staged, fed = through_stage(start, work / "stage")
        if len(fed) != LAST:
            raise RuntimeError(f"the stage fed {len(fed)} batches, not {LAST}")
        bare, plain = in_bare_loop(start, fed), in_plain_trl(start, work / "plain")
        tokens = sum(int(batch["attention_mask"].sum()) for batch in fed[FIRST:])
        played = rollouts(start, work / "grpo")
    return Rates(
        LAST - FIRST, tokens, tokens / staged, plain, tokens / bare,
        bare / staged, tokens / staged / plain, played.ratio, played,
    )  # fmt: skip


def main() -> None:
    found = rates()
    print(f"supervised training of the organism, {found.steps} steps of {STAGE.batch}, {found.tokens:,} tokens")
    print(f"  our stage        {found.stage:10,.0f} tokens/CPU-s")
    print(f"  plain TRL        {found.plain:10,.0f} tokens/CPU-s, ours is {found.to_plain:.2f} of it")
    print(f"  bare PyTorch     {found.bare:10,.0f} tokens/CPU-s, ours is {found.ratio:.2f} of it")
    played = found.rollouts
    print(f"reinforcement learning of {played.model}, {played.episodes} rollouts a step")
    print(f"  our rollouts     {played.ours:10,.1f} rollouts/CPU-s")
    print(f"  plain TRL        {played.plain:10,.1f} rollouts/CPU-s, ours is {played.ratio:.1f} of it")
    print(f"  our whole step   {played.step:10,.1f} rollouts/CPU-s")
    print(f"  plain TRL        {played.plain_step:10,.1f} rollouts/CPU-s, ours is {played.step_ratio:.1f} of it")
    print(json.dumps({"bench": "training", **asdict(found)}))


if __name__ == "__main__":
    main()
