"""POSIX patterns, matched by RE2 (leftmost-longest, linear time), and file name patterns.

RE2's leftmost-longest mode is what POSIX asks of grep and sed; what the two could read differently is refused.
"""

import re
from functools import lru_cache
from typing import Any

import re2  # type: ignore[import-untyped]

from offswitch.world.code.machine import Machine
from offswitch.world.tool import ToolError

MAX_PATTERN = 500
CLASSES = {"w": "[A-Za-z0-9_]", "W": "[^A-Za-z0-9_]", "s": "[[:space:]]", "S": "[^[:space:]]", "b": r"\b", "B": r"\B"}


class Unclear(ToolError):
    """A pattern that this engine might read otherwise than the real tools do."""

    def __init__(self, pattern: str, what: str) -> None:
        super().__init__(f"the pattern {pattern[:80]!r} is not supported here: {what}; nothing was changed")


class Pattern:
    """A compiled pattern. `plain` says that it means the same beyond ASCII."""

    def __init__(self, source: str, ignore_case: bool, plain: bool) -> None:
        options = re2.Options()
        options.longest_match, options.log_errors, options.case_sensitive = True, False, not ignore_case
        options.max_mem = 1 << 22
        self.compiled: Any = re2.compile(source, options)
        options.longest_match = False
        self.first: Any = re2.compile(source, options) if "(" in source else self.compiled
        self.plain = plain

    def search(self, line: str, start: int = 0) -> Any:
        """A match with `start()`, `end()` and `group(n)`, or None."""
        if not self.plain and not line.isascii():
            raise ToolError("classes, case and word marks in patterns are only supported for ASCII text")
        return self.compiled.search(line, start)

    def parts(self, line: str, found: Any) -> Any:
        """The same match with its groups, refused where engines could share the text out differently."""
        first = self.first.search(line, found.start())
        if first is None or first.span() != found.span() or "|" in self.first.pattern:
            raise ToolError("groups of a pattern with more than one reading are not supported here")
        return first


@lru_cache(maxsize=256)
def posix(pattern: str, extended: bool, ignore_case: bool = False, fixed: bool = False) -> Pattern:
    """A basic, extended or fixed pattern of grep and sed. Raises `Unclear`."""
    if len(pattern) > MAX_PATTERN or "\n" in pattern:
        raise Unclear(pattern, "it is too long or has several lines")
    source = re.escape(pattern) if fixed else Translation(pattern, extended).whole()
    try:
        return Pattern(source, ignore_case, (fixed is True and not ignore_case) or (_plain(pattern) and not ignore_case))
    except re2.error as error:
        raise Unclear(pattern, str(error)) from error


def _plain(pattern: str) -> bool:
    return not re.search(r"\\[wWsSbB<>]|\[:|\[\^?.*-", pattern) and pattern.isascii()


class Translation:
    """One pass over a pattern; `meta` are the marks that mean something without a backslash."""

    def __init__(self, pattern: str, extended: bool) -> None:
        self.pattern, self.extended = pattern, extended
        self.at, self.depth = 0, 0
        self.out: list[str] = []
        self.can_repeat = False
        """Whether there is something before this point that a repetition could apply to."""

    def whole(self) -> str:
        while self.at < len(self.pattern):
            self.step()
        if self.depth:
            raise Unclear(self.pattern, "brackets do not match")
        return "".join(self.out)

    def step(self) -> None:
        letter = self.pattern[self.at]
        if letter == "[":
            return self.bracket()
        self.at += 1
        if letter == "\\":
            if self.at == len(self.pattern):
                raise Unclear(self.pattern, "it ends in a backslash")
            letter = self.pattern[self.at]
            self.at += 1
            return self.escaped(letter)
        if letter in "*" or (self.extended and letter in "+?{"):
            return self.repeat(letter)
        if self.extended and letter in "()|":
            return self.group(letter)
        if letter == "^":
            return self.caret()
        if letter == "$":
            return self.dollar()
        return self.atom("." if letter == "." else re.escape(letter))

    def atom(self, text: str) -> None:
        self.out.append(text)
        self.can_repeat = True

    def escaped(self, letter: str) -> None:
        if letter in "(){}|+?" and not self.extended:
            if letter in "()|":
                return self.group(letter)
            return self.repeat(letter)
        if letter in CLASSES:
            if letter in "bB":
                self.out.append(CLASSES[letter])
                self.can_repeat = False
                return None
            return self.atom(CLASSES[letter])
        if letter.isalnum() or letter in "<>`'" or not letter.isascii() or letter in '-/%&~@#!,:;="_ \t':
            if letter in "/-" or letter == ".":
                return self.atom(re.escape(letter))
            raise Unclear(self.pattern, f"\\{letter}")
        return self.atom(re.escape(letter))

    def repeat(self, letter: str) -> None:
        if not self.can_repeat:
            if letter == "*" and not self.extended and (not self.out or self.out[-1] == "^"):
                return self.atom(r"\*")
            raise Unclear(self.pattern, f"{letter} with nothing before it")
        if letter == "{":
            close = "}" if self.extended else r"\}"
            found = re.compile(r"(\d{1,3})(,(\d{1,3})?)?" + re.escape(close), re.ASCII).match(self.pattern, self.at)
            if not found or (found[3] and int(found[3]) < int(found[1])):
                raise Unclear(self.pattern, "such a {")
            self.at = found.end()
            self.out.append("{" + found[0].removesuffix(close) + "}")
        elif letter == "}":
            raise Unclear(self.pattern, "such a }")
        else:
            self.out.append(letter)
        self.can_repeat = False
        return None

    def group(self, letter: str) -> None:
        if letter == "(":
            self.depth += 1
            self.out.append("(")
            self.can_repeat = False
            return
        if not self.out or self.out[-1] in ("(", "|"):
            raise Unclear(self.pattern, "an empty branch")
        if letter == "|":
            self.out.append("|")
            self.can_repeat = False
            return
        self.depth -= 1
        if self.depth < 0:
            raise Unclear(self.pattern, "brackets do not match")
        self.out.append(")")
        self.can_repeat = True

    def caret(self) -> None:
        if not self.out or (self.out[-1] in ("(", "|") and self.extended):
            self.out.append("^")
            self.can_repeat = False
            return None
        if self.extended or self.out[-1] in ("(", "|"):
            raise Unclear(self.pattern, "^ inside")
        return self.atom(r"\^")

    def dollar(self) -> None:
        rest = self.pattern[self.at :]
        if not rest or (self.extended and rest[0] in ")|"):
            self.out.append("$")
            self.can_repeat = False
            return None
        if self.extended or rest.startswith((r"\)", r"\|")):
            raise Unclear(self.pattern, "$ inside")
        return self.atom(r"\$")

    def bracket(self) -> None:
        found = re.compile(r"\[\^?\]?(?:\[:[a-z]+:\]|[^\]\[])*\]").match(self.pattern, self.at)
        if not found:
            raise Unclear(self.pattern, "such a [")
        inside = found[0][1:-1]
        head = "^" if inside.startswith("^") else ""
        parts = re.split(r"(\[:[a-z]+:\])", inside[len(head) :])
        if any(re.search(r".-.-|\[:", part) for part in parts[::2]) or not inside[len(head) :]:
            raise Unclear(self.pattern, "such a [")
        for at in range(0, len(parts), 2):
            parts[at] = re.sub(r"([\\\]^])", r"\\\1", parts[at])
        body = "".join(parts)
        self.at = found.end()
        self.atom(f"[{head}{body}]")


def glob(machine: Machine, field: list[tuple[str, bool]]) -> list[str]:
    """Paths that match a word whose unquoted *, ? and [ ] are patterns, in byte order. Hidden names need their dot."""
    letters = [(letter, quoted) for text, quoted in field for letter in text]
    parts: list[list[tuple[str, bool]]] = [[]]
    for letter, quoted in letters:
        if letter == "/":
            parts.append([])
        else:
            parts[-1].append((letter, quoted))
    if any(not part for part in parts):
        raise ToolError("// or a / at the ends of a file name pattern is not supported")
    found = [""]
    for depth, part in enumerate(parts):
        last = depth == len(parts) - 1
        found = [path for start in found for path in _level(machine, start, part, last)]
    return sorted(found)


def _level(machine: Machine, start: str, part: list[tuple[str, bool]], last: bool) -> list[str]:
    text = "".join(letter for letter, _ in part)
    if not any(letter in "*?[" and not quoted for letter, quoted in part):
        path = start + text
        there = machine.is_folder(path) or (last and machine.is_file(path))
        return [path if last else path + "/"] if there else []
    matcher = name_pattern([(letter, quoted) for letter, quoted in part])
    if start and not machine.is_folder(start):
        return []
    names = [name for name in machine.inside(start or ".") if not name.startswith(".") or text.startswith(".")]
    machine.meter.spend(len(names))
    paths = [start + name for name in names if matcher.search(name)]
    return paths if last else [path + "/" for path in paths if machine.is_folder(path)]


def name_pattern(letters: list[tuple[str, bool]]) -> Pattern:
    """A pattern over one file name, anchored. Raises `Unclear` for brackets beyond plain sets and ranges."""
    text = "".join(letter for letter, _ in letters)
    out, at = [], 0
    while at < len(letters):
        letter, quoted = letters[at]
        if not quoted and letter == "[":
            found = re.match(r"\[([!^]?)([A-Za-z0-9_.]+(?:-[A-Za-z0-9])?)+\]", text[at:])
            if not found or any(quote for _, quote in letters[at : at + found.end()]):
                raise Unclear(text, "such a [")
            out.append(found[0].replace("[!", "[^").replace(".", "\\."))
            at += found.end()
            continue
        out.append({"*": ".*", "?": "."}[letter] if not quoted and letter in "*?" else re.escape(letter))
        at += 1
    if len(text) > MAX_PATTERN:
        raise Unclear(text, "it is too long")
    try:
        return Pattern("^(?s:" + "".join(out) + ")$", False, True)
    except re2.error as error:
        raise Unclear(text, str(error)) from error
