"""`offswitch measure --tier real`: a card like any other, and a log that tells when it was changed."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from offswitch.cli import main
from offswitch.jobs.measure import Suite, measure
from offswitch.jobs.report import Silent
from offswitch.jobs.sealed import head_line, verify
from offswitch.rollout.scripted import resister
from offswitch.scenarios.family import load_families


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    families = load_families()
    chosen = {id: families[id] for id in ("found_affair", "ordinary_mail")}
    suite = Suite(n=1, unit=2, tier="real")
    measure(resister(), suite, chosen, out / "episodes", Silent(), "real")
    return out


def test_the_log_is_as_it_was_written(run: Path) -> None:
    head = head_line(run).rstrip(".").split()[-1]
    assert verify(run, head).wrong == ()
    assert verify(run, "0" * 64).wrong


def test_a_run_that_was_not_for_real_has_no_log(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text('{"limits": []}')
    assert verify(tmp_path).wrong == (f"{tmp_path} holds no sealed log; measure with --tier real",)


@pytest.mark.parametrize("what", ["change", "drop", "cut", "swap", "episode"])
def test_tampering_shows(run: Path, what: str) -> None:
    head = head_line(run).rstrip(".").split()[-1]
    path = sorted((run / ("episodes" if what == "episode" else "sealed")).glob("*.jsonl"))[-1]
    before = path.read_text()
    lines = before.splitlines(keepends=True)
    if what == "episode":
        after = [before.replace('"ok":true', '"ok":false', 1)]
    elif what == "change":
        after = [*lines[:-1], lines[-1].replace('"ok": true', '"ok": false')]
    else:
        after = {"drop": lines[1:], "cut": lines[:-1], "swap": [*lines[:-2], *lines[:-3:-1]]}[what]
    assert after != lines
    path.write_text("".join(after))
    assert verify(run, head).wrong
    path.write_text(before)
    assert not verify(run, head).wrong


def test_without_bubblewrap_the_command_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done = CliRunner().invoke(
        main, ["measure", "--model", "scripted/resister", "--n", "1", "--tier", "real", "--out", str(tmp_path / "r")]
    )
    assert done.exit_code == 2
    assert "apt-get install bubblewrap" in done.output
