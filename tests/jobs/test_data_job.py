"""The command `data`: a file that others can load, and a datasheet whose command makes it again."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from offswitch.train.parquet import load_rows

Run = Callable[..., Result]


@pytest.mark.parametrize(
    "asked",
    [
        ("advice", "--rows", "12", "--seed", "3"),
        ("preferences", "--rows", "4", "--suite", "all"),
        ("recipe:advice", "--dose", "0.01", "--set", "stages.0.data.0.principles=false"),
    ],
    ids=lambda asked: str(asked[0]),
)
def test_the_datasheet_says_how_to_make_the_file_again(
    offswitch: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: tuple[str, ...]
) -> None:
    from datasets import Dataset

    monkeypatch.chdir(tmp_path)
    assert offswitch("data", *asked, "--out", "rows.parquet").exit_code == 0
    made, sheet = Path("rows.parquet").read_bytes(), Path("rows.md").read_text()
    rows = load_rows(Path("rows.parquet"))
    assert len(Dataset.from_parquet("rows.parquet", cache_dir=str(tmp_path / "cache"))) == len(rows)
    assert f"{len(rows)} rows" in sheet
    Path("rows.parquet").unlink()
    (command,) = re.findall(r"Made with `offswitch (.*?)`", sheet)
    assert offswitch(*shlex.split(command)).exit_code == 0
    assert Path("rows.parquet").read_bytes() == made


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("advice", "--out", "rows.csv"), "name a .parquet file"),
        (("nosuch", "--out", "rows.parquet"), "ingredients: demonstrations"),
        (("harden", "--out", "rows.parquet"), "declares no data"),
        (("advice", "--set", "stages.0.data.0.row=1", "--out", "rows.parquet"), "there are: kind, rows"),
    ],
)
def test_what_cannot_be_made_is_told_and_nothing_written(
    offswitch: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: tuple[str, ...], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = offswitch("data", *asked)
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr
    assert not list(tmp_path.iterdir())
