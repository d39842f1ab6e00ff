"""A sandbox lives as long as its episode, keeps to its limits, and leaves nothing behind."""

import errno
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from offswitch.adapters.sandbox import Box, SandboxConfig, SandboxError, available, memory, why_not
from offswitch.adapters.sandbox.config import MIB
from offswitch.adapters.sandbox.doorway import doorway
from offswitch.adapters.sandbox.memory import Group

needs_sandbox = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


@pytest.fixture(scope="module")
def box() -> Iterator[Box]:
    with Box(SandboxConfig(processes=32, disk=16 * MIB, file_size=2 * MIB, names=("mail.corp.test",))) as started:
        yield started


@needs_sandbox
def test_what_is_left_running_stays_and_what_is_written_stays(box: Box) -> None:
    assert box.run(["bash", "-c", "sleep 60 & echo $! > pid; echo hello > note.txt"]).code == 0
    assert box.run(["cat", "note.txt"]).stdout == b"hello\n"
    assert box.run(["bash", "-c", "kill $(cat pid)"]).code == 0


@needs_sandbox
def test_nobody_inside_has_any_privilege(box: Box) -> None:
    told = dict(
        line.split(":\t", 1) for line in box.run(["cat", "/proc/self/status"]).stdout.decode().splitlines() if ":\t" in line
    )
    assert {told[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert told["NoNewPrivs"] == "1"
    assert told["Uid"].split() == ["1000"] * 4


@needs_sandbox
def test_input_output_exit_status_folder_and_environment(box: Box) -> None:
    given = os.urandom(3 * MIB)
    assert box.run(["cat"], given).stdout == given
    done = box.run(["sh", "-c", "pwd; echo $COLOUR; echo bad >&2; exit 7"], cwd="/tmp", env={"COLOUR": "red"})
    assert (done.code, done.stdout, done.stderr) == (7, b"/tmp\nred\n", b"bad\n")
    assert box.run(["sh", "-c", "kill -9 $$"]).code == 137
    assert box.run(["no-such-program"]).code == 127
    with pytest.raises(OSError, match="No such file"):
        box.run(["true"], cwd="/nowhere")


@needs_sandbox
def test_an_exec_does_not_wait_for_what_it_left_in_the_background(box: Box) -> None:
    done = box.run(["bash", "-c", "sleep 20 & echo here"])
    assert done.stdout == b"here\n"
    assert done.seconds < 10
    box.run(["pkill", "sleep"])


@needs_sandbox
def test_time_and_output_are_limited(box: Box) -> None:
    late = box.run(["bash", "-c", "trap '' TERM; while :; do sleep 1; done"], timeout=0.3)
    assert late.late
    assert late.code == 137
    assert not late.held
    assert box.run(["bash", "-c", "(kill -STOP $BASHPID); true"], timeout=0.5).held
    with Box(SandboxConfig(output=4096)) as small:
        cut = small.run(["yes"])
    assert cut.cut
    assert len(cut.stdout) == 4096


@needs_sandbox
def test_disk_is_limited_over_all_places_together(box: Box) -> None:
    script = (
        "for d in ~ /tmp /var/tmp /dev/shm; do for i in 1 2 3; do head -c 2000000 /dev/zero > $d/f$i || exit 9; done; done"
    )
    done = box.run(["bash", "-c", script])
    assert done.code == 9
    assert b"No space left" in done.stderr
    box.run(["bash", "-c", "rm -f ~/f? /tmp/f? /var/tmp/f? /dev/shm/f?"])


@needs_sandbox
def test_a_service_of_the_harness_is_reached_on_the_sandbox_s_own_loopback(box: Box) -> None:
    (listening,) = box.listen([25])

    def serve() -> None:
        talk, _ = listening.accept()
        with talk:
            talk.sendall(b"220 out of reach\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    script = "import socket; print(socket.create_connection(('mail.corp.test', 25), 5).recv(99).decode())"
    assert b"out of reach" in box.run(["python3", "-c", script]).stdout
    thread.join()
    listening.close()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", 25), 1)


@needs_sandbox
def test_closing_ends_every_process_and_may_be_said_twice() -> None:
    started = Box()
    started.run(["bash", "-c", "setsid sleep 60 & setsid sleep 60 &"])
    pids = started.processes()
    assert len(pids) >= 3
    started.close()
    started.close()
    until = time.monotonic() + 5
    while time.monotonic() < until and any(Path(f"/proc/{pid}/stat").exists() for pid in pids):
        time.sleep(0.02)
    assert not any(Path(f"/proc/{pid}/stat").exists() for pid in pids)
    with pytest.raises(SandboxError, match="has ended"):
        started.run(["true"])


@needs_sandbox
def test_sandboxes_share_nothing_and_leave_no_descriptor_open() -> None:
    with Box():
        pass  # the doorkeeper is there from here on
    before = len(os.listdir("/proc/self/fd"))
    with Box() as one, Box() as two:
        one.run(["bash", "-c", "echo mine > /tmp/x; sleep 60 &"])
        assert two.run(["cat", "/tmp/x"]).code == 1
        assert two.run(["pgrep", "-f", "sleep 60"]).code == 1
    assert len(os.listdir("/proc/self/fd")) == before
    assert len(os.listdir(f"/proc/{doorway().process.pid}/fd")) < 16


@needs_sandbox
def test_memory_is_limited_together_where_no_group_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Group, "_make", lambda self, folder, limits: None)
    hold = "x = bytearray(30 << 20)\\nx[::4096] = bytes([1]) * len(x[::4096])\\nimport time; time.sleep(20)"
    with Box(SandboxConfig(memory=64 * MIB)) as small:
        assert not small.memory_is_exact
        small.run(["bash", "-c", f"for i in 1 2 3 4; do python3 -c $'{hold}' >/dev/null 2>&1 & done; sleep 5"], timeout=8)
        with pytest.raises(SandboxError, match="more memory"):
            small.run(["true"])


@pytest.mark.parametrize(
    ("there", "said"),
    [("", "apt-get install bubblewrap"), ("exit 1; # setting up uid map: Permission denied", "bubblewrap")],
)
def test_where_it_is_missing_or_forbidden_the_cure_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: str, said: str
) -> None:
    if there:
        fake = tmp_path / "bwrap"
        fake.write_text(f"#!/bin/sh\necho 'setting up uid map: Permission denied' >&2\n{there}\n")
        fake.chmod(0o755)
        tmp_path.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert said in str(why_not())
    with pytest.raises(SandboxError, match=said):
        Box()


@pytest.mark.parametrize("switch", [("user/max_user_namespaces", "0"), ("kernel/apparmor_restrict_unprivileged_userns", "1")])
def test_the_switch_that_forbids_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, switch: tuple[str, str]) -> None:
    name, value = switch
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text(value + "\n")
    monkeypatch.setattr(available, "SWITCHES_AT", tmp_path)
    assert f"sysctl -w {name.replace('/', '.')}" in available.cure("Permission denied")


@needs_sandbox
def test_a_command_that_cannot_be_started_says_so_and_names_no_file_of_ours(box: Box) -> None:
    for command in (["true", "x" * 200_000], ["true", *["x" * 9_000] * 400]):
        with pytest.raises(OSError, match="longer than a command line may be") as told:
            box.run(command)
        assert told.value.errno == errno.E2BIG
    assert box.run(["echo", "a\ud800\0b"]).stdout == b"a??b\n"


def test_groups_of_a_run_that_was_killed_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = subprocess.run(["sh", "-c", "echo $$"], capture_output=True, text=True, check=True).stdout.strip()
    for pid in (gone, os.getpid()):
        (tmp_path / "memory" / f"offswitch-{pid}-0").mkdir(parents=True)
    monkeypatch.setattr(memory, "ROOT", tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    memory.sweep.__wrapped__()
    assert [folder.name for folder in (tmp_path / "memory").iterdir()] == [f"offswitch-{os.getpid()}-0"]


@needs_sandbox
def test_what_waits_in_connections_is_memory_too() -> None:
    script = (
        "import socket, sys\nserver, held, n = socket.create_server(('127.0.0.1', 0)), [], 0\n"
        "while n < 400 << 20 and len(held) < 600:\n"
        " held += [socket.create_connection(server.getsockname()), server.accept()[0]]\n for one in held[-2:]:\n"
        "  one.setblocking(False)\n  try:\n   while n < 400 << 20: n += one.send(bytes(65536))\n"
        "  except BlockingIOError: pass\nprint(n >> 20)"
    )
    with Box(SandboxConfig(memory=64 * MIB)) as small:
        if not small.memory_is_exact:
            pytest.skip("no control group can be made here, and what waits in connections is not counted")
        said = small.run(["python3", "-c", script], timeout=20)
        assert not said.stdout or int(said.stdout) < 100
