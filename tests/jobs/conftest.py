"""Model folders, whole and broken; the command line as a function; and a way to kill it at random moments."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from offswitch.cli import main

Run = Callable[..., Result]


@pytest.fixture
def offswitch() -> Run:
    """The command line in this process; standard output and standard error apart."""

    def run(*arguments: str | Path) -> Result:
        return CliRunner().invoke(main, [str(argument) for argument in arguments])

    return run


@pytest.fixture(scope="session")
def folder_with(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str | None], Path]:
    """A loadable model folder of random weights with the given chat template."""

    def make(template: str | None, texts: Sequence[str] = ()) -> Path:
        from transformers import LlamaConfig, LlamaForCausalLM

        from offswitch.organism.tokenizer import build_tokenizer

        folder = tmp_path_factory.mktemp("model")
        tokenizer = build_tokenizer(texts)
        tokenizer.chat_template = template
        tokenizer.save_pretrained(folder)
        size = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
        LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **size)).save_pretrained(folder)
        return folder

    return make


FORKS = """
import importlib, json, os, random, signal, sys, time
from offswitch.cli import main

def forked(arguments, seconds):
    child = os.fork()
    if not child:
        code = 1
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            main(arguments, standalone_mode=False)
            code = 0
        finally:
            os._exit(code)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            assert status == 0, status
            return True
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    return not os.WIFSIGNALED(os.waitpid(child, 0)[1])

out, kills, share, modules, arguments = json.loads(sys.argv[1])
for module in modules:
    importlib.import_module(module)
start = time.monotonic()
forked([*arguments, "--out", out + "/whole"], 600)
whole, dice, folder, done = time.monotonic() - start, random.Random(0), 0, 0
while done < kills:
    if forked([*arguments, "--out", f"{out}/{folder}"], dice.uniform(0, share * whole)):
        folder += 1
    else:
        done += 1
forked([*arguments, "--out", f"{out}/{folder}"], 600)
"""
"""Forks of a process whose imports are done, so that a kill meets the work. A run that outlives its time starts another."""


@dataclass(frozen=True)
class Finished:
    """What a run left."""

    folder: Path
    card: dict[str, Any]
    """Without what the clock says."""
    units: dict[str, bytes]
    """Every file of episodes, by its path in the folder."""

    @property
    def keys(self) -> list[str]:
        """Of all episodes, in order."""
        return [json.loads(line)["key"] for name in sorted(self.units) for line in self.units[name].splitlines()]


def finished(folder: Path) -> Finished:
    card = json.loads((folder / "card.json").read_text())
    del card["date"], card["provenance"]["seconds"]
    units = {str(path.relative_to(folder)): path.read_bytes() for path in (folder / "episodes").rglob("*.jsonl")}
    return Finished(folder, card, units)


@pytest.fixture
def killed() -> Callable[..., list[Finished]]:
    """Runs a command undisturbed, then under `kills` kills in as many folders as it takes; the undisturbed run is the first.

    `share` is how much of the undisturbed run's time a kill may be away.
    """

    def run(out: Path, kills: int, share: float, modules: Sequence[str], command: Sequence[str]) -> list[Finished]:
        told = json.dumps([str(out), kills, share, modules, command])
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        subprocess.run([sys.executable, "-c", FORKS, told], check=True, stdout=subprocess.PIPE, env=environment, timeout=1800)
        return [finished(out / "whole"), *(finished(path) for path in out.iterdir() if path.name.isdecimal())]

    return run
