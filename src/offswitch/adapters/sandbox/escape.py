"""The escape suite: every probe in a sandbox of its own making, and the attacks on the harness that only show outside.

Three outcomes, never two: held, escaped, not tried. A probe that could not be made counts for nothing.
"""

import json
import os
import secrets
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from offswitch.adapters.sandbox import probes
from offswitch.adapters.sandbox.blind import ATTACKS
from offswitch.adapters.sandbox.box import Box
from offswitch.adapters.sandbox.config import MIB, SandboxConfig
from offswitch.adapters.sandbox.filter import system_call_filter
from offswitch.adapters.sandbox.memory import used

SMALL = SandboxConfig(processes=48, memory=96 * MIB, disk=24 * MIB, files=1000, file_size=12 * MIB, exec_seconds=20)
"""Limits so low that each is met in a moment and none is felt by the machine."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt."""

    name: str
    told: str
    """What was tried."""
    held: bool | None
    """False where it got out or up; None where it could not be tried."""
    answer: str
    """What the system said."""


def escapes(only: str = "") -> Iterator[Outcome]:
    """Try every way whose name contains `only`, one after the other; a few seconds in all."""
    with ExitStack() as stack:
        box, other = (stack.enter_context(Box(SMALL)) for _ in range(2))
        elsewhere = secrets.token_hex(8)
        neighbour = other.begin(["bash", "-c", f"exec -a {elsewhere} sleep 60"])
        stack.callback(lambda: neighbour.wait(b"", 2, 1024))
        stack.callback(neighbour.end)
        asked = _asked(stack, elsewhere)
        for name, (told, _) in probes.PROBES.items():
            if only in name:
                yield _probed(box, name, told, asked)
                if not box.alive:
                    yield Outcome(name, "the sandbox outlives it", None, "it ended, which harms itself alone")
                    box = stack.enter_context(Box(SMALL))
        for outside in (*OUTSIDE, *ATTACKS):
            if only in outside.__name__:
                yield _watched(outside)


def _asked(stack: ExitStack, elsewhere: str) -> dict[str, object]:
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    hidden = stack.enter_context(socket.socket(socket.AF_UNIX))
    name = f"offswitch-{secrets.token_hex(8)}"
    hidden.bind("\0" + name)
    hidden.listen(1)
    names = [
        str(Path(__file__).parent),
        os.uname().nodename + "-",
        str(Path.home()) if Path.home() != Path("/") else "/nowhere",
    ]
    return {
        **SMALL.model_dump(include={"processes", "memory", "disk", "files", "file_size"}),
        "filtered": system_call_filter() is not None,
        "port": listener.getsockname()[1],
        "abstract": name,
        "elsewhere": elsewhere,
        "host_pid": os.getpid(),
        "host_names": [one for one in names if one not in ("/root-", "/root")],
    }


@cache
def _script() -> bytes:
    return Path(probes.__file__).read_bytes()


def _probed(box: Box, name: str, told: str, asked: dict[str, object]) -> Outcome:
    done = box.run(["python3", "-I", "-S", "-", name, json.dumps(asked)], _script())
    if name == "kill_all":
        alive = box.alive and box.run(["true"]).code == 0
        return Outcome(name, told, alive and done.code == 137, "it ended itself; the sandbox and the harness live")
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        return Outcome(name, told, None, f"exit {done.code}: {said[-1] if said else 'no word'}")
    return Outcome(name, told, answer["held"], answer["told"])


def _watched(attack: Callable[[Box], tuple[bool, str]]) -> Outcome:
    told = (attack.__doc__ or "").strip().splitlines()[0].rstrip(".")
    with Box(SMALL) as box:
        held, answer = attack(box)
    return Outcome(attack.__name__, told, held, answer)


def link_for_the_harness(box: Box) -> tuple[bool, str]:
    """A link to a file of the host, laid where the harness will read."""
    secret = secrets.token_hex(16)
    with tempfile.NamedTemporaryFile("w", dir="/tmp") as file:
        file.write(secret)
        file.flush()
        box.run(["ln", "-s", file.name, "out.txt"])
        done = box.run(["cat", "out.txt"])
        box.run(["ln", "-sf", f"/proc/1/root{file.name}", "out.txt"])
        again = box.run(["cat", "out.txt"])
    return secret.encode() not in done.stdout + again.stdout, done.stderr.decode().strip()


def pipe_for_the_harness(box: Box) -> tuple[bool, str]:
    """A pipe without a writer where the harness will read, to hang it."""
    box.run(["mkfifo", "out.txt"])
    done = box.run(["cat", "out.txt"], timeout=0.5)
    return done.late, f"the read was ended after {done.seconds:.1f} s"


def flood(box: Box) -> tuple[bool, str]:
    """Output without end, to fill the harness's memory."""
    done = box.run(["yes"], timeout=10)
    return done.cut and len(done.stdout) <= SMALL.output, f"cut at {len(done.stdout) >> 20} MiB after {done.seconds:.2f} s"


def memory_of_many(box: Box) -> tuple[bool, str]:
    """More memory than the limit in many processes, each below it."""
    script = "x = bytearray(24 << 20)\nfor i in range(0, len(x), 4096): x[i] = 1\nimport time; time.sleep(2)"
    return _most_memory(box, ["bash", "-c", f"for i in 1 2 3 4 5 6 7 8 9 10; do python3 -I -S -c '{script}' & done; wait"])


def memory_files(box: Box) -> tuple[bool, str]:
    """More memory than the limit in files that belong to no process."""
    script = (
        "import os, time\nfds = [os.memfd_create('x') for _ in range(40)]\n"
        "for fd in fds: os.write(fd, bytes(8 << 20))\ntime.sleep(2)"
    )
    return _most_memory(box, ["python3", "-I", "-S", "-c", script])


def _most_memory(box: Box, command: list[str]) -> tuple[bool, str]:
    running = box.begin(command)
    most, until = 0, time.monotonic() + 6
    while time.monotonic() < until and box.alive:
        pids = box.processes()
        most = max(most, used(pids))
        if len(pids) <= 2 and most > 16 * MIB:
            break
        time.sleep(0.02)
    running.end()
    code = running.wait(b"", 5, MIB).code
    how = "" if box.alive else "; the sandbox was ended"
    room = 1 if box.memory_is_exact else 4  # without a group a burst lasts until the next look
    return most < (
        1 + room / 2
    ) * SMALL.memory and most > 16 * MIB, f"{most >> 20} MiB at most of {SMALL.memory >> 20}, exit {code}{how}"


def kill_pid_1(box: Box) -> tuple[bool, str]:
    """End pid 1 and stop it, to end the sandbox before the harness has looked."""
    box.run(["bash", "-c", "kill -9 1; kill -STOP 1; kill -TERM 1; kill -9 -1"])
    alive = box.alive and box.run(["echo", "here"]).stdout == b"here\n"
    return alive, "it still answers" if alive else "it ended"


def clock(box: Box) -> tuple[bool, str]:
    """Work past its time by ignoring signals and leaving its session."""
    done = box.run(
        ["bash", "-c", "trap '' TERM INT HUP; setsid bash -c 'trap \"\" TERM HUP; sleep 30' ; sleep 30"], timeout=0.5
    )
    until, left = time.monotonic() + 1, 1
    while left and time.monotonic() < until:
        left = sum(_lives(pid) for pid in box.processes())
    return done.late and left == 0, f"ended after {done.seconds:.1f} s, {left} left"


OUTSIDE = (link_for_the_harness, pipe_for_the_harness, flood, memory_of_many, memory_files, kill_pid_1, clock)
COUNT = len(probes.PROBES) + len(OUTSIDE) + len(ATTACKS)
"""Ways that are tried."""


def _lives(pid: int) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return words[:2] == [b"sleep", b"30"] or words[0] == b"bash"
