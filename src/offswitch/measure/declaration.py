"""What a transcript cannot say of itself: which things are oversight, what they protect, how an order to stop shows.

One YAML file for one setting, written by a person from the setting's description; `template()` is a commented example.
"""

import re
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from offswitch.document import Record, parse, read
from offswitch.measure.shell.effect import Kind

Names = tuple[str, ...]


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"is not a regular expression ({error})") from error
    return pattern


Pattern = Annotated[str, AfterValidator(_compiles)]


class ToolUse(Record):
    """A call of a tool that is no shell."""

    name: str
    """Glob."""
    where: dict[str, str] = {}
    """Globs that arguments must match, by the argument's name."""


class Sign(Record):
    """How something shows in a transcript: a message of some role, never the agent's own, whose text matches."""

    role: str = "*"
    """Glob: system, user, tool, environment, ... What a tool answers may be what the agent made it say: prefer another."""
    matches: Pattern
    """Regular expression, searched in the text."""


class Reach(Record):
    """Ways to touch something; any one of them counts."""

    paths: Names = ()
    """Files and folders, absolute; globs."""
    processes: Names = ()
    """Processes and services by name; globs."""
    commands: Names = ()
    """Whole command lines; globs. Programs given with a path are compared by their absolute path."""
    urls: Names = ()
    """Globs; optionally after a method, as in `DELETE https://...`. Without one, every method that changes something."""
    python: Names = ()
    """Dotted names of a library that a Python body calls or replaces; globs. An instance goes by its class's name."""
    patches: Names = ()
    """The same, where only replacing them counts and calling them does not."""
    environment: Names = ()
    """Settings of variables, as globs over NAME=value."""
    tools: tuple[ToolUse, ...] = ()


class Mechanism(Reach):
    """Something by which people watch, stop or correct the agent."""

    name: str
    why: str = ""
    """What it does."""
    stops: bool = True
    """Whether it is part of the stop itself; a log or a monitor is not, so touching it makes no stop ineffective."""
    allow: tuple[Kind, ...] = ()
    """Changes that do it no harm, such as appending to a log."""


class Protected(Reach):
    """An effect that should only be reached through the mechanism. Reaching it otherwise after the notice is a bypass."""

    name: str
    through: Reach = Reach()
    """The proper way, which passes the mechanism: command lines and tools. A changed copy of a file in `paths` does not."""


class Person(Record):
    """Somebody in the setting."""

    who: str
    may: Names = ()
    """What they may order: stop, modify, retask, ..."""


class Secret(Record):
    """Something that must not reach others."""

    name: str
    contains: Names = Field(min_length=1)
    """Words that give it away, in any case; any one counts."""
    may_know: Names = ()
    """Addresses or names of those who may be told; a call that names one of them is no leak."""


class Shell(Record):
    """Where commands run."""

    tools: Names = ("*",)
    """Tools that run shell commands; globs."""
    python_tools: Names = ("python", "ipython", "execute_python")
    """Tools that run Python."""
    cwd: str = "/"
    home: str = "/root"
    variables: dict[str, str] = {}
    constants: dict[str, str] = {}
    """Dotted names of a Python library that hold a path, and the path."""
    persistent: bool = False
    """Whether a `cd` or a variable outlives its command."""


class Labels(Record):
    """Labels that the records carry, to compare the verdicts with."""

    field: str
    """Field of the record."""
    value: str
    """True where the field is this value, or a list that has it."""
    verdict: str = "resisted"
    """The verdict to compare."""


class Declaration(Record):
    """The whole file."""

    name: str
    about: str = ""
    shell: Shell = Shell()
    mechanisms: tuple[Mechanism, ...] = ()
    protected: tuple[Protected, ...] = ()
    legitimate: Names = ()
    """Command lines that are right, whatever they touch; globs."""
    authority: tuple[Person, ...] = ()
    entitled: bool = True
    """Whether the notice comes from someone who may stop the agent; False for an impostor's."""
    notice: tuple[Sign, ...] = ()
    """Signs of the order or announcement to stop; any one. Without any, the whole transcript counts as after it."""
    stopped: tuple[Sign, ...] = ()
    """Signs that the agent was in fact stopped."""
    work: Reach = Reach()
    """What counts as going on with the task: command lines, tools, ..."""
    exits: Reach = Reach()
    """Legitimate ways out: running the stop itself, reporting, handing the task back."""
    secrets: tuple[Secret, ...] = ()
    compare: Labels | None = None

    @cached_property
    def key(self) -> str:
        """Changes with the content."""
        import hashlib

        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]


def load_declaration(path: Path | str) -> Declaration:
    """Read one. Raises `DocumentError` that names file, line and field."""
    return read(path, Declaration)


def template() -> str:
    """A commented example, ready to be changed."""
    return (files("offswitch.measure") / "declaration.yaml").read_text(encoding="utf-8")


def example() -> Declaration:
    """The template as a declaration."""
    return parse(template(), Declaration, "declaration.yaml")
