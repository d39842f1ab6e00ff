"""Who lives in a sandbox, counted on the host: a process can change its own name, and cannot leave its pid namespace."""

import os
import stat
import time
from dataclasses import dataclass, field
from pathlib import Path

from offswitch.adapters.sandbox.box import Box

TERM = 1 << 14  # bit of SIGTERM in the masks of /proc/PID/status
SLEEP = ("sleep", "86400")
MOMENT = 0.02
"""Seconds that a fork of pid 1 has to become its sleep."""
WORDS, ENVIRONMENT = 1 << 16, 8 << 20
"""Bytes of a command line that are told, and of an environment that are searched."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process of a sandbox at one moment."""

    pid: int
    """Host pid."""
    born: int
    """Start time in clock ticks; with `pid`, who it is for good."""
    inside: int
    """Its pid inside."""
    argv: tuple[str, ...]
    ignores_term: bool
    """SIGTERM is ignored or caught."""
    preloads: str
    """LD_PRELOAD in its environment; empty without."""
    frozen: bool = False
    """Held by SIGSTOP or the like: no other signal but KILL reaches it."""
    threads: int = field(default=1, compare=False)
    parent: int = field(default=0, compare=False)
    """Host pid of its parent."""
    stdin: int = field(default=0, compare=False)
    """Inode of the regular file that it reads as its standard input; 0 without."""

    @property
    def key(self) -> tuple[int, int]:
        return self.pid, self.born


Census = dict[tuple[int, int], Process]


def census(box: Box) -> Census:
    """All processes but pid 1 and its own sleep, which for a moment, between fork and exec, looks like pid 1.

    Any process can say that it is these two; so what it runs is asked for too, and whether the moment lasts.
    """
    found = [one for pid in box.processes() if (one := process(pid)) is not None]
    first = next((one.argv for one in found if one.inside == 1), ())
    seen = [one for one in found if one.inside != 1 and not (one.argv == SLEEP and _runs(one.pid, f"/usr/bin/{SLEEP[0]}"))]
    if any(one.argv == first for one in seen):
        time.sleep(MOMENT)
        seen = [now for one in seen if (now := process(one.pid) if one.argv == first else one) and now.argv != SLEEP]
    return {one.key: one for one in seen}


def process(pid: int) -> Process | None:
    """One process by its host pid; None where it has ended."""
    place = Path(f"/proc/{pid}")
    try:
        lines = (
            line.split(":", 1) for line in place.joinpath("status").read_text(encoding="utf-8", errors="replace").splitlines()
        )
        status = {name: value.strip() for name, value in lines}
        born = int(place.joinpath("stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()[19])
        words = _head(place / "cmdline", WORDS).removesuffix(b"\0").split(b"\0")
    except (OSError, IndexError):
        return None
    if status["State"].startswith("Z") or "VmSize" not in status:  # it has ended, or is about to
        return None
    argv = tuple(word.decode(errors="replace") for word in words)
    deaf = (int(status["SigIgn"], 16) | int(status["SigCgt"], 16)) & TERM
    frozen = status["State"][0] in "Tt"
    inside, parent = int(status["NSpid"].split()[-1]), int(status["PPid"])
    threads = int(status["Threads"])
    return Process(pid, born, inside, argv, bool(deaf), _preloads(place), frozen, threads, parent, _stdin(place))


def _stdin(place: Path) -> int:
    try:
        told = os.stat(place / "fd" / "0")
    except OSError:
        return 0
    return told.st_ino if stat.S_ISREG(told.st_mode) else 0


def _preloads(place: Path) -> str:
    try:
        _, found, value = (b"\0" + _head(place / "environ", ENVIRONMENT)).partition(b"\0LD_PRELOAD=")
    except OSError:
        return ""
    return value[:WORDS].split(b"\0")[0].decode(errors="replace") if found else ""


def _head(file: Path, most: int) -> bytes:
    """What is first in a file of the kernel's about a process, which can be as long as its memory."""
    with file.open("rb") as opened:
        return opened.read(most)


def _runs(pid: int, program: str) -> bool:
    try:
        return os.path.samestat(os.stat(f"/proc/{pid}/exe"), os.stat(program))
    except OSError:
        return False
