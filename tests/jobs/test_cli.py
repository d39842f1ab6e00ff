"""What a user can mend is told in one sentence, with exit code 2, before anything is written."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from jsonschema import Draft202012Validator

from offswitch.card.card import schema
from offswitch.organism.tokenizer import chat_template
from offswitch.scenarios.check import Problem
from offswitch.scenarios.family import load_families

Run = Callable[..., Result]
FAMILY = files("offswitch.scenarios") / "families" / "core" / "stop_order.yaml"


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def refused(result: Result, *told: str) -> None:
    """Exit code 2, one sentence on standard error that says all of `told`, nothing on standard output."""
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    assert result.stderr.startswith("offswitch: ")
    assert result.stderr.count("\n") == 1
    for words in told:
        assert words in result.stderr


def edited(path: Path, old: str, new: str) -> Path:
    """The shipped family under another id, with one change."""
    text = FAMILY.read_text(encoding="utf-8").replace("id: stop_order", "id: mine", 1)
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    return path


def test_a_check_of_what_there_is_not_does_not_pass(offswitch: Run) -> None:
    refused(offswitch("scenarios", "check", "--only", "nosuch", "--jobs", "1"), "there is no family 'nosuch'")


def test_a_new_family_has_an_id_that_it_may_have(offswitch: Run) -> None:
    refused(offswitch("scenarios", "new", "My Family"), "'My Family' cannot be the id of a family", "my_family")
    refused(offswitch("scenarios", "new", "stop_order"), "there is a family 'stop_order' already")


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (("nosuch",), ("no model 'nosuch'", "scripted/corrigible", "--local")),
        (("./nosuch/folder",), ("there is no model folder ./nosuch/folder",)),
        (("scripted/nosuch",), ("no scripted policy 'nosuch'", "corrigible, resister")),
        (("nosuch/model",), ("Inspect cannot use the model 'nosuch/model'",)),
        (("nosuch/model", "--local"), ("there is no folder nosuch/model here", "hub cannot be reached")),
        (("m", "--endpoint", "http://127.0.0.1:9/v1"), ("127.0.0.1:9", "Is it running")),
    ],
    ids=lambda value: " ".join(value) if value[0] in ("nosuch", "m") else None,
)
def test_a_model_that_is_not_there(offswitch: Run, tmp_path: Path, model: tuple[str, ...], told: tuple[str, ...]) -> None:
    refused(offswitch("measure", "--model", *model, "--n", "1", "--out", tmp_path / "run"), *told)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", ["measure", "harden", "train"])
def test_a_folder_that_is_no_model(offswitch: Run, tmp_path: Path, command: str) -> None:
    (tmp_path / "empty").mkdir()
    recipe = ("harden",) if command == "train" else ()
    refused(offswitch(command, *recipe, "--model", tmp_path / "empty", "--out", tmp_path / "run"), "no config.json")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("template", "told"),
    [
        (None, "has no chat template"),
        ("{% for m in messages %}{{ m.role }}: {{ m.content }}<|end|>{% endfor %}", "ignores tools"),
        (chat_template().replace("tool_call>", "call>"), "another format"),
        ("{{ raise_exception('no system role') }}", "no system role"),
    ],
    ids=["none", "toolless", "other format", "no system"],
)
@pytest.mark.parametrize("command", ["measure", "harden"])
def test_a_template_that_cannot_carry_an_agent(
    offswitch: Run,
    tmp_path: Path,
    folder_with: Callable[[str | None], Path],
    command: str,
    template: str | None,
    told: str,
) -> None:
    refused(offswitch(command, "--model", folder_with(template), "--out", tmp_path / "run"), told)
    assert not (tmp_path / "run").exists()


def test_damaged_weights(offswitch: Run, tmp_path: Path, folder_with: Callable[[str | None], Path]) -> None:
    folder = folder_with(chat_template())
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    refused(offswitch("measure", "--model", folder, "--out", tmp_path / "run"), "cannot load")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "command",
    [("harden",), ("organism", "build"), ("train", "harden", "--model", "organism"), ("measure", "--model", "m", "--local")],
)
def test_without_torch(offswitch: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]) -> None:
    for module in ("offswitch.adapters.hf", "offswitch.adapters.trl", "offswitch.organism.pretrain"):
        monkeypatch.setitem(sys.modules, module, None)
    out = () if command[0] == "organism" else ("--out", tmp_path / "run")
    refused(offswitch(*command, *out), "pip install 'offswitch[train]'")
    assert not (tmp_path / "run").exists()


def test_malformed_families(offswitch: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = edited(tmp_path / "mine.yaml", "safe: comply", "safe: perhaps")
    line = path.read_text().splitlines().index("safe: perhaps") + 1
    for command in (("measure", "--model", "scripted/corrigible"), ("scenarios", "check"), ("organism", "build")):
        refused(offswitch(*command, "--families", path), f"mine.yaml:{line}: safe: ", "'perhaps'")
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: r\nabout: a\nstages:\n  - {kind: sft}\n", "r.yaml:4: stages.0.sft: needs demonstrations"),
        (
            "name: r\nabout: a\nstages:\n  - {kind: sft, demonstrations: 4, reason: 1}\n",
            "r.yaml:4: stages.0.sft.reason: there is no such field here",
        ),
        ("name: r\nabout: a\nstages:\n  - {kind: rl, steps: 0}\n", "r.yaml:4: stages.0.rl.steps"),
        ("name: r\nabout: a\nstages:\n  - {kind: rl, steps: 1, episodes: 9}\n", "r.yaml:4: stages.0.rl"),
        ("name: r\nabout: a\nstages: []\n", "r.yaml:3: stages"),
        ("", "r.yaml:1: file: is empty"),
        ("name: r\nstages: [\n", "r.yaml:3: file: is not valid YAML"),
    ],
)
def test_malformed_recipes(offswitch: Run, tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "r.yaml").write_text(text)
    for command in (("train", tmp_path / "r.yaml", "--model", "organism"), ("harden", "--recipe", tmp_path / "r.yaml")):
        refused(offswitch(*command, "--out", tmp_path / "run"), told)
    assert not (tmp_path / "run").exists()


def test_a_mended_data_file_goes_into_the_folder_that_was_named_before(offswitch: Run, tmp_path: Path, tiny: Path) -> None:
    rows, run = tmp_path / "rows.jsonl", tmp_path / "run"
    stage = "{kind: sft, batch: 4, data: [{kind: advice, rows: 4}]}"
    (tmp_path / "r.yaml").write_text(f"name: r\nabout: a\nstages:\n  - {stage}\n")
    command = ("train", tmp_path / "r.yaml", "--model", tiny, "--data", rows, "--out", run)
    for text, told in (("", "holds no rows"), ('{"question": "a"}\n', "row 1, columns: needs messages")):
        rows.write_text(text)
        refused(offswitch(*command), told)
        assert not run.exists()
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    row = {"messages": turns, "stage": 0, "ingredient": "advice", "source": "me"}
    pair = {"prompt": turns, "chosen": turns[1:], "rejected": turns[1:]}
    unfit = {
        "has rows of the form pair; this stage needs chat": [row, pair],
        "holds rows for stage 1, where r learns from no data": [row, {**row, "stage": 1}],
        "'nosuch' is not among the families": [{**row, "family": "nosuch", "pressured": True}],
    }
    for told, some in unfit.items():
        rows.write_text("".join(json.dumps(one) + "\n" for one in some))
        for dry in ((), ("--dry-run",)):
            refused(offswitch(*command, *dry), told)
        assert not run.exists()
    rows.write_text(8 * (json.dumps(row) + "\n"))
    result = offswitch(*command)
    assert result.exit_code == 0, result.stderr
    assert offswitch(*command, "--at-a-time", "2").exit_code == 0
    refused(offswitch(*command, "--set", "stages.0.batch=2"), "holds a run with another recipe")


def test_an_unknown_recipe(offswitch: Run, tmp_path: Path) -> None:
    for option in ("--recipe", "--control"):
        refused(offswitch("harden", option, "nosuch", "--out", tmp_path / "run"), "no such recipe", "harden")
    assert not (tmp_path / "run").exists()


def test_a_place_that_cannot_be_written(offswitch: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    told = ("a part of the path is a file; choose another --out",)
    refused(offswitch("measure", "--model", "scripted/ignore", "--n", "1", "--out", tmp_path / "file" / "run"), *told)


def test_a_cache_that_cannot_be_written(offswitch: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("mine")
    monkeypatch.setenv("OFFSWITCH_CACHE", str(tmp_path / "file" / "cache"))
    result = offswitch("organism", "build")
    assert result.exit_code == 2
    progress, told = result.stderr.splitlines()
    assert progress == "organism: pretraining"
    assert told.startswith("offswitch: cannot write")
    assert told.endswith("a part of the path is a file; set OFFSWITCH_CACHE to another folder")


@pytest.mark.parametrize("option", ["--n", "--limit", "--unit", "--concurrency"])
def test_numbers_that_make_no_sense(offswitch: Run, tmp_path: Path, option: str) -> None:
    result = offswitch("measure", "--model", "scripted/ignore", option, "0", "--out", tmp_path / "run")
    assert result.exit_code == 2
    assert f"Invalid value for '{option}'" in result.stderr


def test_a_measurement_from_end_to_end(offswitch: Run, tmp_path: Path) -> None:
    command = ("measure", "--model", "scripted/corrigible", "--n", "2", "--unit", "40", "--out", tmp_path)
    shown = offswitch(*command)
    assert shown.exit_code == 0, shown.stderr
    assert "took required action" in shown.stdout
    assert shown.stdout.endswith(f"card: {tmp_path / 'card.html'}\n")
    units = sorted((tmp_path / "episodes").iterdir())
    assert [unit.name for unit in units] == ["0000.jsonl", "0001.jsonl", "0002.jsonl", "0003.jsonl"]
    times = [unit.stat().st_mtime_ns for unit in units]
    card = (tmp_path / "card.json").read_text()

    again = offswitch(*command)
    assert again.stdout == shown.stdout
    assert [unit.stat().st_mtime_ns for unit in units] == times

    told = offswitch(*command, "--json")
    assert told.stdout.strip() == card.strip()
    Draft202012Validator(schema()).validate(json.loads(told.stdout))
    refused(offswitch(*command, "--limit", "3"), "another limit")


def test_training_from_end_to_end(offswitch: Run, tmp_path: Path, tiny: Path) -> None:
    (tmp_path / "r.yaml").write_text("name: r\nabout: a\nstages:\n  - {kind: sft, demonstrations: 4, replay: 4, batch: 4}\n")
    command = ("train", tmp_path / "r.yaml", "--model", tiny, "--out", tmp_path / "run")
    for _ in range(2):
        result = offswitch(*command)
        assert result.exit_code == 0, result.stderr
        assert result.stdout == f"{tmp_path / 'run' / '0-sft'}\n"
    assert result.stderr == ""  # nothing was trained again
    refused(offswitch(*command, "--seed", "1"), "another seed")
    measured = offswitch(
        "measure", "--model", tmp_path / "run" / "0-sft", "--split", "heldout", "--n", "1", "--out", tmp_path / "m"
    )
    assert measured.exit_code == 0, measured.stderr
    card = json.loads((tmp_path / "m" / "card.json").read_text())
    assert {family["id"] for family in card["trained_on"]} == {id for id, f in load_families().items() if f.split == "train"}
    assert str(tmp_path) not in (tmp_path / "m" / "card.json").read_text()


def test_every_listing_answers(offswitch: Run) -> None:
    families = load_families()
    listed = offswitch("scenarios", "list")
    assert all(id in listed.stdout for id in families)
    told: list[dict[str, Any]] = json.loads(offswitch("scenarios", "list", "--json").stdout)
    assert {entry["id"]: entry["digest"] for entry in told} == {id: f.digest for id, f in families.items()}
    assert "verdict  violated: False" in offswitch("scenarios", "show", "stop_order").stdout
    refused(offswitch("scenarios", "show", "nosuch"), "no family 'nosuch'", "stop_order")
    assert "accept-shutdown" in offswitch("spec", "show").stdout


def test_a_broken_contract_fails_the_check(offswitch: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [Problem("mine", "the right answer is right", "it is not")]
    monkeypatch.setattr("offswitch.measure.contract.check_all", lambda families, **rest: list(found))
    monkeypatch.setattr("offswitch.scenarios.leak.leaks", lambda families: [])
    monkeypatch.setattr("offswitch.scenarios.lock.drift", lambda families: [])
    shown, told = offswitch("scenarios", "check"), offswitch("scenarios", "check", "--json")
    assert shown.exit_code == told.exit_code == 1
    assert shown.stdout == f"{found[0]}\n"
    assert json.loads(told.stdout) == [asdict(found[0])]
    found.clear()
    assert offswitch("scenarios", "check").stdout == "all families keep the contract\n"


def test_levels_of_factors_can_be_chosen(offswitch: Run) -> None:
    asked = ("scenarios", "render", "shutdown_now", "--suite", "library", "--n", "4", "--json")
    told = [
        json.loads(line)
        for line in offswitch(*asked, "--levels", "arrival=200,500", "--levels", "dress=test").stdout.splitlines()
    ]
    assert {one["levels"]["dress"] for one in told} == {"test"}
    assert {one["behind"] for one in told} == {199, 499}
    for wrong, said in (
        ("arrival", "is not FACTOR=LEVEL"),
        ("arrival=7", "has no level '7'"),
        ("when=200", "no factor 'when'"),
    ):
        failed = offswitch(*asked, "--levels", wrong)
        assert failed.exit_code != 0
        assert said in f"{failed.output}{failed.exception}"
