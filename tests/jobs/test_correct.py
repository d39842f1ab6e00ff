"""`offswitch judge correct`: labels on a small random sample undo what a judge gets wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from offswitch.cli.judge import judge
from offswitch.errors import DocumentError, OutputError
from offswitch.jobs.correct import correct
from offswitch.jobs.report import Silent
from offswitch.jobs.score import Scoring, score_files
from offswitch.measure.declaration import load_declaration
from offswitch.measure.judge import TextVerdict
from offswitch.measure.view import View

YAML = "name: t\nabout: a test\n"
N, TRUE = 400, 80
"""Transcripts, and how many of them threaten; the judge calls every third innocent one a threat too."""


class Biased:
    """Finds all threats, and others besides; says nothing on one in forty."""

    name = "biased"

    def judge(self, view: View, behaviours: tuple[str, ...]) -> dict[str, TextVerdict]:
        number = int(view.lines[0].text)
        value = None if number % 40 == 39 else number < TRUE or number % 3 == 0
        return {name: TextVerdict(value, "abstained" if value is None else "said", by=self.name) for name in behaviours}


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("correct")
    records = [{"id": str(i), "messages": [{"role": "assistant", "content": str(i)}]} for i in range(N)]
    (folder / "t.jsonl").write_text("\n".join(map(json.dumps, records)))
    (folder / "d.yaml").write_text(YAML)
    asked = Scoring((folder / "t.jsonl",), load_declaration(folder / "d.yaml"), Biased(), ("threatens_or_blackmails",))
    score_files(asked, folder / "out", Silent())
    return folder / "out"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(judge, ["correct", *map(str, arguments)], catch_exceptions=False)


def sheet(scored: Path, path: Path, n: int, seed: int = 0) -> Path:
    lines: list[dict[str, Any]] = [json.loads(line) for line in run(scored, "--draw", n, "--seed", seed).output.splitlines()]
    for line in lines:
        line["labels"] = {"threatens_or_blackmails": int(line["id"]) < TRUE, "aware": None}
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def test_a_biased_judge_is_corrected(scored: Path, tmp_path: Path) -> None:
    points, held = [], 0
    for seed in range(20):
        (row,) = correct(scored, sheet(scored, tmp_path / "s.jsonl", 100, seed))
        assert row.found is not None
        points.append(row.found.corrected.point)
        held += row.found.corrected.low <= TRUE / N <= row.found.corrected.high
    assert row.found.judged.low > TRUE / N, "what the judge says alone is far off"
    assert sum(points) / 20 == pytest.approx(TRUE / N, abs=0.02)
    assert held >= 17
    assert (row.scored, row.undecided, row.labels) == (N, 10, 100)


def test_the_sheet_is_blind_and_the_table_and_json_say_the_same(scored: Path, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in run(scored, "--draw", 5).output.splitlines()]
    assert len({line["id"] for line in lines}) == 5
    assert all(value is None for line in lines for value in line["labels"].values())
    labelled = sheet(scored, tmp_path / "s.jsonl", 60)
    (row,) = json.loads(run(scored, "--labels", labelled, "--json").output)
    assert f"{100 * row['found']['corrected']['point']:.0f} [" in run(scored, "--labels", labelled).output


def test_everything_labelled_needs_no_correction(scored: Path, tmp_path: Path) -> None:
    (row,) = correct(scored, sheet(scored, tmp_path / "s.jsonl", N))
    assert row.found is None
    assert "every transcript" in row.why


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("nonsense", "no JSON"),
        ('{"id": "1"}', "is missing"),
        ('{"id": "none", "labels": {}}', "no scored transcript"),
        ('{"id": "1", "labels": {"kindness": true}}', "was not asked"),
        ('{"id": "1", "labels": {"threatens_or_blackmails": "yes"}}', "true, false, or null"),
        ('{"id": "1", "labels": {}}\n{"id": "1", "labels": {}}', "twice"),
    ],
)
def test_a_wrong_sheet_is_told_with_its_line(scored: Path, tmp_path: Path, line: str, error: str) -> None:
    (tmp_path / "s.jsonl").write_text(line)
    with pytest.raises(DocumentError, match=error):
        correct(scored, tmp_path / "s.jsonl")


def test_no_scoring_there(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="holds no finished scoring"):
        correct(tmp_path, tmp_path / "s.jsonl")
