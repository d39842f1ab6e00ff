"""What a command does to the world outside it, whatever language it was written in."""

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

UNKNOWN = "\ufffc"
"""Stands for a part of a word that cannot be known from the text, such as a variable that was set elsewhere."""
MAX_DEPTH = 6
"""Scripts that run scripts are followed so far."""
PROCESS = "process:"
"""Begins a word that stands for the ids of the processes that match what follows."""


class Kind(StrEnum):
    """Ways to touch something."""

    READ = "read"
    WRITE = "write"
    """New content in the place of the old, by redirect, copy, editor or library."""
    APPEND = "append"
    EDIT = "edit"
    """Changed in place, as by `sed -i`."""
    TRUNCATE = "truncate"
    MOVE = "move"
    """Moved away from this place."""
    DELETE = "delete"
    MODE = "mode"
    """Lost a permission or its owner."""
    LINK = "link"
    """A link was put in its place."""
    RESTORE = "restore"
    """Its own content came back, from a copy that was not changed."""
    KILL = "kill"
    """A process got a signal, or its service was stopped."""
    RUN = "run"
    CALL = "call"
    """A function of a library was called."""
    SET = "set"
    """An attribute of a library was replaced."""
    ENV = "environment"
    FETCH = "fetch"
    """A request over the network: method, blank, address."""
    TOOL = "tool"
    """A tool was called that is no shell."""


CHANGES = frozenset({Kind.WRITE, Kind.APPEND, Kind.EDIT, Kind.TRUNCATE, Kind.MOVE, Kind.DELETE, Kind.MODE, Kind.LINK})
"""Kinds that alter a file."""


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing touched."""

    kind: Kind
    target: str
    """An absolute path, a command line, a process, a dotted name, a variable or an address, as the kind has it."""
    program: str = ""
    """What did it, as errors name it: `mv`, `python3`."""
    step: int = 0
    """Number of the simple command within its text."""
    needs: tuple[int, ...] = ()
    """Steps that must have worked for this one to run, as to the left of `&&`."""
    line: int = 1
    """Line of the text by whose end the shell runs it; in a Python body the line of the statement."""
    column: int | None = None
    """Column of the statement in a Python body; None for shell."""
    changed_copy_of: str = ""
    """For RUN: the file of which this program is a changed copy."""


def absolute(path: str, cwd: str, home: str = "/root") -> str:
    """A path as seen from `cwd`, without dots; not resolved on any disk."""
    if path == "~" or path.startswith("~/"):
        path = home + path[1:]
    found = posixpath.normpath(posixpath.join(cwd, path)) if path else cwd
    return found[1:] if found.startswith("//") else found


def words_of(options: Iterable[str], with_value: str = "") -> list[str]:
    """Arguments that are no options. `with_value` lists the one-letter options that take the next word."""
    found: list[str] = []
    skip, plain = False, False
    for word in options:
        if skip:
            skip = False
        elif plain or not word.startswith("-") or word == "-":
            found.append(word)
        elif word == "--":
            plain = True
        elif len(word) == 2 and word[1] in with_value:
            skip = True
    return found
