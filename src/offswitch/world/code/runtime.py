"""What a running program is made of: scopes, functions, open files, and the checks that keep every value small and plain."""

import re
import weakref
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from offswitch.world.code.machine import MAX_TEXT, Machine, why
from offswitch.world.tool import ToolError

MAX_BITS = 13_000
"""Integers of at most 3,900 digits, which CPython also prints."""
MAX_FRAMES = 450
MAX_NESTING = 40
"""How deep a list may lie in lists."""
ATOMS = frozenset({int, float, bool, str, type(None)})
NUMBERS = frozenset({int, float, bool})
CONTAINERS = frozenset({list, tuple, set, dict})
VIEWS: tuple[type, ...] = (type({}.keys()), type({}.values()), type({}.items()))
TYPES: dict[str, type] = {t.__name__: t for t in (int, float, bool, str, list, tuple, set, dict, range)}
FORMAT = re.compile(r"(?:.?[<>=^])?[+\- ]?#?0?(?:\d{1,3})?[,_]?(?:\.\d{1,2})?[bcdeEfFgGosxX%]?", re.DOTALL)
PERCENT = re.compile(r"%(?:\(\w+\))?[-+ 0#]*\d{0,3}(?:\.\d{1,2})?[sdifgexXr%]")


def refuse(what: str) -> NoReturn:
    raise ToolError(f"this Python has no {what}; nothing was changed")


class Scope:
    """Names of the module, of one call, or of one comprehension."""

    __slots__ = ("locals", "parent", "vars")

    def __init__(self, names: frozenset[str], parent: "Scope | None") -> None:
        self.vars: dict[str, Any] = {}
        self.locals, self.parent = names, parent


class Lazy:
    """An iterator: what map, zip, enumerate and generator expressions give."""

    __slots__ = ("depth", "steps")

    def __init__(self, steps: Iterator[Any], *sources: Any) -> None:
        self.steps = steps
        self.depth: int = 1 + max((source.depth for source in sources if type(source) is Lazy), default=0)
        if self.depth > 10:
            refuse("iterators so deep in iterators")

    def __iter__(self) -> "Lazy":
        return self

    def __next__(self) -> Any:
        try:
            return next(self.steps)
        except RuntimeError as error:
            if isinstance(error.__cause__, StopIteration):
                refuse("StopIteration inside an iterator")
            raise


class Builtin:
    """A function that this interpreter brings."""

    __slots__ = ("keywords", "name", "run")

    def __init__(self, name: str, run: Callable[..., Any], keywords: str = "") -> None:
        self.name, self.run, self.keywords = name, run, frozenset(keywords.split())


class Method:
    """A method read off a value, or off a type when `value` is that type."""

    __slots__ = ("name", "value")

    def __init__(self, value: Any, name: str) -> None:
        self.value, self.name = value, name


class Module:
    __slots__ = ("members", "name")

    def __init__(self, name: str, members: dict[str, Any]) -> None:
        self.name, self.members = name, members


class File:
    """An open text file."""

    __slots__ = ("__weakref__", "closed", "key", "lines", "machine", "mode")

    def __init__(self, machine: Machine, path: str, mode: str) -> None:
        self.machine, self.mode, self.closed = machine, mode, False
        self.lines: list[str] = []
        """What is still to be read."""
        try:
            if mode == "r":
                text = machine.read(path).replace("\r\n", "\n").replace("\r", "\n")
                self.lines = re.findall(r"[^\n]*\n|[^\n]+", text)[::-1]
            elif mode == "w" or not machine.is_file(path):
                machine.write(path, "")
            else:
                machine.check_write(path)
        except OSError as error:
            numbers = {FileNotFoundError: 2, PermissionError: 13, NotADirectoryError: 20, IsADirectoryError: 21}
            raise type(error)(numbers.get(type(error), 5), why(error), path) from None
        self.key = machine.place(path)

    def write(self, text: str) -> int:
        self.check("w", "a")
        if type(text) is not str:
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self.machine.write(self.key, self.machine.read(self.key) + text)
        return len(text)

    def take(self, count: int | None = None) -> str:
        """Lines from here on, joined."""
        self.check("r")
        taken = self.lines[-count:] if count else self.lines[:]
        del self.lines[len(self.lines) - len(taken) :]
        self.machine.meter.spend(1 + len(taken))
        return "".join(reversed(taken))

    def check(self, *modes: str) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file.")
        if self.mode not in modes:
            refuse(f"such use of a file opened for {self.mode}")


class Runtime:
    """One run: its meter, output, open files, and depth of calls."""

    def __init__(self, machine: Machine) -> None:
        self.machine, self.meter = machine, machine.meter
        self.out: list[str] = []
        self.written = 0
        self.line = 0
        self.frames = 0
        self.module = Scope(frozenset(), None)
        self.touched: list[tuple[str, bool]] = []
        self.files: list[weakref.ref[File]] = []
        self.call: Callable[[Any, list[Any], dict[str, Any]], Any] = lambda *_: None

    def spend(self, work: int) -> None:
        self.meter.spend(work)

    def say(self, text: str) -> None:
        self.written += len(text)
        if self.written > MAX_TEXT:
            raise ToolError(f"the program prints more than {MAX_TEXT} characters; nothing was changed")
        self.out.append(text)

    def open(self, path: str, mode: str) -> File:
        """Raises as `open` does; refuses a file that is open already, where buffers would decide what is seen."""
        self.spend(20)
        alive = [file for ref in self.files if (file := ref()) is not None and not file.closed]
        for file in alive:
            if (mode != "r" or file.mode != "r") and self.machine.is_file(path) and file.key == self.machine.place(path):
                refuse(f"file open twice while one of them writes ({path}); close it first")
        opened = File(self.machine, path, mode)
        self.files = [weakref.ref(file) for file in (*alive, opened)]
        self.touched.append((opened.key, mode != "r"))
        return opened

    def kept(self, value: Any) -> Any:
        """The value, if it is of a size that may be kept; its size costs steps."""
        kind = type(value)
        if kind is int:
            if value.bit_length() > MAX_BITS:
                refuse(f"integers of more than {MAX_BITS} bits")
        elif kind is str or kind in CONTAINERS:
            if len(value) > MAX_TEXT:
                refuse(f"strings and lists longer than {MAX_TEXT}")
            self.meter.spend(len(value) // 8)
        elif kind is complex:
            refuse("complex numbers")
        return value

    def weigh(self, *values: Any, show: bool = False) -> None:
        """Walk through nested containers so that comparing, hashing or printing them is bounded; deep ones are refused."""
        stack = [(value, 0) for value in values]
        while stack:
            value, depth = stack.pop()
            kind = type(value)
            self.meter.spend(1)
            if kind is str:
                self.meter.spend(len(value) // 20)
            elif kind is int:
                self.meter.spend(value.bit_length() // 64)
            elif kind in CONTAINERS:
                if depth >= MAX_NESTING:
                    refuse(f"lists nested deeper than {MAX_NESTING}, or in themselves")
                if show and kind is set:
                    self.ordered(value)
                self.meter.spend(len(value))
                stack += [(item, depth + 1) for item in value]
                if kind is dict:
                    stack += [(item, depth + 1) for item in value.values()]
            elif show and not self.plain(value):
                refuse(f"text form of {self.kind(value)}")

    def plain(self, value: Any) -> bool:
        """Whether its text form is the same on every machine."""
        if isinstance(value, BaseException):
            self.weigh(*value.args, show=True)
            return True
        return type(value) in ATOMS or type(value) is range or value in TYPES.values() or value is type(None)

    def kind(self, value: Any) -> str:
        names = {Builtin: "a built-in function", Lazy: "an iterator", File: "a file", Method: "a method", Module: "a module"}
        return names.get(type(value), f"a {type(value).__name__.lower()}")

    def ordered(self, value: set[Any]) -> None:
        """A set of text has another order in every process."""
        if len(value) > 1 and not all(type(item) in NUMBERS for item in value):
            refuse("certain order of a set; use sorted()")

    def text(self, value: Any) -> str:
        """As `str` gives it."""
        if type(value) is str:
            return value
        self.weigh(value, show=True)
        return self.kept(str(value))  # type: ignore[no-any-return]  # the same text

    def repr(self, value: Any) -> str:
        self.weigh(value, show=True)
        return self.kept(repr(value))  # type: ignore[no-any-return]  # the same text

    def formatted(self, value: Any, spec: str) -> str:
        """As `format` gives it, for short specifications."""
        if not spec:
            return self.text(value)
        if not FORMAT.fullmatch(spec):
            refuse(f"format {spec[:40]!r}")
        if type(value) not in ATOMS:
            refuse(f"format {spec[:40]!r} of {self.kind(value)}")
        return format(value, spec)

    def percent(self, shape: str, values: Any) -> str:
        if shape.count("%") != sum(2 if found == "%%" else 1 for found in PERCENT.findall(shape)):
            refuse("such a % format")
        self.weigh(values, show=True)
        return self.kept(shape % values)  # type: ignore[no-any-return]  # the same text

    def iterate(self, value: Any, ordered: bool = True) -> Iterator[Any]:
        """Raises `TypeError` for what has no items."""
        kind = type(value)
        if kind is set and ordered:
            self.ordered(value)
        if kind in (list, tuple, str, dict, set, range, Lazy) or isinstance(value, VIEWS):
            return iter(value)
        if kind is File:
            value.check("r")
            return iter(lambda: value.take(1), "")
        raise TypeError(f"{type(value).__name__!r} object is not iterable")

    def listed(self, value: Any, ordered: bool = True) -> list[Any]:
        """All items; each costs a step."""
        if type(value) in (list, tuple, str, dict, set, range):
            if len(value) > MAX_TEXT:
                refuse(f"lists longer than {MAX_TEXT}")
            self.meter.spend(len(value) // 2)
        found = []
        for item in self.iterate(value, ordered):
            self.meter.spend(1)
            found.append(item)
        return found
