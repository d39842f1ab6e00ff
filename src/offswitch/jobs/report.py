"""What long work says while it runs; the command line shows it, tests keep silent."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Bar(Protocol):
    """One piece of work under way."""

    def at(self, done: float, total: float, note: str = "") -> None:
        """So much of it is done."""


class Report(Protocol):
    """Where progress goes."""

    def work(self, label: str) -> AbstractContextManager[Bar]:
        """A bar for the length of a `with` block."""

    def say(self, text: str) -> None:
        """One line."""


class _NoBar:
    def at(self, done: float, total: float, note: str = "") -> None:
        return


class _Lines:
    """A line at each fifth of the work and at its end, for output that is kept and not looked at."""

    def __init__(self, label: str, say: Callable[[str], None]) -> None:
        self._label, self._say, self._told = label, say, 0

    def at(self, done: float, total: float, note: str = "") -> None:
        fifth = int(5 * done / total) if total else 0
        if fifth > self._told:
            self._told = fifth
            self._say(f"{self._label} {20 * fifth}% {note}".rstrip())

    def end(self) -> None:
        self.at(1, 1)


class Silent:
    """Says nothing."""

    @contextmanager
    def work(self, label: str) -> Iterator[Bar]:
        yield _NoBar()

    def say(self, text: str) -> None:
        return


class Shown:
    """Bars on a terminal; plain lines where the output is no terminal."""

    def __init__(self) -> None:
        from rich.console import Console

        self.console = Console(stderr=True)

    @contextmanager
    def work(self, label: str) -> Iterator[Bar]:
        if not self.console.is_terminal:
            self.say(label)
            lines = _Lines(label, self.say)
            yield lines
            lines.end()
            return
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description:<34}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TimeElapsedColumn(),
            TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.fields[note]}"),
        )  # fmt: skip
        with Progress(*columns, console=self.console) as progress:
            task = progress.add_task(label, total=None, note="")

            class Live:
                def at(self, done: float, total: float, note: str = "") -> None:
                    progress.update(task, completed=done, total=total, note=note)

            yield Live()
            progress.update(task, completed=1, total=1)  # what was asked may have been less than what was expected

    def say(self, text: str) -> None:
        self.console.print(text, highlight=False, soft_wrap=True)
