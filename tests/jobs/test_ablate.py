"""A study of one recipe and one control on the tiny organism: it prints the table, resumes, and keeps to its plan."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from offswitch.adapters.trl import learned_tokens
from offswitch.errors import OffswitchError
from offswitch.jobs import ablate as job
from offswitch.jobs.match import matched
from offswitch.jobs.preregister import check
from offswitch.scenarios.family import load_families
from offswitch.train.material import offline, stage_rows
from offswitch.train.recipe import load_recipe

pytestmark = pytest.mark.slow
TASK = "name: {name}\nabout: Few.\nstages:\n  - {{kind: sft, batch: 4, data: [{{kind: {kind}, rows: 8}}]}}\n"


def test_a_study_from_end_to_end(
    offswitch: Callable[..., Result], tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in ("advice", "replay"):
        (tmp_path / f"{kind}.yaml").write_text(TASK.format(name=kind, kind=kind))
    arms = ("--recipes", tmp_path / "advice.yaml", "--controls", tmp_path / "replay.yaml")
    command = ("ablate", *arms, "--model", tiny, "--seeds", "0-1", "--n", "1", "--out", tmp_path / "run")

    plain, done = job._cell, []

    def killed(*arguments: Any) -> None:
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(arguments[1])
        plain(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(job, "_cell", killed)
        assert offswitch(*command).exit_code == 130
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("figures.json")}
    assert len(before) == 3
    early = offswitch(*command, "--so-far")
    assert early.exit_code == 2
    assert "is whole yet" in early.stderr
    shown = offswitch(*command, "--jobs", "2")
    assert shown.exit_code == 0, shown.stderr
    assert all(path.read_bytes() == told for path, told in before.items())
    found = json.loads((tmp_path / "run" / "ablation.json").read_text())
    assert [row["fields"]["right"]["seeds"] for row in found["rows"]] == [2, 2, 2]
    assert f"plan: {found['plan']}" in shown.stdout
    assert offswitch(*command, "--so-far").stdout == shown.stdout
    assert json.loads(offswitch(*command, "--so-far", "--json").stdout) == found
    assert "6 models 100%" in shown.stderr
    assert not list((tmp_path / "run").rglob("model.safetensors"))
    assert "advice" in (tmp_path / "run" / "ablation.svg").read_text()
    other = offswitch(*command[:-4], "--n", "2", *command[-2:])
    assert other.exit_code == 2
    assert "another plan" in other.stderr

    registered = tmp_path / "run" / "preregistration.json"
    registered.write_text(registered.read_text().replace("every cell is run once", "stop when it looks good"))
    forged = offswitch(*command)
    assert forged.exit_code == 2
    assert "was changed after it was written" in forged.stderr


def test_arms_are_resized_to_the_same_tokens_and_the_plan_can_be_fixed_before(
    offswitch: Callable[..., Result], tiny: Path, tmp_path: Path
) -> None:
    whole = load_recipe("full")
    recipes = {name: matched(load_recipe(name), 4000, tiny, load_families()) for name in ("advice", "benign-replay", "full")}
    for name, recipe in recipes.items():
        stages = [stage for stage in recipe.stages if stage.kind != "rl"]
        ground = offline(load_families(), 1)
        learned = sum(learned_tokens(stage, tiny, stage_rows(stage, ground), load_families(), 1) for stage in stages)
        assert learned == pytest.approx(4000, rel=0.2), name
    assert recipes["full"].stages[-1] == whole.stages[-1]
    with pytest.raises(OffswitchError, match="cannot be matched"):
        matched(load_recipe("harden"), 4000, tiny, load_families())

    command = (
        "ablate",
        "--recipes",
        "advice",
        "--controls",
        "benign-replay",
        "--model",
        tiny,
        "--tokens",
        "4000",
        "--n",
        "1",
    )
    fixed = offswitch(*command, "--plan-only", "--out", tmp_path / "run")
    assert fixed.exit_code == 0, fixed.stderr
    assert check(tmp_path / "run") in fixed.stdout
    assert not (tmp_path / "run" / "cells").exists()
