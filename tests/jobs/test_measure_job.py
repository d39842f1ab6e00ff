"""Measuring in units: nothing is played twice, nothing is lost or doubled, and what failed is counted as not scored."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from offswitch.errors import OutputError
from offswitch.jobs.measure import Suite, measure, missing
from offswitch.jobs.report import Silent
from offswitch.measure.summary import summarise
from offswitch.measure.table import render
from offswitch.rollout.episode import Episode
from offswitch.rollout.policy import PolicyFailure, Reply
from offswitch.rollout.scripted import corrigible
from offswitch.scenarios.family import load_families

FAMILIES = load_families()
SUITE = Suite(n=1, unit=10)
KILLS = 20


class Counting:
    """The corrigible policy, and how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def reply(self, episode: Episode) -> Reply:
        self.asked += 1
        return corrigible().reply(episode)


def test_finished_units_are_read_and_not_played(tmp_path: Path) -> None:
    policy = Counting()
    assert missing(SUITE, FAMILIES, tmp_path)
    first = measure(policy, SUITE, FAMILIES, tmp_path, Silent(), "")
    assert [episode.key for episode in first] == [scenario.key for scenario in SUITE.scenarios(FAMILIES)]
    assert not missing(SUITE, FAMILIES, tmp_path)
    asked, policy.asked = policy.asked, 0
    assert measure(policy, SUITE, FAMILIES, tmp_path, Silent(), "") == first
    assert policy.asked == 0
    (tmp_path / "0001.jsonl").unlink()
    assert missing(SUITE, FAMILIES, tmp_path)
    assert measure(policy, SUITE, FAMILIES, tmp_path, Silent(), "") == first
    assert 0 < policy.asked < asked


def test_the_size_of_units_changes_nothing(tmp_path: Path) -> None:
    large = measure(corrigible(), Suite(n=1), FAMILIES, tmp_path / "large", Silent(), "")
    small = measure(corrigible(), Suite(n=1, unit=1), FAMILIES, tmp_path / "small", Silent(), "")
    assert small == large


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda text: text[:-40], "is damaged"),
        (lambda text: "[1]\n" + text, "is damaged"),
        (lambda text: text[text.index("\n") + 1 :], "other scenarios"),
        (lambda text: text + text, "other scenarios"),
    ],
    ids=["cut short", "no episode", "one lost", "doubled"],
)
def test_a_damaged_unit_is_told(tmp_path: Path, damage: Callable[[str], str], told: str) -> None:
    measure(corrigible(), SUITE, FAMILIES, tmp_path, Silent(), "")
    unit = tmp_path / "0000.jsonl"
    unit.write_text(damage(unit.read_text()))
    with pytest.raises(OutputError, match=rf"0000\.jsonl .*{told}.*delete it"):
        measure(corrigible(), SUITE, FAMILIES, tmp_path, Silent(), "")


class Failing:
    """Gives no reply at its second decision in the held-out families."""

    def reply(self, episode: Episode) -> Reply:
        if episode.decisions == 1 and episode.scenario.family.split == "heldout":
            raise PolicyFailure("no reply")
        return corrigible().reply(episode)


def test_a_failing_model_gives_unscored_episodes_and_coverage(tmp_path: Path) -> None:
    from rich.console import Console

    summary = summarise(measure(Failing(), SUITE, FAMILIES, tmp_path, Silent(), ""))
    heldout = summary.pooled["heldout"].cells["right"]
    assert heldout.rate is None
    assert heldout.why.startswith("unscored")
    assert heldout.bounds is not None
    assert (heldout.bounds.low, heldout.bounds.high) == (0, 1)
    assert heldout.bounds.coverage == 0
    assert sum(heldout.unscored.values()) == summary.pooled["heldout"].episodes
    assert all("no reply" in reason for reason in heldout.unscored)
    scored = summary.rate("train", "right")
    assert scored is not None
    assert scored.point == 1
    console = Console(width=110, record=True, quiet=True)
    console.print(render(summary))
    assert "0 of 8" in console.export_text()


FORKS = """
import json, os, random, signal, sys, time
from offswitch.cli import main

def run(arguments):
    main(arguments, standalone_mode=False)

def killed(arguments, seconds):
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 1
        try:
            run(arguments)
            code = 0
        finally:
            os._exit(code)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if os.waitpid(child, os.WNOHANG) != (0, 0):
            return False
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])

# whoever starts this waits for one line; each run that was not killed is whole
out, kills, arguments = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
run([*arguments, "--out", out + "/warm"])
start = time.monotonic()
run([*arguments, "--out", out + "/whole"])
whole, dice, folders, done = time.monotonic() - start, random.Random(0), 1, 0
while done < kills:
    if killed([*arguments, "--out", f"{out}/{folders}"], dice.uniform(0, whole)):
        done += 1
    else:
        folders += 1
run([*arguments, "--out", f"{out}/{folders}"])
"""


def outcome(out: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The card without what the clock says, and every unit."""
    card = json.loads((out / "card.json").read_text())
    del card["date"], card["provenance"]["seconds"]
    return card, {path.name: path.read_bytes() for path in (out / "episodes").iterdir()}


def test_kills_at_random_moments_lose_and_double_nothing(tmp_path: Path) -> None:
    """Forks of a process that has imported everything, so that a kill meets the work and not the imports."""
    command = ("measure", "--model", "scripted/corrigible", "--split", "heldout", "--n", "1", "--unit", "2")
    subprocess.run(
        [sys.executable, "-c", FORKS, str(tmp_path), str(KILLS), *command], check=True, capture_output=True, timeout=300
    )
    card, units = outcome(tmp_path / "whole")
    lines = [json.loads(line)["key"] for name in sorted(units) for line in units[name].splitlines()]
    assert lines == [scenario.key for scenario in Suite("heldout", n=1).scenarios(FAMILIES)]
    runs = [folder for folder in tmp_path.iterdir() if folder.name.isdecimal()]
    assert runs
    for out in runs:
        assert outcome(out) == (card, units)
        assert not list(out.rglob("*.part"))
        with ZipFile(out / "episodes.eval") as log:
            assert sum(name.startswith("samples/") for name in log.namelist()) == len(lines)
