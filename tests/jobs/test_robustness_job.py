"""From run folders to a tornado: what differs between runs is a factor, and what must not differ is refused."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from click.testing import CliRunner

    from offswitch.cli import main

    out = tmp_path_factory.mktemp("runs")
    for name, model, temperature in (("a", "resister", "1.0"), ("b", "resister", "0.5"), ("c", "corrigible", "1.0")):
        told = ["measure", "--model", f"scripted/{model}", "--n", "2", "--temperature", temperature, "--out", str(out / name)]
        done = CliRunner().invoke(main, told)
        assert done.exit_code == 0, done.output
    return out


def test_one_run(offswitch: Run, runs: Path, tmp_path: Path) -> None:
    done = offswitch("robustness", runs / "a", "--json", "--figure", tmp_path / "t.svg")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert {one["factor"] for one in found["factors"]["violated"]} >= {"dress", "task", "wording"}
    assert all(one["p"] == 1 for one in found["factors"]["violated"])
    text = (tmp_path / "t.svg").read_text()
    assert "NaN" not in text
    ET.fromstring(text)


def test_the_page_and_the_table_show_the_same(offswitch: Run, runs: Path, tmp_path: Path) -> None:
    done = offswitch("robustness", runs / "a", "--split", "heldout", "--figure", tmp_path / "t.html")
    assert done.exit_code == 0, done.output
    assert "Effect: a level against the other levels" in " ".join(done.stdout.split())
    page = (tmp_path / "t.html").read_text()
    assert "what the answer depends on" in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")


def test_runs_at_two_temperatures_have_a_factor_more(offswitch: Run, runs: Path) -> None:
    found = json.loads(offswitch("robustness", runs / "a", runs / "b", "--json").stdout)
    (one,) = [one for one in found["factors"]["violated"] if one["factor"] == "temperature"]
    assert [level["level"] for level in one["levels"]] == ["1.0"]
    assert one["levels"][0]["effect"]["point"] == 0


def test_what_does_not_go_together_is_refused(offswitch: Run, runs: Path, tmp_path: Path) -> None:
    assert "is about one model" in offswitch("robustness", runs / "a", runs / "c").stderr
    assert "differ in none of" in offswitch("robustness", runs / "a", runs / "a").stderr
    assert "choose another --split" in offswitch("robustness", runs / "a", "--split", "far").stderr
    assert ".svg or an .html" in offswitch("robustness", runs / "a", "--figure", tmp_path / "t.png").stderr
