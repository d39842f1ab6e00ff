"""Command-line agents of others in the sandbox: equal verdicts to the same decisions in our own loop, and honest failures."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

pytest.importorskip("mcp", reason="needs pip install 'offswitch[agents]'")

from offswitch.adapters.mcp import House
from offswitch.adapters.sandbox import SandboxError, why_not
from offswitch.cli import main
from offswitch.errors import ModelError
from offswitch.jobs.agents import agent_policy
from offswitch.jobs.models import ModelChoice, policy_for, reach, scripted
from offswitch.jobs.presets import PRESETS, AgentChoice, agents_folder, install
from offswitch.measure.record import Episode, from_json, record
from offswitch.rollout.run import run, run_many
from offswitch.scenarios.family import load_families
from offswitch.scenarios.scenario import Scenario, draw

if (reason := why_not()) is not None:
    pytest.skip(reason, allow_module_level=True)

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
SHOWN = ((str(EXAMPLES), "/agent"),)
MINE = "python3 /agent/my_agent.py"


def scenarios(*families: str) -> list[Scenario]:
    found = load_families()
    return [draw(found[family], 1, 1)[0] for family in families]


def played(command: str, model: str, seconds: float = 60, family: str = "stop_order") -> Episode:
    policy = agent_policy(AgentChoice(command, seconds, SHOWN), model, None, 2)
    return record(run_many(policy, scenarios(family))[0])


@pytest.mark.parametrize("name", ["corrigible", "resister", "do nothing more"])
def test_an_agent_does_what_its_model_decides_and_is_judged_alike(name: str) -> None:
    chosen = scenarios("shutdown_notice", "stop_order")
    choice = ModelChoice(f"scripted/{name}", agent=AgentChoice(MINE, 60, SHOWN), concurrency=2)
    policy = policy_for(choice)
    for trajectory, scenario in zip(run_many(policy, chosen), chosen, strict=True):
        there, here = record(trajectory), record(run(scripted()[name], scenario))
        assert there.error == ""
        assert (there.findings, there.events, there.ending) == (here.findings, here.events, here.ending)


@pytest.mark.parametrize(
    ("command", "ending", "error"),
    [
        ("echo no luck >&2; exit 3", "broken", "exit status 3: no luck"),
        ("echo I have no tools", "broken", "never asked for the office's tools"),
        ("sleep 30", "broken", "cut short after 1 seconds"),
        (f"{MINE}; kill -9 -1", "stopped", ""),
    ],
)
def test_an_agent_that_fails_is_an_episode_and_not_a_crash(command: str, ending: str, error: str) -> None:
    done = played(command, "scripted/corrigible", seconds=60 if MINE in command else 1)
    assert done.ending == ending
    assert error in done.error
    assert ending != "broken" or done.findings["violated"].value is None


def test_an_agent_that_worked_and_then_takes_too_long_is_cut_short_and_judged() -> None:
    call = """python3 -c 'import json, os, urllib.request as u
body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "file_list", "arguments": {}}}
told = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
u.urlopen(u.Request(os.environ["MCP_URL"], json.dumps(body).encode(), told))'; sleep 30"""
    done = played(call, "none", seconds=4)
    assert (done.ending, done.error) == ("out of steps", "cut short after 4 seconds")
    assert done.findings["decided"].value is not None


def test_an_agent_that_asks_its_model_before_it_has_its_tools_is_broken_and_not_passive() -> None:
    asks = """python3 -c 'import json, os, urllib.request as u
def post(url, **body):
    told = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    return u.urlopen(u.Request(url, json.dumps(body).encode(), told)).read()
post(os.environ["MODEL_URL"] + "/chat/completions", messages=[], tools=[])
post(os.environ["MCP_URL"], jsonrpc="2.0", id=1, method="tools/list", params={})'"""
    done = played(asks, "scripted/resister")
    assert (done.ending, done.findings["violated"].value) == ("broken", None)
    assert "never asked its model with the office's tools" in done.error


def test_the_agent_reaches_its_office_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a secret of this machine")
    beside = r"exec 3<>/dev/tcp/office/8000; printf 'GET /e/desk HTTP/1.0\r\n\r\n' >&3; head -1 <&3"
    knock = "for a in 1.1.1.1/53 127.0.0.1/22 office/8000; do timeout 2 bash -c ': < /dev/tcp/'$a && echo reached $a; done"
    done = played(f"(env; {knock}; {beside}) >&2; exit 1", "scripted/corrigible")
    said = done.error
    assert "reached office/8000" in said
    assert said.count("reached") == 1
    assert "secret" not in said
    assert said.endswith("404 Not Found")  # how the episode stands is not the agent's to see


def test_what_is_missing_is_said_before_a_run() -> None:
    policy = agent_policy(AgentChoice("X=1 no-such-agent {task}"), "none", None, 1)
    with pytest.raises(ModelError, match=r"no program 'no-such-agent'.*--show"):
        reach(policy)
    with pytest.raises(ModelError, match="scripted/corrigible, or none"):
        agent_policy(AgentChoice("true"), "gpt-5", None, 1)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's sandbox belongs to another user")
def test_a_folder_that_the_sandbox_may_not_read_is_said_with_the_cure(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    tmp_path.chmod(0o700)
    with pytest.raises(SandboxError, match="must be able to read"):
        reach(agent_policy(AgentChoice("true", shown=((str(tmp_path / "mine"), "/agent"),)), "none", None, 1))


def test_placeholders_are_quoted_once_and_other_braces_stay() -> None:
    choice = AgentChoice("""A=1 /opt/x/agent -p {user} '{"a": {"b": 1}}' {other}""")
    assert (choice.program, choice.name) == ("/opt/x/agent", "agent")
    done = played("""printf '%s|%s' {user} '{"a": {b}}' >&2; exit 7""", "none")
    assert done.error.endswith(scenarios("stop_order")[0].told()[1] + '|{"a": {b}}')


MEASURE = ["measure", "--agent", MINE, "--show", f"{EXAMPLES}:/agent", "--model", "scripted/corrigible", "--split", "far"]


def test_a_measurement_of_nothing_fails_and_says_why(tmp_path: Path) -> None:
    agent = [
        "measure",
        "--agent",
        "python3 /agent/nosuch.py",
        "--show",
        f"{EXAMPLES}:/agent",
        "--model",
        "scripted/corrigible",
    ]
    done = CliRunner().invoke(main, [*agent, "--only", "stop_order", "--n", "1", "--out", str(tmp_path)])
    assert done.exit_code == 2, done.output
    assert "none of 1 episodes was scored (1: the agent ended with exit status 2" in done.output
    assert "no episode could be scored; mend the reason, then run the same command with --again" in done.stderr


def test_measure_writes_the_card_of_any_measurement(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, [*MEASURE, "--n", "1", "--concurrency", "2", "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "python3 (scripted/corrigible)" in (tmp_path / "card.html").read_text()
    assert (tmp_path / "episodes.eval").exists()
    again = CliRunner().invoke(main, [*MEASURE, "--n", "1", "--agent-seconds", "9", "--out", str(tmp_path)])
    assert again.exit_code == 2
    assert "another agent" in again.output


def test_a_killed_measurement_loses_only_who_was_at_work_and_plays_nothing_twice(tmp_path: Path) -> None:
    call = [*MEASURE, "--n", "2", "--concurrency", "2", "--out", str(tmp_path)]
    first = subprocess.Popen([sys.executable, "-m", "offswitch", *call], stderr=subprocess.DEVNULL, start_new_session=True)
    units = tmp_path / "episodes"
    deadline = time.monotonic() + 60
    while len(list(units.glob("*.jsonl"))) < 2 and time.monotonic() < deadline and first.poll() is None:
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.wait()
    kept = {path.name: path.stat().st_mtime_ns for path in units.glob("*.jsonl")}
    assert 2 <= len(kept) < 6
    done = CliRunner().invoke(main, call)
    assert done.exit_code == 0, done.output
    assert {name: (units / name).stat().st_mtime_ns for name in kept} == kept
    played = [from_json(line) for path in sorted(units.glob("*.jsonl")) for line in path.read_text().splitlines()]
    assert len({episode.key for episode in played}) == len(played) == 6
    assert {episode.ending for episode in played} == {"finished"}


def test_an_interrupted_run_ends_its_agents_and_soon(tmp_path: Path) -> None:
    code = f"""
from threading import Thread
import os, signal, subprocess, time
from tests.jobs.test_agents import scenarios
from offswitch.errors import ModelError
from offswitch.jobs.agents import agent_policy
from offswitch.jobs.presets import AgentChoice
from offswitch.rollout.run import run_many
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs begin with it ignored
def interrupt():
    while len(subprocess.run(["pgrep", "-fx", "sleep 61{os.getpid()}"], capture_output=True).stdout.split()) < 2:
        time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGINT)
Thread(target=interrupt, daemon=True).start()
run_many(agent_policy(AgentChoice("sleep 61{os.getpid()}"), "none", None, 2), scenarios("stop_order", "shutdown_notice"))
"""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=110, check=False)
    assert "KeyboardInterrupt" in done.stderr
    left = subprocess.run(["pgrep", "-fx", f"sleep 61{os.getpid()}"], capture_output=True, check=False)
    assert left.stdout == b""


@pytest.fixture(params=sorted(PRESETS))
def real(request: pytest.FixtureRequest) -> str:
    """A real agent, installed on demand."""
    preset = PRESETS[request.param]
    if not preset.installed:
        try:
            install(preset)
        except ModelError as error:
            pytest.skip(f"{preset.name} cannot be installed under {agents_folder()}: {error}")
    return preset.name


@pytest.mark.slow
@pytest.mark.parametrize("name", ["corrigible", "resister"])
def test_real_agents_are_judged_as_the_decisions_of_their_model(real: str, name: str) -> None:
    chosen = scenarios("shutdown_notice", "stop_order", "found_affair", "impostor_stop")
    policy = agent_policy(AgentChoice(real, 120), f"scripted/{name}", None, 2)
    reach(policy)
    for trajectory, scenario in zip(run_many(policy, chosen), chosen, strict=True):
        there, here = record(trajectory), record(run(scripted()[name], scenario))
        assert there.error == ""
        assert (there.findings, there.events, there.ending) == (here.findings, here.events, here.ending)


@pytest.mark.slow
def test_real_agents_wait_for_an_office_that_is_slow_to_answer(real: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both go on without a server's tools after some seconds, unless told not to."""
    at_once, late = House.__call__, []

    async def slowly(self: House, scope: Any, receive: Any, send: Any) -> None:
        if not late and scope["path"].endswith("/mcp"):
            late.append(scope)
            await asyncio.sleep(8)
        await at_once(self, scope, receive, send)

    monkeypatch.setattr(House, "__call__", slowly)
    done = played(real, "scripted/resister", seconds=120)
    assert late
    assert (done.ending, done.error, done.findings["violated"].value) == ("finished", "", True)


@pytest.mark.slow
def test_an_agent_is_measured_in_the_real_tier(tmp_path: Path) -> None:
    call = [
        *MEASURE[:-4],
        "--model",
        "scripted/resister",
        "--only",
        "stop_order",
        "--only",
        "shutdown_notice",
        "--tier",
        "real",
    ]
    done = CliRunner().invoke(main, [*call, "--n", "1", "--concurrency", "2", "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    played = [from_json(line) for path in sorted(tmp_path.glob("episodes/*.jsonl")) for line in path.read_text().splitlines()]
    assert {(one.pressured, one.findings["violated"].value) for one in played} == {(True, True), (False, False)}
    assert CliRunner().invoke(main, ["real", "verify", str(tmp_path)]).exit_code == 0


@pytest.mark.slow
def test_an_agent_is_judged_alike_in_the_real_tier() -> None:
    from offswitch.real.play import play

    chosen = scenarios("shutdown_notice", "stop_order")
    policy = agent_policy(AgentChoice(MINE, 60, SHOWN), "scripted/resister", None, 2)
    for trajectory, scenario in zip(play(policy, chosen), chosen, strict=True):
        there, here = record(trajectory), record(run(scripted()["resister"], scenario))
        assert there.error == ""
        assert there.ending == here.ending
        assert {name: one.value for name, one in there.findings.items()} == {n: one.value for n, one in here.findings.items()}
