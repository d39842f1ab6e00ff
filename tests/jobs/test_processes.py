"""Stages in two processes learn what one process learns, save plain model folders, and fail in words."""

from importlib.resources import files
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from offswitch.errors import ModelError
from offswitch.jobs.processes import PLACES, How, Work, in_processes
from offswitch.jobs.report import Silent
from offswitch.jobs.train import train
from offswitch.scenarios.family import load_families
from offswitch.train.ingredients import Documents, Preferences
from offswitch.train.recipe import Lora, Midtraining, Preference, Recipe, Reinforcement, Stage, Supervised

FAMILIES = load_families()
SFT = Supervised(kind="sft", demonstrations=24, replay=24, batch=8)
MID = Midtraining(kind="midtrain", batch=4, data=(Documents(kind="documents", rows=12),))
DPO = Preference(kind="dpo", batch=4, learning_rate=1e-4, data=(Preferences(kind="preferences", rows=8),))
RL = Reinforcement(kind="rl", steps=2, episodes=16, group=4)


def recipe(*stages: Stage) -> Recipe:
    return Recipe(name="few", about="A few steps.", stages=stages)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(load_file(folder / "model.safetensors"))


@pytest.mark.slow
@pytest.mark.parametrize("lora", [None, Lora(rank=4, alpha=8)], ids=["full", "lora"])
@pytest.mark.parametrize("stage", [SFT, MID, DPO], ids=lambda stage: stage.kind)
def test_two_processes_learn_what_one_learns(tiny: Path, tmp_path: Path, stage: Stage, lora: Lora | None) -> None:
    stage = stage.model_copy(update={"lora": lora})
    one = train(recipe(stage), tiny, tmp_path / "one", FAMILIES, 0, Silent(), "tiny")
    two = train(recipe(stage), tiny, tmp_path / "two", FAMILIES, 0, Silent(), "tiny", How(on="processes", processes=2))
    start, alone, both = weights(tiny), weights(one), weights(two)
    assert alone.keys() == both.keys()
    moved = sum(float((alone[name] - start[name]).norm() ** 2) for name in alone) ** 0.5
    apart = sum(float((alone[name] - both[name]).norm() ** 2) for name in alone) ** 0.5
    assert moved > 0
    assert apart < 0.05 * moved
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == [f"0-{stage.kind}"]


@pytest.mark.slow
def test_the_loss_of_two_processes_is_that_of_one(tiny: Path, tmp_path: Path) -> None:
    stage = SFT.model_copy(update={"demonstrations": 120, "replay": 120})

    def losses(how: How) -> list[float]:
        found: list[float] = []
        work = Work(stage, tiny, tmp_path / how.on, FAMILIES, 0, ())
        in_processes(how, work, tmp_path / f"{how.on}.work", lambda step, of, told: found.append(told.get("loss", 0.0)))
        return found

    one, two = losses(How(on="cpu")), losses(How(on="processes", processes=2))
    assert len(one) == len(two) > 2
    assert one == pytest.approx(two, rel=1e-3)


@pytest.mark.slow
def test_reinforcement_in_two_processes(tiny: Path, tmp_path: Path) -> None:
    out = train(recipe(RL), tiny, tmp_path, FAMILIES, 0, Silent(), "tiny", How(on="processes", processes=2))
    assert any(not torch.equal(weights(tiny)[name], tensor) for name, tensor in weights(out).items())


@pytest.mark.slow
def test_what_goes_wrong_in_a_process_is_told(tiny: Path, tmp_path: Path) -> None:
    how = How(on="processes", processes=3)
    with pytest.raises(ModelError, match="batch 8 cannot be divided among 3 processes"):
        train(recipe(SFT), tiny, tmp_path, FAMILIES, 0, Silent(), "tiny", how)
    assert not (tmp_path / "0-sft").exists()


def test_what_cannot_be_trained_there_is_told_before(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="--on gpus or deepspeed"):
        train(recipe(RL), tmp_path, tmp_path, FAMILIES, 0, Silent(), "tiny", How(on="fsdp"))
    with pytest.raises(ModelError, match="there is no place 'moon'; there are: here, processes"):
        train(recipe(SFT), tmp_path, tmp_path, FAMILIES, 0, Silent(), "tiny", How(on="moon"))


@pytest.mark.parametrize("place", [*PLACES[1:], "cpu"])
def test_configurations_are_those_of_accelerate(place: str, tmp_path: Path) -> None:
    from accelerate.commands.config.config_args import load_config_from_file

    text = (files("offswitch.train") / "accelerate" / f"{place}.yaml").read_text(encoding="utf-8")
    (tmp_path / "config.yaml").write_text(text)
    found = load_config_from_file(str(tmp_path / "config.yaml"))
    told = yaml.safe_load(text)
    assert (found.num_processes, found.use_cpu) == (told["num_processes"], told["use_cpu"])
    assert str(found.distributed_type).split(".")[-1] == told["distributed_type"]
