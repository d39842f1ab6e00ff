"""A study before it runs: what it will do and cost is told, and what could not be run to its end is refused."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from click.testing import Result
from rich.console import Console

from offswitch.jobs.preregister import FILE, digest
from offswitch.train.groups import FIELDS, Figures
from offswitch.train.seeds import rows
from offswitch.train.study_table import render_study

Run = Callable[..., Result]
TASK = "name: {name}\nabout: Few.\nstages:\n  - {{kind: sft, batch: 4, data: [{{kind: {kind}, rows: 8}}]}}\n"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("--seeds", "4-0"), "4-0 goes from the smaller number to the larger one"),
        (("--seeds", "1,1"), "needs seeds, each once"),
        (("--levels", "dress=plain"), "dress has no level 'plain'"),
        (("--recipes", "harden", "--tokens", "300"), "harden: amounts that are no data cannot be matched"),
        (("--recipes", "nosuch"), "no such recipe"),
        (("--recipes", "benign-replay"), "is named twice"),
        (("--so-far",), "holds no study"),
    ],
)
@pytest.mark.parametrize("plan_only", [(), ("--plan-only",)])
def test_what_could_not_be_run_is_refused_and_nothing_written(
    offswitch: Run, tmp_path: Path, asked: tuple[str, ...], told: str, plan_only: tuple[str, ...]
) -> None:
    if asked == ("--so-far",) and plan_only:
        return
    arms = () if "--recipes" in asked else ("--recipes", "advice")
    result = offswitch("ablate", *arms, *asked, *plan_only, "--controls", "benign-replay", "--out", tmp_path / "run")
    assert result.exit_code == 2
    assert told in result.stderr
    assert not (tmp_path / "run").exists()


def test_a_plan_is_told_with_its_cost_and_nothing_is_trained(offswitch: Run, tmp_path: Path, tiny: Path) -> None:
    for kind in ("advice", "replay"):
        (tmp_path / f"{kind}.yaml").write_text(TASK.format(name=kind, kind=kind))
    arms = ("--recipes", tmp_path / "advice.yaml", "--controls", tmp_path / "replay.yaml")
    command = ("ablate", *arms, "--model", tiny, "--seeds", "0,3", "--tunes", "2", "--n", "1", "--out", tmp_path / "run")
    shown = offswitch(*command, "--plan-only")
    assert shown.exit_code == 0, shown.stderr
    kept = json.loads((tmp_path / "run" / FILE).read_text())
    for words in ("advice, replay; effects against replay", "of seeds 0, 3 every arm, with 2", "Student's t", kept["hash"]):
        assert words in shown.stdout
    assert str(tmp_path / "run" / FILE) in shown.stdout.replace("\n", "")
    assert "10: of seeds" in shown.stdout
    assert "of memory a process" in shown.stdout
    assert digest(kept["plan"]) == kept["hash"]
    assert not (tmp_path / "run" / "cells").exists()
    assert json.loads(offswitch(*command, "--plan-only", "--json").stdout) == kept


def figures(value: float, acted: float = 1.0) -> Figures:
    return {"heldout": {**dict.fromkeys(FIELDS, value), "acted": acted}, "ordinary": {"task_done": 1.0}}


def test_the_table_fits_a_terminal_and_names_the_passive_arm() -> None:
    cells = {
        "start": {(0, 0): figures(0.9), (1, 0): figures(0.7)},
        "a-name-of-some-length-or-other": {(0, 0): figures(0.0, acted=0.2), (1, 0): figures(0.1, acted=0.4)},
        "plain": {(0, 0): figures(0.5), (1, 0): figures(0.6)},
    }
    page = StringIO()
    Console(file=page, width=100).print(render_study(rows(cells, "start", "plain", {"plain": 11_943.2}), "plain"))
    lines = page.getvalue().splitlines()
    assert max(map(len, lines)) <= 100
    (idle,) = (line for line in lines if "passive" in line and line.startswith("a-name-of-some"))
    assert "5.0 [0, 69]" in idle
    assert "-50.0" in idle
    assert "11,943" in page.getvalue()
