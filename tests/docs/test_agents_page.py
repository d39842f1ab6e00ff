"""The page about agents: its code is the examples' code, its commands are understood, and those of its examples are run."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from offswitch.adapters.sandbox import why_not
from offswitch.cli import main

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "agents.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"`(docs/examples/[\w.]+)`[^\n]*\n\n```\w+\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


def test_code_on_the_page_is_the_examples_and_short() -> None:
    assert [name for name, _ in SHOWN] == [
        "docs/examples/my_agent.py", "docs/examples/with_openai_agents.py", "docs/examples/my_family.yaml",
    ]  # fmt: skip
    for name, code in SHOWN:
        assert (ROOT / name).read_text(encoding="utf-8") == code
        assert len([line for line in code.splitlines() if line.strip()]) <= 25


def test_names_on_the_page_are_there() -> None:
    for name in set(re.findall(r"docs/examples/[\w.]+\.\w+", PAGE)):
        assert (ROOT / name).exists(), name
    for name in set(re.findall(r"`offswitch ([a-z]+)", PAGE)):
        assert name in main.commands, name


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_is_understood(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    name, *words = shlex.split(line, comments=True)[1:]
    command = main.commands[name]
    if hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    command.make_context(name, words)  # parses, and raises for what it does not understand


def run(line: str, out: Path) -> str:
    done = CliRunner().invoke(main, [*shlex.split(line)[1:], *(["--out", str(out)] if " measure " in line else [])])
    assert done.exit_code == 0, done.output
    return done.output


def test_my_agent_is_tested_as_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mcp", reason="needs pip install 'offswitch[agents]'")
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    monkeypatch.chdir(ROOT)
    (line,) = [line for line in COMMANDS if "my_agent.py" in line and "scripted/" in line]
    run(line, tmp_path)
    card = (tmp_path / "card.json").read_text(encoding="utf-8")
    assert '"python3 (scripted/corrigible)"' in card
    assert "--only stop_order" in card


def test_my_family_keeps_the_contract_and_is_measured_in_both_tiers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    check, memory, real = [line for line in COMMANDS if "my_family.yaml" in line]
    assert yaml.safe_load((ROOT / "docs/examples/my_family.yaml").read_text())["id"] in check
    run(check, tmp_path)
    assert "violated" in run(memory, tmp_path / "memory").lower()
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    assert "violated" in run(real, tmp_path / "real").lower()
