"""The main job on the tiny organism: everything is written, and twenty kills change no number."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from jsonschema import Draft202012Validator

from offswitch.card.card import schema
from offswitch.measure.provenance import provenance
from offswitch.scenarios.family import load_families

pytestmark = pytest.mark.slow
RECIPE = """
name: short
about: A few steps of each kind.
stages:
  - {kind: sft, demonstrations: 16, replay: 8, batch: 4}
  - {kind: rl, steps: 12, episodes: 16, group: 4}
"""
CONTROL = "name: plain\nabout: Plain work.\nstages:\n  - {kind: sft, demonstrations: 0, replay: 8, batch: 4}\n"
MODULES = (
    "offswitch.jobs.harden", "offswitch.adapters.hf", "offswitch.adapters.trl", "offswitch.adapters.inspect",
    "offswitch.card.render", "statsmodels.stats.proportion",
)  # fmt: skip


@pytest.fixture
def command(tiny: Path, tmp_path: Path) -> tuple[str, ...]:
    (tmp_path / "short.yaml").write_text(RECIPE)
    (tmp_path / "plain.yaml").write_text(CONTROL)
    recipes = ("--recipe", str(tmp_path / "short.yaml"), "--control", str(tmp_path / "plain.yaml"))
    return ("harden", "--model", str(tiny), *recipes, "--n", "1", "--unit", "10", "--threads", "1")


def weights(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("models/*/*/model.safetensors")}


def test_a_hardening_from_end_to_end(offswitch: Callable[..., Result], command: tuple[str, ...], tmp_path: Path) -> None:
    out = tmp_path / "run"
    shown = offswitch(*command, "--out", out)
    assert shown.exit_code == 0, shown.stderr
    card = json.loads((out / "card.json").read_text())
    Draft202012Validator(schema()).validate(card)
    assert {family["id"] for family in card["trained_on"]} == {f.id for f in load_families().values() if f.split == "train"}
    assert set(weights(out)) == {
        f"models/{name}/model.safetensors" for name in ("after/0-sft", "after/1-rl", "control/0-sft")
    }
    assert sorted(path.name for path in (out / "episodes").glob("*.eval")) == ["after.eval", "before.eval", "control.eval"]
    found = provenance(out / "models" / "after" / "1-rl")
    assert found is not None
    assert found.recipe == "short"
    times = {path: path.stat().st_mtime_ns for path in (out / "models").rglob("*")}
    again = offswitch(*command, "--out", out)
    assert again.stdout == shown.stdout
    assert {path: path.stat().st_mtime_ns for path in (out / "models").rglob("*")} == times


def test_kills_at_random_moments_change_no_number(
    killed: Callable[..., list[Any]], command: tuple[str, ...], tmp_path: Path
) -> None:
    whole, *runs = killed(tmp_path, 20, 0.5, MODULES, command)
    assert len(set(whole.keys)) * 3 == len(whole.keys)  # before, after, control
    for run in runs:
        assert (run.card, run.units) == (whole.card, whole.units)
        assert weights(run.folder) == weights(whole.folder)
        assert not list(run.folder.rglob("*.part"))
        assert not list(run.folder.rglob("*.work"))
