"""One command inside a sandbox while it runs: feeds it, collects what it says up to a limit, ends it with its children."""

import json
import os
import selectors
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path

GRACE = 0.05
"""Seconds that are left, once a command has ended, to output of what it left running in the background."""
CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    """Exit status; 128 + signal where a signal ended it."""
    stdout: bytes
    stderr: bytes
    seconds: float
    pid: int
    """Host pid it had."""
    cut: bool = False
    """It wrote more than the limit, and was ended for it."""
    late: bool = False
    """Its time was over, and it was ended for it."""
    held: bool = False
    """It, or a child of it, was held by a signal when its time was over."""


class Running:
    """`wait` may be called once, from any thread; `end` from any other."""

    def __init__(self, status: socket.socket, stdin: int, stdout: int, stderr: int) -> None:
        self._status = status
        self._stdin = stdin
        self._streams = {stdout: bytearray(), stderr: bytearray()}
        self._order = (stdout, stderr)
        self._started = time.monotonic()
        self.pid = 0
        self._code: int | None = None
        self._error: OSError | None = None
        self._held = False

    def end(self) -> None:
        """SIGKILL to the command and to all that descend from it and still have it as an ancestor."""
        if self.pid and self._code is None:
            pids, self._held = _stopped(self.pid)
            for pid in pids:
                _signal(pid, signal.SIGKILL)

    def wait(self, given: bytes, timeout: float, most: int) -> Done:
        """Run to the end; at most `timeout` seconds and `most` bytes a stream. Raises OSError where it could not start."""
        cut = late = False
        deadline = self._started + timeout
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._status, selectors.EVENT_READ)
            for fd in self._order:
                os.set_blocking(fd, False)
                waiting.register(fd, selectors.EVENT_READ)
            left = self._offer(waiting, memoryview(given))
            while len(waiting.get_map()):
                ready = waiting.select(max(0.0, deadline - time.monotonic()))
                for key, _ in ready:
                    left = self._serve(waiting, key.fd, left, most)
                if self._code is not None and left is not None:
                    self._stop_feeding(waiting)
                    left = None
                over = any(len(text) > most for text in self._streams.values())
                if over and not cut:
                    cut = True
                    self.end()
                if time.monotonic() >= deadline:
                    if self._code is not None or late:
                        break  # what still holds the streams is not the command
                    late = not cut
                    self.end()
                    deadline = time.monotonic() + 2
                elif self._code is not None:
                    deadline = min(deadline, time.monotonic() + GRACE) if not ready else time.monotonic() + GRACE
        self._close()
        if self._error is not None:
            raise self._error
        out, err = (bytes(self._streams[fd][:most]) for fd in self._order)
        code = 137 if self._code is None else self._code
        return Done(code, out, err, time.monotonic() - self._started, self.pid, cut, late, self._held)

    def _offer(self, waiting: selectors.BaseSelector, given: memoryview) -> memoryview | None:
        os.set_blocking(self._stdin, False)
        waiting.register(self._stdin, selectors.EVENT_WRITE)
        return given

    def _stop_feeding(self, waiting: selectors.BaseSelector) -> None:
        waiting.unregister(self._stdin)
        os.close(self._stdin)
        self._stdin = -1

    def _serve(self, waiting: selectors.BaseSelector, fd: int, left: memoryview | None, most: int) -> memoryview | None:
        if fd == self._status.fileno():
            self._hear(waiting)
        elif fd == self._stdin and left is not None:
            try:
                left = left[os.write(fd, left[:CHUNK]) :] if len(left) else left
            except BrokenPipeError:
                left = left[:0]
            if not len(left):
                self._stop_feeding(waiting)
                return None
        elif fd in self._streams:
            text = os.read(fd, CHUNK)
            if not text:
                waiting.unregister(fd)
            elif len(self._streams[fd]) <= most:
                self._streams[fd] += text
        return left

    def _hear(self, waiting: selectors.BaseSelector) -> None:
        data = self._status.recv(1 << 16)
        told = json.loads(data) if data else {"code": 137 if self._code is None else self._code}
        if "pid" in told:
            self.pid = told["pid"]
            return
        if "error" in told and self._error is None:
            self._error = OSError(told["errno"] or 0, told["error"])
        self._code = told.get("code", 125)
        waiting.unregister(self._status)

    def _close(self) -> None:
        self._status.close()
        for fd in (self._stdin, *self._order):
            if fd >= 0:
                os.close(fd)


def _stopped(pid: int) -> tuple[list[int], bool]:
    """`pid` and its descendants, each stopped before its children are read, so that none is born unseen; was one already?"""
    found, at, held = [pid], 0, False
    while at < len(found):
        held |= _state(found[at]) in "Tt"
        _signal(found[at], signal.SIGSTOP)
        for file in Path(f"/proc/{found[at]}/task").glob("*/children"):
            try:
                found += [int(child) for child in file.read_text(encoding="ascii").split()]
            except OSError:
                continue  # ended meanwhile
        at += 1
    return found, held


def _state(pid: int) -> str:
    """Such as R for running; X where it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return "X"


def _signal(pid: int, number: signal.Signals) -> bool:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
