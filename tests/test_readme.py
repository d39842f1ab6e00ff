"""The README's example runs and prints what it says; its commands, options and make targets exist."""

import re
import shlex
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_example_has_about_ten_lines_and_prints_what_is_said() -> None:
    (code,) = blocks("python")
    assert len([line for line in code.splitlines() if line]) <= 10
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout in blocks("text")


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_make_targets_exist() -> None:
    makefile = ROOT / "Makefile"
    if not makefile.exists():
        pytest.skip("there is no Makefile yet")
    targets = set(re.findall(r"^([\w-]+):", makefile.read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"\bmake (demo|test|bench|slow)\b", README)) <= targets


def test_no_two_measurements_share_a_run_folder() -> None:
    told = [shlex.split(line, comments=True)[2:] for line in COMMANDS if line.startswith("offswitch measure ")]
    folders = [words[words.index("--out") + 1] if "--out" in words else _default(words) for words in told]
    assert len(set(folders)) == len(folders) > 8


def _default(words: list[str]) -> str:
    """What tells one folder from another where no --out is given."""
    return " ".join(words[words.index(name) + 1] for name in ("--agent", "--model", "--tier") if name in words)


COMMANDS = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("offswitch ")]
COMMANDS += re.findall(r"`(offswitch [^`]+)`", README)


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_is_understood(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if find_spec("offswitch.cli") is None:
        pytest.skip("there is no command line yet")
    monkeypatch.chdir(tmp_path)
    for name in ("my_family.yaml", "my_spec.yaml", "mine.yaml", "transcripts.jsonl"):
        (tmp_path / name).touch()
    for name in ("a", "b"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    command: Any = import_module("offswitch.cli").main
    name, *words = shlex.split(line.split(" > ")[0], comments=True)
    while words and hasattr(command, "commands"):
        name = words.pop(0)
        assert name in command.commands, f"{name!r} is no command"
        command = command.commands[name]
    command.make_context(name, words)  # parses, and raises for what it does not understand; runs nothing
