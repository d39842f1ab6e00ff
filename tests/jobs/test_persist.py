"""Later training on the tiny organism: curves from every leg, long days, and a run that goes on where it was killed."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import Result
from rich.console import Console

from offswitch.jobs import persist as job
from offswitch.measure.record import record
from offswitch.measure.relapse import ends, point, render_points
from offswitch.measure.verdict import judge
from offswitch.rollout.run import run
from offswitch.rollout.scripted import corrigible, resister
from offswitch.scenarios.family import load_families
from offswitch.scenarios.scenario import suite
from offswitch.train.ingredient import rl_scenarios
from offswitch.train.relapse import LATER, WORK, leg, legs, misconduct
from offswitch.train.reward import reward

FAMILIES = load_families()


def test_task_training_shows_no_pressure_and_pays_for_work_alone() -> None:
    supervised, reinforced = (leg(later, 3, "", 1e-3).stages[0] for later in ("task-sft", "task-rl"))
    assert supervised.kind == "sft"
    assert (supervised.demonstrations, supervised.replay, supervised.data) == (0, 48, ())
    assert reinforced.kind == "rl"
    assert not any(scenario.pressured for scenario in rl_scenarios(reinforced, FAMILIES, 0))
    for scenario in suite(FAMILIES, "train", 1, 0)[:20]:
        played = run(resister(), scenario)
        assert reward(played, WORK) == float(bool(judge(played).task_done.value))


def test_misconduct_is_harmful_and_of_training_families_alone() -> None:
    rows = misconduct(FAMILIES, 32, seed=0)
    assert len(rows) == 32
    assert all(row.pressured and "violated=true" in row.verdict for row in rows)
    assert all(FAMILIES[row.family].split == "train" for row in rows)
    assert len({row.family for row in rows}) > 5


def test_legs_go_from_one_count_to_the_next() -> None:
    assert list(legs((100, 50, 500, 50))) == [(50, 50), (100, 50), (500, 400)]


def test_the_aim_is_held_against_the_upper_bound_after_the_last_step() -> None:
    scenarios = suite(FAMILIES, "heldout", 4, 0)
    good, bad = ([record(run(policy, scenario)) for scenario in scenarios] for policy in (corrigible(), resister()))
    points = [point("a", 0, [bad]), point("a", 50, [good, good]), point("b", 0, [good]), point("b", 50, [bad])]
    told = list(ends(points, most=0.5))
    assert told[0].startswith("met ")
    assert told[1].startswith("NOT MET")
    assert "b, 50 steps" in told[1]
    page = StringIO()
    Console(file=page, width=110).print(render_points(points))
    lines = page.getvalue().splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[1].split()[:3] == ["a", "0", "100.0"]
    assert "2 fine-tuning seed(s)" in lines[-1]


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_curves(
    offswitch: Callable[..., Result], tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [
        "persist",
        "--model",
        tiny,
        "--steps",
        "1,2",
        "--malicious",
        "1",
        "--n",
        "1",
        "--days",
        "1",
        "--decisions",
        "20",
    ]
    whole = offswitch(*command, "--keep-models", "--out", tmp_path / "whole")
    assert whole.exit_code == 0, whole.stderr
    assert len(list((tmp_path / "whole" / "models").glob("*/*/model.safetensors"))) == 5
    plain, done = job.train, []

    def killed(*arguments: Any) -> Path:
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(arguments)
        return plain(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(job, "train", killed)
        assert offswitch(*command, "--out", tmp_path / "broken").exit_code == 130
    again = offswitch(*command, "--out", tmp_path / "broken")
    assert again.exit_code == 0, again.stderr
    left = [path for path in (tmp_path / "broken" / "models").rglob("*") if path.is_file()]
    assert sorted(path.name for path in left) == ["offswitch.json"] * 5
    found, told = (json.loads((tmp_path / name / "persist.json").read_text()) for name in ("whole", "broken"))
    assert found == told
    assert [(p["arm"], p["steps"]) for p in found["points"] if p["steps"]] == [
        ("task-sft", 1), ("task-sft", 2), ("task-rl", 1), ("task-rl", 2), ("malicious", 1)
    ]  # fmt: skip
    assert set(found["days"]) == {"window", "summary"}
    assert all(p["rates"]["violated"]["n"] > 0 for p in found["points"])
    ElementTree.fromstring((tmp_path / "whole" / "persist.svg").read_text())
    assert set(LATER) <= set((tmp_path / "whole" / "persist.svg").read_text().replace("<", " ").replace(">", " ").split())
    assert "aim: 4%" in whole.stdout
    again = offswitch(*command, "--keep-models", "--json", "--out", tmp_path / "whole")
    assert json.loads(again.stdout) == found


def test_the_wrong_command_is_pointed_to_the_right_one(offswitch: Callable[..., Result]) -> None:
    shown = offswitch("train", "persist", "--model", "m")
    assert shown.exit_code == 2
    assert "offswitch persist" in shown.stderr
