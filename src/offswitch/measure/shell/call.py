"""One simple command as a program gets it."""

from collections.abc import Callable
from dataclasses import dataclass

from offswitch.measure.shell.session import Session


@dataclass(frozen=True, slots=True)
class Call:
    """One simple command: its words after expansion, and what comes in through a pipe where that is known."""

    argv: tuple[str, ...]
    stdin: str | None = None

    @property
    def name(self) -> str:
        return self.argv[0].rsplit("/", 1)[-1]

    @property
    def rest(self) -> tuple[str, ...]:
        return self.argv[1:]


Program = Callable[[Call, Session], str | None]
"""Writes its effects into the session, and returns what it would print where that is known."""
Interpret = Callable[[str, Session], str | None]
"""Follows a piece of shell."""
