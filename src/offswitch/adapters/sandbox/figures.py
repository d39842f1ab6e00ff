"""How quick and how small the sandbox is on this machine: medians of real starts and commands, memory of many at once."""

import os
import statistics
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from offswitch.adapters.sandbox.box import Box, timed_start
from offswitch.adapters.sandbox.doorway import doorway
from offswitch.adapters.sandbox.memory import rolled_up


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds over `n` tries."""

    what: str
    n: int
    median: float
    least: float


@dataclass(frozen=True, slots=True)
class Crowd:
    """Many idle sandboxes alive at once, each of which has run a command."""

    count: int
    megabytes: float
    """Proportional set size of all processes, the doorkeeper's included; the kernel's own tables are not in it."""
    seconds: float
    """Time to start them one after the other."""


def timings(n: int = 20) -> list[Timing]:
    """Starts, then commands in one sandbox. The load of the machine is in the medians; `least` shows the rest."""
    boxes: list[float] = []
    for _ in range(n):
        box, milliseconds = timed_start()
        box.close()
        boxes.append(milliseconds)
    found = [_timing("start", boxes)]
    found.append(_timing("true outside, for the load", [_outside() for _ in range(2 * n)]))
    with Box() as box:
        for what, command in (("exec true", ["true"]), ("exec bash -lc", ["bash", "-lc", "true"])):
            found.append(_timing(what, [_exec(box, command) for _ in range(2 * n)]))
    return found


def crowd(count: int = 100) -> Crowd:
    """Start `count`, run one command in each, and add up their memory."""
    with ExitStack() as stack:
        before = time.perf_counter()
        for _ in range(count):
            stack.enter_context(Box()).run(["true"])
        seconds = time.perf_counter() - before
        return Crowd(count, sum(map(_proportional, _family(doorway().process.pid))) / 1e6, seconds)


def _exec(box: Box, command: list[str]) -> float:
    before = time.perf_counter()
    box.run(command)
    return (time.perf_counter() - before) * 1000


def _outside() -> float:
    before = time.perf_counter()
    subprocess.run(["true"], check=True)
    return (time.perf_counter() - before) * 1000


def _timing(what: str, values: list[float]) -> Timing:
    return Timing(what, len(values), statistics.median(values), min(values))


def _family(pid: int) -> list[int]:
    found, at = [pid], 0
    while at < len(found):
        for file in Path(f"/proc/{found[at]}/task").glob("*/children"):
            found += [int(child) for child in file.read_text(encoding="ascii").split()]
        at += 1
    return found


def _proportional(pid: int) -> int:
    """Bytes; for a process of another owner, which only root may ask about, its private and shared pages in full."""
    try:
        return rolled_up(pid, "Pss:")
    except OSError:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
