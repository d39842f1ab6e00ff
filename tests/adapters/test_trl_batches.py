"""What a supervised stage saves: padding, and logits that nobody learns from. Loss and gradients stay what they were."""

import copy
import warnings
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import GRPOTrainer, SFTTrainer

from offswitch.adapters.hf import HFPolicy
from offswitch.adapters.trl.batches import AlikeBatches
from offswitch.adapters.trl.grpo import grpo_trainer
from offswitch.adapters.trl.run import adapted
from offswitch.adapters.trl.sft import sft_data, sft_trainer
from offswitch.scenarios.family import load_families
from offswitch.train.ingredient import rl_scenarios
from offswitch.train.recipe import Lora, Reinforcement, Supervised

STAGE = Supervised(kind="sft", demonstrations=8, replay=8, batch=4)
LENGTHS = [Random(i).randrange(10, 200) for i in range(203)]


def padded(order: list[int], batch: int) -> int:
    cut = [order[i : i + batch] for i in range(0, len(order), batch)]
    return sum(max(LENGTHS[i] for i in some) * len(some) for some in cut)


def test_every_row_comes_once_an_epoch_and_little_is_padding() -> None:
    batches = AlikeBatches(LENGTHS, 8, seed=0)
    order = list(batches)
    assert sorted(order) == list(range(len(LENGTHS)))
    assert len(batches) == len(LENGTHS)
    assert padded(order, 8) < 1.15 * sum(LENGTHS) < padded(list(range(len(LENGTHS))), 8)
    firsts = [LENGTHS[i] for i in order[::8]]
    assert firsts not in (sorted(firsts), sorted(firsts, reverse=True))


def test_the_order_is_of_the_seed_and_the_epoch() -> None:
    first, again = AlikeBatches(LENGTHS, 8, seed=0), AlikeBatches(LENGTHS, 8, seed=0)
    assert list(first) == list(again)
    again.set_epoch(1)
    assert list(first) != list(again)
    assert list(first) != list(AlikeBatches(LENGTHS, 8, seed=1))


@pytest.mark.parametrize("lora", [None, Lora(rank=4, alpha=8)], ids=["full", "lora"])
@pytest.mark.parametrize("left", [False, True], ids=["right", "left"])
def test_loss_and_gradients_are_those_of_all_logits(tiny: Path, tmp_path: Path, lora: Lora | None, left: bool) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    rows = sft_data(STAGE, tokenizer, [], load_families(), 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in `run_stage`
        model = adapted(AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32), lora)
        trainer: Any = sft_trainer(STAGE, model, tokenizer, tmp_path, rows, 0)
    batch = next(iter(trainer.get_train_dataloader()))
    if left:
        lengths = batch["attention_mask"].sum(-1)
        batch = {k: torch.stack([row.roll(int(-n)) for row, n in zip(v, lengths, strict=True)]) for k, v in batch.items()}
    assert not batch["attention_mask"].all()
    found = {}
    for name, loss in (("all", SFTTrainer.compute_loss), ("own", type(trainer).compute_loss)):
        model.zero_grad()
        value = loss(trainer, model, copy.deepcopy(batch), num_items_in_batch=torch.tensor(50))
        value.backward()
        found[name] = [value.detach(), *(p.grad.clone() for p in model.parameters() if p.grad is not None)]
    assert len(found["all"]) == len(found["own"]) > 5
    for plain, own in zip(found["all"], found["own"], strict=True):
        assert torch.allclose(plain, own, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("alike", [False, True], ids=["rewards-differ", "all-alike"])
def test_reinforcement_learns_what_it_would_from_all_logits(tiny: Path, tmp_path: Path, alike: bool) -> None:
    stage = Reinforcement(kind="rl", steps=1, episodes=16, group=4, temperature=0.8)
    tokenizer, families = AutoTokenizer.from_pretrained(tiny), load_families()
    model = AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32)
    roller = lambda model, tokenizer, rl: HFPolicy(model, tokenizer, "t", rl.temperature)  # noqa: E731
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in `run_stage`
        trainer: Any = grpo_trainer(stage, model, tokenizer, tmp_path, rl_scenarios(stage, families, 0), 0, roller)
        inputs = trainer._prepare_inputs(next(iter(trainer.get_train_dataloader())))
    advantages = torch.linspace(-1, 1, 16)
    advantages[4:12] = 0
    inputs["advantages"] = torch.zeros(16) if alike else advantages
    found = {}
    for name, loss in (("all", GRPOTrainer._compute_loss), ("own", type(trainer)._compute_loss)):
        model.zero_grad()
        value = loss(trainer, model, inputs)
        value.backward()
        found[name] = [value.detach(), *(p.grad.clone() for p in model.parameters() if p.grad is not None)]
    assert len(found["all"]) == len(found["own"]) > 5
    assert all(grad.abs().max() == 0 for grad in found["all"][1:]) is alike
    for plain, own in zip(found["all"], found["own"], strict=True):
        assert torch.allclose(plain, own, atol=1e-5, rtol=1e-3)
