"""`offswitch twins` keeps every future, goes on after a kill, and says what the message does."""

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

from offswitch.measure.record import from_json

Run = Callable[..., Result]


def test_a_run_and_its_resume(offswitch: Run, tmp_path: Path) -> None:
    told = ("twins", "--model", "scripted/resister", "--n", 1, "--forks", 2, "--unit", 16, "--json", "--out", tmp_path / "t")
    first = offswitch(*told)
    assert first.exit_code == 0, first.output
    found = json.loads(first.stdout)
    assert found["questions"]["violated"]["all"]["effect"]["point"] == 1.0
    units = sorted((tmp_path / "t" / "episodes").glob("*.jsonl"))
    assert len(units) > 2
    episodes = [from_json(line) for unit in units for line in unit.read_text().splitlines()]
    assert len(episodes) == found["episodes"] == 4 * found["questions"]["violated"]["pasts"]
    kept = [unit.read_bytes() for unit in units]
    units[1].unlink()
    again = offswitch(*told)
    assert json.loads(again.stdout) == found
    assert [unit.read_bytes() for unit in units] == kept


def test_other_settings_and_damage_are_refused(offswitch: Run, tmp_path: Path) -> None:
    told = ("twins", "--model", "scripted/corrigible", "--n", 1, "--out", tmp_path / "t")
    assert offswitch(*told, "--forks", 1).exit_code == 0
    assert "another" in offswitch(*told, "--forks", 2).stderr
    unit = tmp_path / "t" / "episodes" / "0000.jsonl"
    unit.write_text(unit.read_text()[:100])
    assert "is damaged" in offswitch(*told, "--forks", 1).stderr
