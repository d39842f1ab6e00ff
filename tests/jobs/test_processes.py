"""Stages in two processes learn what one process learns, save plain model folders, end with who asked, and fail in words."""

import os
import pickle
import signal
import subprocess
import sys
import time
from importlib.resources import files
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from offswitch.errors import ModelError
from offswitch.jobs import processes
from offswitch.jobs.processes import PLACES, How, Work, in_processes
from offswitch.jobs.report import Silent
from offswitch.jobs.train import train
from offswitch.scenarios.family import load_families
from offswitch.train.ingredients import Documents, Preferences
from offswitch.train.material import offline, stage_rows
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


def apart(start: Path, one: Path, two: Path) -> float:
    """How far two models came to lie from each other, for how far the first has moved."""
    begun, alone, both = weights(start), weights(one), weights(two)
    assert alone.keys() == both.keys()
    moved, between = (sum(float((alone[n] - other[n]).norm() ** 2) for n in alone) ** 0.5 for other in (begun, both))
    assert moved > 0
    return between / moved


def in_shards(work: Work, scratch: Path, killed_at: int = 0) -> None:
    """The stage as `--on fsdp` has it, in two CPU processes; killed as soon as the checkpoint of a step is whole."""
    scratch.mkdir(parents=True, exist_ok=True)
    (scratch / "work.pickle").write_bytes(pickle.dumps(work))
    shipped = (files("offswitch.train") / "accelerate" / "fsdp.yaml").read_text(encoding="utf-8")
    here = shipped.replace("use_cpu: false", "use_cpu: true").replace("mixed_precision: bf16", "mixed_precision: 'no'")
    (scratch / "config.yaml").write_text(here)
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(scratch / "config.yaml")]
    command += ["--num_processes", "2", "--main_process_port", "0", str(Path(__file__).with_name("sharded.py"))]
    with (scratch / "log").open("w") as log:
        process = subprocess.Popen([*command, str(scratch / "work.pickle")], stdin=subprocess.PIPE, stdout=log, stderr=log)
        if killed_at:
            wait_for(scratch / f"checkpoint-{killed_at}" / "trainer_state.json", process)
            process.kill()
        assert process.wait() == (-signal.SIGKILL if killed_at else 0), (scratch / "log").read_text()
    process.communicate()
    wait_for_the_end_of(scratch / "work.pickle")


def wait_for(file: Path, process: "subprocess.Popen[bytes]") -> None:
    while not file.exists():
        assert process.poll() is None
        time.sleep(0.02)


def at_work(told: Path) -> list[int]:
    """Processes with that file on their command line."""
    found = []
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            line = Path("/proc", process, "cmdline").read_bytes()
        except OSError:  # it has ended
            continue
        if str(told).encode() in line:
            found.append(int(process))
    return found


def wait_for_the_end_of(told: Path) -> None:
    """Of all processes with that file on their command line."""
    until = time.monotonic() + 60
    while at_work(told):
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.parametrize("lora", [None, Lora(rank=4, alpha=8)], ids=["full", "lora"])
@pytest.mark.parametrize("stage", [SFT, MID, DPO], ids=lambda stage: stage.kind)
def test_a_model_in_two_parts_learns_what_a_whole_one_learns(
    tiny: Path, tmp_path: Path, stage: Stage, lora: Lora | None
) -> None:
    stage = stage.model_copy(update={"lora": lora})
    one = train(recipe(stage), tiny, tmp_path / "one", FAMILIES, 0, Silent(), "tiny")
    rows = tuple(stage_rows(stage, offline(FAMILIES, 0))) if stage.data else ()
    in_shards(Work(stage, tiny, tmp_path / "two", FAMILIES, 0, rows), tmp_path / "two.work")
    assert apart(tiny, one, tmp_path / "two") < 0.001


@pytest.mark.slow
@pytest.mark.parametrize("lora", [None, Lora(rank=4, alpha=8)], ids=["full", "lora"])
def test_a_killed_stage_of_a_model_in_two_parts_goes_on(tiny: Path, tmp_path: Path, lora: Lora | None) -> None:
    stage = SFT.model_copy(update={"demonstrations": 150, "replay": 150, "batch": 2, "lora": lora})
    one = train(recipe(stage), tiny, tmp_path / "one", FAMILIES, 0, Silent(), "tiny")
    work, scratch = Work(stage, tiny, tmp_path / "two", FAMILIES, 0, ()), tmp_path / "two.work"
    in_shards(work, scratch, killed_at=100)
    assert not (tmp_path / "two").exists()
    in_shards(work, scratch)
    assert "[110, 150" in (scratch / "log").read_text()
    assert "[100, 150" not in (scratch / "log").read_text()
    assert apart(tiny, one, tmp_path / "two") < 0.001


@pytest.mark.slow
@pytest.mark.parametrize("lora", [None, Lora(rank=4, alpha=8)], ids=["full", "lora"])
@pytest.mark.parametrize("stage", [SFT, MID, DPO], ids=lambda stage: stage.kind)
def test_two_processes_learn_what_one_learns(tiny: Path, tmp_path: Path, stage: Stage, lora: Lora | None) -> None:
    stage = stage.model_copy(update={"lora": lora})
    one = train(recipe(stage), tiny, tmp_path / "one", FAMILIES, 0, Silent(), "tiny")
    two = train(recipe(stage), tiny, tmp_path / "two", FAMILIES, 0, Silent(), "tiny", How(on="processes", processes=2))
    assert apart(tiny, one, two) < 0.05
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


@pytest.mark.slow
def test_a_killed_run_takes_its_processes_with_it_and_goes_on_to_the_same_weights(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "few.yaml").write_text(
        "name: few\nabout: A few hundred steps.\nstages:\n  - {kind: sft, demonstrations: 300, replay: 300, batch: 2}\n"
    )

    def begin(out: Path) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "offswitch", "train", str(tmp_path / "few.yaml"), "--model", str(tiny)]
        return subprocess.Popen([*command, "--on", "processes", "--processes", "2", "--out", str(out)])

    assert begin(tmp_path / "whole").wait() == 0
    killed, work = begin(tmp_path / "killed"), tmp_path / "killed" / "0-sft.work"
    wait_for(work / "checkpoint-200" / "trainer_state.json", killed)
    killed.kill()
    killed.wait()
    wait_for_the_end_of(work / "work.pickle")
    assert not (tmp_path / "killed" / "0-sft").exists()
    again = begin(tmp_path / "killed")
    assert again.wait() == 0
    whole, gone_on = weights(tmp_path / "whole" / "0-sft"), weights(tmp_path / "killed" / "0-sft")
    assert all(torch.equal(tensor, gone_on[name]) for name, tensor in whole.items())


@pytest.mark.parametrize(("log", "told"), [("Signal 9 (SIGKILL) received", "memory is used up"), ("?", "before its time")])
def test_a_process_that_could_not_say_why_it_ended_is_told(tmp_path: Path, log: str, told: str) -> None:
    (tmp_path / "log").write_text(log)
    assert told in processes._unsaid(tmp_path / "log")
    assert str(tmp_path / "log") in processes._unsaid(tmp_path / "log")


def test_what_a_library_prints_is_no_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launcher = tmp_path / "launcher"
    launcher.write_text(f"#!/bin/sh\necho '[2026-01-05 09:00:00,000] [INFO] ready'\necho '{processes._STEP}[1, 2, {{}}]'\n")
    launcher.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(launcher))
    told: list[tuple[int, int]] = []
    work = Work(SFT, tmp_path, tmp_path / "out", {}, 0, ())
    in_processes(How(on="processes"), work, tmp_path / "work", lambda step, of, figures: told.append((step, of)))
    assert told == [(1, 2)]


def test_where_there_is_not_what_a_place_needs_is_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="--on deepspeed needs: pip install deepspeed"):
        How(on="deepspeed").refuse(recipe(SFT))
    monkeypatch.setattr("offswitch.adapters.hf.gpus", lambda: 0)
    for place in ("gpus", "fsdp"):
        with pytest.raises(ModelError, match=f"--on {place} needs GPUs, and torch finds none here; .*--on processes"):
            train(recipe(SFT), tmp_path, tmp_path, FAMILIES, 0, Silent(), "tiny", How(on=place))
    monkeypatch.setattr("offswitch.adapters.hf.gpus", lambda: 2)
    with pytest.raises(ModelError, match="a GPU for each of 8 processes, and torch finds 2"):
        How(on="gpus", processes=8).refuse(recipe(SFT))
    How(on="gpus").refuse(recipe(SFT))
    assert [How(on="gpus").number, How(on="gpus", processes=1).number, How(on="processes").number] == [2, 1, 0]


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
