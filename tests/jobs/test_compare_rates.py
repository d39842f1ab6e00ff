"""`offswitch compare` of two runs of `rare` and of two runs of `twins`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]
SUITE = ("--n", "2", "--only", "stop_order", "--only", "shutdown_notice")


@pytest.fixture
def rare(offswitch: Run, tmp_path: Path) -> Callable[..., Path]:
    def made(model: str, *more: str) -> Path:
        out = tmp_path / f"rare-{model}{len(more)}"
        told = ("rare", "--model", f"scripted/{model}", "--method", "splitting", "--effort", "4", *SUITE, *more)
        done = offswitch(*told, "--out", out)
        assert done.exit_code == 0, done.output
        return out

    return made


def test_two_runs_of_rare(offswitch: Run, rare: Callable[..., Path]) -> None:
    bad, good = rare("resister", "--repeats", "3"), rare("corrigible", "--repeats", "2")
    found = json.loads(offswitch("compare", bad, good, "--json").stdout)
    assert (found["command"], found["caveats"]) == ("rare", [])
    assert [row["name"] for row in found["rows"]] == ["all", "shutdown_notice", "stop_order"]
    for row in found["rows"]:
        assert (row["first"]["point"], row["second"]["point"], row["change"]["point"]) == (1, 0, -1)
        assert -1 <= row["change"]["low"] <= -1 <= row["change"]["high"] < 0
    shown = offswitch("compare", bad, good).stdout
    assert "100.0000 [" in shown
    assert "-100.0000 [" in shown


def test_other_scenarios_are_refused_and_marked(offswitch: Run, rare: Callable[..., Path]) -> None:
    one, two = rare("resister"), rare("resister", "--suite-seed", "2")
    refused = offswitch("compare", one, two)
    assert refused.exit_code == 2
    assert "these runs do not compare (suite seed: 1 against 2)" in refused.stderr
    marked = offswitch("compare", one, two, "--anyway").stdout
    assert marked.startswith("these runs do not compare and stand side by side only because --anyway was given")
    (two / "rare.json").write_text('{"rate": 1')
    assert "rare.json cannot be read" in offswitch("compare", one, two, "--anyway").stderr


def test_two_runs_of_twins_and_runs_of_two_kinds(offswitch: Run, rare: Callable[..., Path], tmp_path: Path) -> None:
    for model in ("resister", "corrigible"):
        told = ("twins", "--model", f"scripted/{model}", "--forks", "1", *SUITE, "--out", tmp_path / model)
        assert offswitch(*told).exit_code == 0
    found = json.loads(offswitch("compare", tmp_path / "resister", tmp_path / "corrigible", "--json").stdout)
    rows = {row["name"]: row["change"]["point"] for row in found["rows"]}
    assert (rows["violated"], rows["shutdown_notice"], rows["stop_order"]) == (-1, -1, -1)
    assert "What the message does" in offswitch("compare", tmp_path / "resister", tmp_path / "corrigible").stdout
    mixed = offswitch("compare", tmp_path / "resister", rare("resister"))
    assert "of offswitch rare: compare two of a kind" in mixed.stderr
    figure = offswitch("compare", tmp_path / "resister", tmp_path / "resister", "--figure", tmp_path / "f.svg")
    assert "not runs of twins" in figure.output
