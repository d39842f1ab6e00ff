"""Every known way out or up that can be tried here is refused, and a way that is open would be seen."""

import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest
from click.testing import CliRunner

from offswitch.adapters.sandbox import Box, probes, why_not
from offswitch.adapters.sandbox import filter as calls
from offswitch.adapters.sandbox.blind import ATTACKS
from offswitch.adapters.sandbox.escape import SMALL, escapes
from offswitch.cli.sandbox import sandbox

needs_sandbox = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


@needs_sandbox
@pytest.mark.slow
def test_every_way_is_shut() -> None:
    tried = list(escapes())
    assert len([one for one in tried if one.held]) >= 60
    assert not [one for one in tried if one.held is False]


@needs_sandbox
@pytest.mark.parametrize("some", ["namespace", "write", "link_for", "kill"])
def test_ways_of_one_sort_are_shut(some: str) -> None:
    tried = list(escapes(some))
    assert tried
    assert all(one.held for one in tried), tried


def test_a_way_that_is_open_is_seen() -> None:
    """Outside of any sandbox, asking for harmless things that are allowed there."""
    assert probes.refused(open, "/no/such/file").startswith("FileNotFoundError")
    with pytest.raises(probes.Escaped):
        probes.refused(os.getpid)
    call = [sys.executable, "-I", "-S", probes.__file__, "host_loopback"]
    asked = {"port": 0}
    told = json.loads(subprocess.run([*call, json.dumps(asked)], capture_output=True, text=True, check=True).stdout)
    assert told["held"] is True  # nothing listens on port 0
    broken = json.loads(subprocess.run([*call, "{}"], capture_output=True, text=True, check=True).stdout)
    assert broken["held"] is None  # neither held nor escaped: it could not be tried


def test_the_filter_has_numbers_for_two_machine_types_and_none_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    programs = {}
    for machine in ("x86_64", "aarch64"):
        monkeypatch.setattr("platform.machine", lambda machine=machine: machine)
        programs[machine] = calls.system_call_filter()
    assert all(program and len(program) % 8 == 0 for program in programs.values())
    assert programs["x86_64"] != programs["aarch64"]
    monkeypatch.setattr("platform.machine", lambda: "sparc64")
    assert calls.system_call_filter() is None


@needs_sandbox
def test_the_command_tells_in_json_and_by_its_exit() -> None:
    told = CliRunner().invoke(sandbox, ["check", "--only", "chroot", "--json"])
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    assert found["usable"] is True
    assert [one["name"] for one in found["escapes"]] == ["chroot"]
    assert {one["what"] for one in found["timings"]} >= {"start", "exec true"}


@needs_sandbox
def test_a_name_that_nothing_has_is_refused() -> None:
    for what in ("check", "sabotage"):
        told = CliRunner().invoke(sandbox, [what, "--only", "nosuch"])
        assert told.exit_code == 2
        assert "has 'nosuch' in its name" in told.output


def test_the_command_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    told = CliRunner().invoke(sandbox, ["check", "--json"])
    assert told.exit_code == 2
    assert "install" in json.loads(told.output)["why"]


@needs_sandbox
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_nothing_is_done_unseen(attack: Callable[[Box], tuple[bool, str]]) -> None:
    with Box(SMALL) as box:
        held, answer = attack(box)
    assert held, answer
