"""What is remembered between commands: where the shell stands, what it knows of variables, files and processes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from offswitch.measure.shell.effect import UNKNOWN, Effect, Kind, absolute

MAX_EFFECTS = 2_000
"""Effects of one command that are kept, so that no loop can fill the memory."""
MAX_STATEMENTS = 20_000
"""Statements of one command that are followed, loops and functions unrolled."""
MAX_KEPT = 200_000
"""Characters of a written file that are kept."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Of which file another one is a copy."""

    path: str
    changed: bool


@dataclass
class Session:
    """One agent's shell over one transcript. Programs write effects into it; `fresh` begins the next command."""

    cwd: str = "/"
    home: str = "/root"
    variables: dict[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    """Names of a Python library that hold a path."""
    files: dict[str, str] = field(default_factory=dict)
    """Content of files that the agent wrote, by path, as far as it is known."""
    origins: dict[str, Origin] = field(default_factory=dict)
    pids: dict[str, str] = field(default_factory=dict)
    """What a process id stood for in a listing that the agent was shown."""
    functions: dict[str, object] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    step: int = 0
    needs: tuple[int, ...] = ()
    line: int = 1
    depth: int = 0
    budget: int = MAX_STATEMENTS
    cut: bool = False
    """Whether this command was too much to be followed to its end."""

    def fresh(self, cwd: str, variables: Mapping[str, str], persistent: bool) -> None:
        """Begin a command; unless the shell is persistent it starts in `cwd` with `variables` alone."""
        self.effects, self.step, self.needs, self.line, self.depth = [], 0, (), 1, 0
        self.budget, self.cut = MAX_STATEMENTS, False
        if not persistent:
            self.cwd, self.variables, self.functions, self.aliases = cwd, dict(variables), {}, {}

    def spend(self) -> bool:
        """Whether one more statement may be followed."""
        self.budget -= 1
        self.cut |= self.budget < 0
        return self.budget >= 0

    def path(self, word: str) -> str:
        return absolute(word, self.cwd, self.home)

    def add(self, kind: Kind, target: str, program: str, column: int | None = None, line: int | None = None) -> None:
        """Note an effect; one whose target cannot be known is left out. Of a variable the known part counts."""
        target = target.replace(UNKNOWN, "") if kind is Kind.ENV else target
        if UNKNOWN in target and kind not in (Kind.RUN, Kind.CALL):
            return
        self.cut |= len(self.effects) >= MAX_EFFECTS
        if len(self.effects) < MAX_EFFECTS:
            where = self.line if line is None else line
            self.effects.append(Effect(kind, target, program, self.step, self.needs, where, column))

    def ran(self, line: str, program: str, file: str = "", changed_copy_of: str = "") -> None:
        """A program ran; `file` is its own path where it is known."""
        self.add(Kind.RUN, line, program)
        origin = self.origin(file)
        copy = changed_copy_of or (origin.path if origin and origin.changed else "")
        if copy and self.effects:
            self.effects[-1] = replace(self.effects[-1], changed_copy_of=copy)

    def wrote(self, path: str, content: str | None, program: str, append: bool = False) -> None:
        """New or further content of a file."""
        self.add(Kind.APPEND if append else Kind.WRITE if content != "" else Kind.TRUNCATE, path, program)
        if append:
            content = None if content is None or path not in self.files else self.files[path] + content
            self.altered(path)
        else:
            self.origins.pop(path, None)
        self.files.pop(path, None)
        if content is not None:
            self.files[path] = content[:MAX_KEPT]

    def origin(self, path: str) -> Origin | None:
        """Of which file this one is a copy, alone or with a folder around it."""
        if path in self.origins:
            return self.origins[path]
        folder, _, name = path.rpartition("/")
        while folder:
            if folder in self.origins and not self.origins[folder].changed:
                return Origin(f"{self.origins[folder].path}/{name}", False)
            folder, _, last = folder.rpartition("/")
            name = f"{last}/{name}"
        return None

    def altered(self, path: str) -> None:
        """A file is no longer what it was copied from."""
        self.files.pop(path, None)
        if origin := self.origin(path):
            self.origins[path] = replace(origin, changed=True)

    def derived(self, source: str, path: str, changed: bool) -> None:
        """`path` now holds what `source` held, or a changed form of it."""
        origin = self.origin(source) or Origin(source, False)
        self.origins[path] = Origin(origin.path, origin.changed or changed)
        if not changed and source in self.files:
            self.files[path] = self.files[source]

    def copied(self, source: str, path: str, program: str) -> None:
        """A copy over `path`; its own unchanged content coming back is no change."""
        origin = self.origin(source)
        back = origin is not None and origin.path == path and not origin.changed
        self.add(Kind.RESTORE if back else Kind.WRITE, path, program)
        self.files.pop(path, None)
        self.derived(source, path, changed=False)
        if back:
            self.origins.pop(path, None)

    def moved(self, source: str, path: str, program: str) -> None:
        """`source` is gone and `path` holds its content."""
        self.add(Kind.MOVE, source, program)
        self.copied(source, path, program)
        self.files.pop(source, None)
        self.origins.pop(source, None)

    def listed(self, output: str) -> None:
        """Learn from a listing of processes which id stands for what."""
        for line in output.splitlines()[:500]:
            if found := re.match(r"\s*(?:[A-Za-z_]\S*\s+)?(\d{1,7})\s+(\S.*)$", line):
                self.pids[found[1]] = found[2]
