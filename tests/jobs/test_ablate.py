"""A study of one recipe and one control on the tiny organism: it prints the table, resumes, and keeps to its plan."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from offswitch.jobs import ablate as job

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
    shown = offswitch(*command)
    assert shown.exit_code == 0, shown.stderr
    assert all(path.read_bytes() == told for path, told in before.items())
    found = json.loads((tmp_path / "run" / "ablation.json").read_text())
    assert [row["fields"]["right"]["seeds"] for row in found["rows"]] == [2, 2, 2]
    assert f"plan: {found['plan']}" in shown.stdout
    other = offswitch(*command[:-4], "--n", "2", *command[-2:])
    assert other.exit_code == 2
    assert "another plan" in other.stderr

    registered = tmp_path / "run" / "preregistration.json"
    registered.write_text(registered.read_text().replace("every cell is run once", "stop when it looks good"))
    forged = offswitch(*command)
    assert forged.exit_code == 2
    assert "was changed after it was written" in forged.stderr
