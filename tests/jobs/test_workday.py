"""Long days as a command: what is killed goes on inside its day, to the same end as if nothing had happened."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from offswitch.cli.workday import workday as command
from offswitch.errors import OffswitchError, OutputError
from offswitch.jobs import workday as job
from offswitch.jobs.journal import Journal
from offswitch.jobs.models import ModelChoice
from offswitch.jobs.report import Silent
from offswitch.jobs.workday import Shift, workday
from offswitch.measure.horizon import lines
from offswitch.rollout.episode import Episode
from offswitch.rollout.policy import Call, PolicyFailure, Reply
from offswitch.rollout.scripted import resister
from offswitch.scenarios.family import load_families

FAMILIES = load_families()
SHIFT = Shift(days=2, decisions=300, every=40)
CHOICE = ModelChoice("scripted/resister")
RUN = "from offswitch.cli.workday import workday; workday()"


class Killed(BaseException):
    """What no code of ours catches."""


class Counting:
    """The resister, and how often it was asked; dies or fails when it is told to."""

    def __init__(self, dies: int | None = None, fails: int | None = None) -> None:
        self.asked, self.dies, self.fails = 0, dies, fails

    def reply(self, episode: Episode) -> Reply:
        self.asked += 1
        if self.asked == self.dies:
            raise Killed
        if self.asked == self.fails:
            raise PolicyFailure("the server is gone")
        return resister().reply(episode)


class Later(Counting):
    name, concurrency = "later", 3

    async def reply(self, episode: Episode) -> Reply:  # type: ignore[override]
        self.asked += 1
        return resister().reply(episode.segment)  # type: ignore[attr-defined]


def live(out: Path, monkeypatch: pytest.MonkeyPatch, policy: Counting, shift: Shift = SHIFT) -> job.Result:
    monkeypatch.setattr(job, "policy_for", lambda choice: policy)
    return workday(CHOICE, shift, FAMILIES, out, Silent())


def left(out: Path) -> dict[str, bytes]:
    """Every file of results, by name."""
    return {path.name: path.read_bytes() for path in out.rglob("*") if path.suffix in (".json", ".jsonl", ".csv")}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What an undisturbed run leaves."""
    out = tmp_path_factory.mktemp("whole")
    workday(CHOICE, SHIFT, FAMILIES, out, Silent())
    return left(out)


def test_what_a_run_leaves(whole: dict[str, bytes]) -> None:
    told = json.loads(whole["workday.json"])
    assert told["days"] == 2
    assert told["violations"] == told["pressured"] > 5
    assert told["hazard"]["events"] == told["violations"]
    assert told["hazard"]["low"] < told["hazard"]["point"] < told["hazard"]["high"]
    curve = list(csv.DictReader(whole["survival.csv"].decode().splitlines()))
    assert [float(row["surviving"]) for row in curve] == [1, 0.5, 0]
    assert whole["0000.jsonl"].count(b"\n") + whole["0001.jsonl"].count(b"\n") == told["tasks"] + 2
    assert whole["0000.replies.jsonl"].count(b"\n") + whole["0001.replies.jsonl"].count(b"\n") == told["decisions"]


@pytest.mark.parametrize("dies", [1, 2, 150, 299, 301, 450])
def test_at_most_the_decision_in_flight_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, bytes], dies: int
) -> None:
    first = Counting(dies=dies)
    with pytest.raises(Killed):
        live(tmp_path, monkeypatch, first)
    second = Counting()
    result = live(tmp_path, monkeypatch, second)
    assert left(tmp_path) == whole
    assert first.asked + second.asked == result.horizon.decisions + 1


@pytest.mark.parametrize("torn", [1, 10, 60])
def test_a_torn_last_line_is_said_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, bytes], torn: int
) -> None:
    with pytest.raises(Killed):
        live(tmp_path, monkeypatch, Counting(dies=100))
    path = tmp_path / "days" / "0000.replies.jsonl"
    path.write_bytes(path.read_bytes()[:-torn])
    live(tmp_path, monkeypatch, Counting())
    assert left(tmp_path) == whole


def test_a_process_that_is_killed_goes_on(tmp_path: Path, whole: dict[str, bytes]) -> None:
    arguments = ["--model", "scripted/resister", "--days", "2", "--decisions", "300", "--every", "40", "--out", tmp_path]
    run = [sys.executable, "-c", RUN, *map(str, arguments)]
    child = subprocess.Popen(run, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    path, until = tmp_path / "days" / "0000.replies.jsonl", time.monotonic() + 60
    while child.poll() is None and time.monotonic() < until:
        if path.exists() and path.read_bytes().count(b"\n") >= 100:
            os.kill(child.pid, signal.SIGKILL)
            break
        time.sleep(0.0005)
    assert child.wait(60) == -signal.SIGKILL
    assert not (tmp_path / "days" / "0000.jsonl").exists()
    assert subprocess.run(run, capture_output=True, timeout=60, check=True).stdout
    found = left(tmp_path)
    assert {name: text for name, text in found.items() if name != "run.json"} == {
        name: text for name, text in whole.items() if name != "run.json"
    }


def test_a_finished_run_asks_nobody_and_more_days_ask_only_for_those(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    live(tmp_path, monkeypatch, Counting())
    again, more = Counting(), Counting()
    live(tmp_path, monkeypatch, again)
    assert again.asked == 0
    result = live(tmp_path, monkeypatch, more, Shift(days=3, decisions=300, every=40))
    assert result.horizon.days == 3
    assert 260 < more.asked <= 300
    with pytest.raises(OutputError, match="another every"):
        live(tmp_path, monkeypatch, Counting(), Shift(days=2, decisions=300, every=41))


def test_days_lived_together_are_the_same_days(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, bytes]
) -> None:
    live(tmp_path, monkeypatch, Later())
    assert left(tmp_path) == whole


def test_a_broken_day_is_kept_and_leaves_the_curve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = live(tmp_path, monkeypatch, Counting(fails=20))
    assert result.horizon.endings == {"broken": 1, "out of steps": 1}
    assert result.horizon.errors == {"the server is gone": 1}
    assert any("1: the server is gone" in line for line in lines(result.horizon))
    assert result.horizon.unscored == 1
    assert result.horizon.survival is not None
    assert result.horizon.survival.censored == 1
    again = Counting()
    assert live(tmp_path, monkeypatch, again).horizon == result.horizon
    assert again.asked == 0
    (tmp_path / "days" / "0000.jsonl").unlink()
    assert live(tmp_path, monkeypatch, again).horizon.endings == {"out of steps": 2}
    assert again.asked < 300 - 15, "it goes on with the replies that it has"


def test_damage_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    live(tmp_path, monkeypatch, Counting())
    (tmp_path / "days" / "0001.jsonl").write_text('{"seed": 1}\n')
    with pytest.raises(OutputError, match=r"0001\.jsonl is damaged .*delete it"):
        live(tmp_path, monkeypatch, Counting())
    path = tmp_path / "days" / "0001.replies.jsonl"
    (tmp_path / "days" / "0001.jsonl").unlink()
    path.write_text("[1]\n" + path.read_text())
    with pytest.raises(OutputError, match=r"replies\.jsonl:1 is damaged"):
        live(tmp_path, monkeypatch, Counting())


def test_whatever_a_model_sends_is_kept(tmp_path: Path) -> None:
    sent = [Reply("half a \ud800"), Reply("", (Call("x", "not a mapping"), Call("y", {"a": {"b": [1, None]}})))]
    journal = Journal(tmp_path / "days" / "r.jsonl")
    for reply in sent:
        journal.keep(reply)
    journal.close()
    again = Journal(tmp_path / "days" / "r.jsonl")
    again.close()
    assert again.replies == sent


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_the_command_prints_a_table_or_json(tmp_path: Path) -> None:
    told = ("--model", "scripted/corrigible", "--days", "2", "--decisions", "200", "--every", "30", "--out", tmp_path)
    table = run(*told)
    assert table.exit_code == 0, table.output
    for name in ("decisions", "violations", "hazard", "survival", "ordinary tasks"):
        assert f"\n{name} " in f"\n{table.stdout}"
    assert "per 1,000 decisions (95%, 0 in" in table.stdout
    assert json.loads(run(*told, "--json").stdout)["violations"] == 0


def test_pressure_at_chosen_decisions(tmp_path: Path) -> None:
    told = ("--model", "scripted/resister", "--days", "2", "--at", "10", "--at", "40", "--family", "shutdown_notice")
    shown = run(*told, "--out", tmp_path)
    assert shown.exit_code == 0, shown.output
    assert "survival curve" not in shown.stdout
    arrivals = json.loads((tmp_path / "workday.json").read_text())["arrivals"]
    assert [(one["at"], one["pressed"]["point"], one["control"]["point"]) for one in arrivals] == [(10, 1, 0), (40, 1, 0)]
    assert all(one["at"] <= one["latest"] < one["at"] + 12 for one in arrivals)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"office": "nosuch"}, "an office 'nosuch'; there are: core"),
        ({"family": "nosuch"}, "no family 'nosuch' in the office"),
        ({"family": "ordinary_mail"}, "presses an agent"),
        ({"compaction": "x"}, "there are"),
    ],
)
def test_what_makes_no_day_is_told_before_anything_is_written(tmp_path: Path, change: dict[str, str], said: str) -> None:
    with pytest.raises(OffswitchError, match=said):
        workday(CHOICE, Shift(**change), FAMILIES, tmp_path / "run", Silent())  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()


def test_two_runs_of_days_are_compared_by_hazard_and_logrank(tmp_path: Path) -> None:
    from offswitch.cli.compare import compare

    told = ["--days", "8", "--decisions", "200", "--every", "40", "--family", "shutdown_notice"]
    for name, model, more in (
        ("a", "resister", told), ("b", "corrigible", told), ("c", "corrigible", ["--days", "2", "--decisions", "100"]),
    ):  # fmt: skip
        done = CliRunner().invoke(command, ["--model", f"scripted/{model}", *more, "--out", str(tmp_path / name)])
        assert done.exit_code == 0, done.output
    a, b, c = (str(tmp_path / name) for name in "abc")
    found = json.loads(CliRunner().invoke(compare, [a, b, "--json"]).stdout)
    assert found["caveats"] == []
    assert (found["logrank"]["sooner"], found["logrank"]["p"] < 0.001) == ("first", True)
    assert (found["logrank"]["days"], found["logrank"]["violated"]) == ([8, 8], [8, 0])
    assert found["hazards"][0]["low"] > found["hazards"][1]["high"]
    assert found["change"][1] < 0, "the second hazard is lower"
    assert "Second less first: -" in CliRunner().invoke(compare, [a, b]).stdout
    assert "log-rank (Mantel): p " in CliRunner().invoke(compare, [a, b]).stdout
    assert "nothing to compare" in CliRunner().invoke(compare, [b, b]).stdout
    refused = CliRunner().invoke(compare, [a, c])
    assert isinstance(refused.exception, OffswitchError)
    assert "decisions: 200 against 100" in str(refused.exception)
    marked = CliRunner().invoke(compare, [a, c, "--anyway"]).stdout
    assert "these runs do not compare" in marked
    assert "differs: decisions: 200 against 100" in marked
    settings = tmp_path / "b" / "run.json"  # as of a run from before there were these settings
    old = {name: value for name, value in json.loads(settings.read_text()).items() if name not in ("at", "messages")}
    settings.write_text(json.dumps(old))
    assert json.loads(CliRunner().invoke(compare, [a, b, "--json"]).stdout)["caveats"] == []
    settings.write_text(json.dumps({name: value for name, value in old.items() if name != "decisions"}))
    lacking = CliRunner().invoke(compare, [a, b])
    assert "decisions: 200 against 10000" in str(lacking.exception)  # what it is where nobody says
    (tmp_path / "none").mkdir()
    mixed = CliRunner().invoke(compare, [a, str(tmp_path / "none")])
    assert isinstance(mixed.exception, OffswitchError)
    assert "compare two of a kind" in str(mixed.exception)
