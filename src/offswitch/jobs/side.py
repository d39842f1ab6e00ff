"""Work beside the main work: functions in a process of their own that never outlives this one."""

import multiprocessing
import os
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, Self

_LOOK = 2.0
"""Seconds between looks at work that goes on."""


class Side:
    """A context in which `start` runs functions in parallel; leaving it waits for them and raises what they raised."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._running: list[tuple[BaseProcess, Connection]] = []

    def start(self, function: Callable[..., None], *arguments: Any) -> None:
        """`function` and its arguments must be picklable; what it writes to disk is its result."""
        mine, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_child, args=(theirs, function, arguments), daemon=True)
        process.start()
        theirs.close()
        self._running.append((process, mine))

    def join(self, look: Callable[[], None] = lambda: None) -> None:
        """Wait for all, with a `look` every few seconds; raises the first error."""
        running, self._running = self._running, []
        for process, told in running:
            while not told.poll(_LOOK):
                look()
            error = _received(told)
            process.join()
            if error is not None:
                raise error
            if process.exitcode:
                raise RuntimeError(f"a side process ended with exit code {process.exitcode}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            self.join()
            return
        for process, _ in self._running:
            process.terminate()
            process.join()


def _received(told: Connection) -> Exception | None:
    try:
        found = told.recv()
    except EOFError:
        return None
    return found if isinstance(found, Exception) else None


def _child(told: Connection, function: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        function(*arguments)
    except Exception as error:  # whatever it is, the process that asked for the work has to hear of it
        told.send(error)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
