"""Reads a shell command as bash would: words, variables, loops, pipes; then each program says what it does.

Nothing is run. Every branch is followed, because a transcript seldom shows which was taken; what cannot be known stays
`UNKNOWN` and matches nothing. The grammar is tree-sitter's for bash.
"""

import re
from typing import TYPE_CHECKING

from offswitch.measure.shell.call import Call
from offswitch.measure.shell.effect import MAX_DEPTH, UNKNOWN, Kind
from offswitch.measure.shell.runs import run
from offswitch.measure.shell.session import Session

if TYPE_CHECKING:
    from tree_sitter import Node

MAX_TURNS = 40
"""Turns of one loop that are followed."""
MAX_BRACED = 1_000
"""Characters of a word within which braces are opened."""
_BRACES = re.compile(r"^([^{}]*)\{([^{}]*,[^{}]*)\}([^{}]*)$")
_ESCAPE = re.compile(r"\\(.)", re.S)
_IN_QUOTES = re.compile(r'\\([$`"\\])')
_APPENDS = {">>", "&>>"}
_WRITES = {">", ">|", "&>", *_APPENDS}


def interpret(text: str, session: Session) -> str | None:
    """Follow a command; its effects go into the session. Returns what it would print, where that is known."""
    if session.depth >= MAX_DEPTH:
        session.cut = True
        return None
    from offswitch.world.code.plan import parser

    session.depth += 1
    root = parser().parse(text.encode("utf-8", "replace")).root_node
    try:
        return _Walk(session).block(root)
    finally:
        session.depth -= 1


class _Walk:
    """One pass over one tree."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.top = session.depth == 1

    def block(self, node: "Node", stdin: str | None = None) -> str | None:
        """All statements of a node in order; what they print together, or None."""
        printed: list[str | None] = [self.statement(child, stdin) for child in node.named_children]
        known = [part for part in printed if part is not None]
        return "".join(known) if known and len(known) == len(printed) else None

    def statement(self, node: "Node", stdin: str | None = None) -> str | None:
        if not self.session.spend():
            return None
        if self.top:
            self.session.line = node.end_point[0] + (1 if node.end_point[1] else 0)
        match node.type:
            case "command":
                return self.command(node, stdin)
            case "list":
                return self.chain(node)
            case "pipeline":
                return self.pipeline(node, stdin)
            case "redirected_statement":
                return self.redirected(node, stdin)
            case "variable_assignment" | "variable_assignments" | "declaration_command":
                self.assign(node)
            case "for_statement":
                self.loop(node)
            case "if_statement" | "while_statement" if _never(node):
                pass
            case "while_statement" if stdin is not None:
                self.reading(node, stdin)
            case "function_definition":
                self.define(node)
            case "subshell":
                return self.subshell(node, stdin)
            case "comment" | "heredoc_body" | "test_command" | "word" | "variable_name":
                pass
            case _:
                return self.block(node, stdin)
        return None

    def chain(self, node: "Node") -> str | None:
        """`a && b`: the right side needs the left one. `a || b`: it does not."""
        left, right = node.named_children[0], node.named_children[-1]
        before, first = self.session.needs, self.session.step
        one = self.statement(left)
        needed = any(child.type == "&&" for child in node.children)
        if _text(left).strip() in (("false",) if needed else ("true", ":")):
            return one
        if needed:
            self.session.needs = (*before, *range(first + 1, self.session.step + 1))
        two = self.statement(right)
        self.session.needs = before
        return None if one is None or two is None else one + two

    def pipeline(self, node: "Node", stdin: str | None) -> str | None:
        for child in node.named_children:
            stdin = self.statement(child, stdin)
        return stdin

    def subshell(self, node: "Node", stdin: str | None) -> str | None:
        here, variables = self.session.cwd, dict(self.session.variables)
        printed = self.block(node, stdin)
        self.session.cwd, self.session.variables = here, variables
        return printed

    def define(self, node: "Node") -> None:
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        if name is not None and body is not None:
            self.session.functions[_text(name)] = body

    def assign(self, node: "Node") -> None:
        for child in [node] if node.type == "variable_assignment" else node.named_children:
            if child.type == "variable_assignment":
                name, value = self.pair(child)
                self.session.variables[name] = value
                if node.type == "declaration_command":
                    self.session.add(Kind.ENV, f"{name}={value}", "export")

    def pair(self, node: "Node") -> tuple[str, str]:
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        return _text(name) if name is not None else "", self.word(value) if value is not None else ""

    def loop(self, node: "Node") -> None:
        name, body = node.child_by_field_name("variable"), node.child_by_field_name("body")
        if name is None or body is None:
            return
        values = [word for child in node.children_by_field_name("value") for word in self.words(child)]
        for value in (values or [UNKNOWN])[:MAX_TURNS]:
            if self.session.budget < 0:
                break
            self.session.variables[_text(name)] = value
            self.block(body)

    def reading(self, node: "Node", stdin: str) -> None:
        """`while read NAME` over text that is known; any other condition as it stands."""
        condition, body = node.child_by_field_name("condition"), node.child_by_field_name("body")
        words = _text(condition).split() if condition is not None else []
        if body is None or "read" not in words[:3]:
            self.block(node, stdin)
            return
        for line in stdin.splitlines()[:MAX_TURNS]:
            if self.session.budget < 0:
                break
            self.session.variables[words[-1].rstrip(";")] = line.strip()
            self.block(body)

    def redirected(self, node: "Node", stdin: str | None) -> str | None:
        body = node.child_by_field_name("body")
        outs: list[tuple[str, str]] = []
        asides: list[tuple[str, str]] = []  # files that take something else than its output
        for child in node.children_by_field_name("redirect"):
            if child.type == "file_redirect":
                op = next((_text(part) for part in child.children if _text(part) in _WRITES or _text(part) == "<"), "")
                place = child.child_by_field_name("destination")
                mine = child.child_by_field_name("descriptor")
                if place is not None and op and _text(place) != "&1":
                    path = self.session.path(self.word(place))
                    stdin = self.session.files.get(path) if op == "<" else stdin
                    into = asides if mine is not None and _text(mine) != "1" else outs
                    into += [(op, path)] if op in _WRITES else []
            elif child.type == "heredoc_redirect":
                stdin = self.heredoc(child)
                outs += self.inside(child)
            elif child.type == "herestring_redirect" and child.named_children:
                stdin = self.word(child.named_children[0]) + "\n"
        printed = self.statement(body, stdin) if body is not None else ""
        if body is None:
            self.session.step += 1
        self.write(outs, printed, body)
        self.write(asides, None, body)
        self.after(node, printed)
        return "" if outs else printed

    def inside(self, node: "Node") -> list[tuple[str, str]]:
        """Redirects that stand after the heredoc's mark, as in `cat <<EOF > file`."""
        found = []
        for child in node.named_children:
            place = child.child_by_field_name("destination") if child.type == "file_redirect" else None
            if place is not None:
                op = ">>" if any(part.type == ">>" for part in child.children) else ">"
                found.append((op, self.session.path(self.word(place))))
        return found

    def after(self, node: "Node", printed: str | None) -> None:
        """Commands that stand after the heredoc's mark: `cat <<EOF | bash`, `cat <<EOF > f && chmod +x f`."""
        for heredoc in (child for child in node.children_by_field_name("redirect") if child.type == "heredoc_redirect"):
            for child in heredoc.named_children:
                if child.type == "pipeline":
                    self.pipeline(child, printed)
                elif child.type in ("command", "list", "redirected_statement"):
                    self.statement(child)

    def write(self, outs: list[tuple[str, str]], printed: str | None, body: "Node | None") -> None:
        name = _text(body).split(maxsplit=1)[0] if body is not None and _text(body).strip() else "bash"
        for op, path in outs:
            if path.startswith("/dev/"):
                continue
            sources = [e.target for e in self.session.effects if e.kind is Kind.READ and e.step == self.session.step]
            self.session.wrote(path, printed, "bash", append=op in _APPENDS)
            if printed is None and op not in _APPENDS and sources:
                self.session.derived(sources[0], path, changed=name != "cat")

    def heredoc(self, node: "Node") -> str:
        start = next((_text(c) for c in node.named_children if c.type == "heredoc_start"), "")
        body = next((c for c in node.named_children if c.type == "heredoc_body"), None)
        if body is None:
            return ""
        return _text(body) if start[:1] in ("'", '"', "\\") or not body.named_children else self.pieces(body)

    def command(self, node: "Node", stdin: str | None) -> str | None:
        words: list[str] = []
        given: dict[str, str] = {}
        for child in node.named_children:
            if child.type == "variable_assignment":
                name, value = self.pair(child)
                given[name] = value
            elif child.type == "herestring_redirect" and child.named_children:
                stdin = self.word(child.named_children[0]) + "\n"
            elif child.type == "command_name":
                words += self.words(child.named_children[0] if child.named_children else child)
            elif child.type not in ("file_redirect", "heredoc_redirect", "comment"):
                words += self.words(child)
        self.session.step += 1
        if not words:
            return ""
        for name, value in given.items():
            self.session.add(Kind.ENV, f"{name}={value}", words[0])
        body = self.session.functions.get(words[0])
        if body is not None and self.session.depth < MAX_DEPTH:
            return self.function(body, words)
        return run(Call(tuple(words), stdin), self.session, interpret)

    def function(self, body: object, words: list[str]) -> str | None:
        self.session.depth += 1
        for i, word in enumerate(words):
            self.session.variables[str(i)] = word
        self.session.variables["@"] = " ".join(words[1:])
        try:
            return self.block(body)  # type: ignore[arg-type]  # functions hold nodes, which the session need not know
        finally:
            self.session.depth -= 1

    def words(self, node: "Node") -> list[str]:
        """A word after splitting and braces; quoted text stays one word."""
        text = self.word(node)
        if node.type in ("string", "raw_string", "ansi_c_string"):
            return text.split() if _text(node).endswith('[@]}"') else [text]
        if len(text) < MAX_BRACED and (found := _BRACES.match(text)):
            return [found[1] + part + found[3] for part in found[2].split(",")]
        if node.type in ("simple_expansion", "expansion", "command_substitution"):
            return text.split()
        return [text]

    def word(self, node: "Node") -> str:
        match node.type:
            case "raw_string":
                return _text(node)[1:-1]
            case "ansi_c_string":
                return _text(node)[2:-1].replace("\\n", "\n").replace("\\t", "\t").replace("\\'", "'")
            case "string":
                return self.pieces(node, 1)
            case "string_content":
                return _IN_QUOTES.sub(r"\1", _text(node))
            case "concatenation" | "command_name":
                return "".join(self.word(child) for child in node.named_children) if node.named_children else _plain(node)
            case "simple_expansion" | "expansion":
                return self.variable(node)
            case "array":
                return " ".join(word for child in node.named_children for word in self.words(child))
            case "command_substitution":
                return self.substitution(node)
            case "process_substitution":
                return self.piped(node)
            case "arithmetic_expansion":
                return UNKNOWN
            case _:
                return _plain(node)

    def pieces(self, node: "Node", trim: int = 0) -> str:
        """Text with expansions in it: what lies between the children is kept as it stands."""
        raw = node.text or b""
        at, found = trim, []
        for child in node.named_children:
            start, end = child.start_byte - node.start_byte, child.end_byte - node.start_byte
            found += [_decoded(raw[at:start]), self.word(child)]
            at = end
        found.append(_decoded(raw[at : len(raw) - trim]))
        return "".join(found)

    def variable(self, node: "Node") -> str:
        if not node.named_children:
            return self.session.variables.get(_text(node).strip("${}"), UNKNOWN)
        first = node.named_children[0]
        if first.type == "subscript":
            return self.session.variables.get(_text(first).partition("[")[0], UNKNOWN)
        name = _text(first)
        if name == "PWD":
            return self.session.cwd
        if name == "HOME":
            return self.session.home
        value = self.session.variables.get(name)
        more = _text(node).removeprefix("${").removesuffix("}")[len(name) :] if node.type == "expansion" else ""
        if value is None:
            return more[2:] if more[:2] in (":-", ":=") else UNKNOWN
        if more[:1] == "%":
            return value.removesuffix(more.lstrip("%"))
        if more[:1] == "#":
            return value.removeprefix(more.lstrip("#"))
        return value if not more or more[:1] == ":" else UNKNOWN

    def piped(self, node: "Node") -> str:
        """`<(...)` is a file that holds what is printed."""
        path = f"/dev/fd/{63 + self.session.step}"
        printed = self.substitution(node)
        if UNKNOWN not in printed:
            self.session.files[path] = printed
        return path

    def substitution(self, node: "Node") -> str:
        here, variables = self.session.cwd, dict(self.session.variables)
        printed = self.block(node)
        self.session.cwd, self.session.variables = here, variables
        return UNKNOWN if printed is None else printed.rstrip("\n")


def _never(node: "Node") -> bool:
    """Whether its condition is `false` and it has no other branch."""
    condition = node.child_by_field_name("condition")
    other = any(child.type in ("else_clause", "elif_clause") for child in node.named_children)
    return condition is not None and _text(condition).strip(" ;") == "false" and not other


def _text(node: "Node") -> str:
    return _decoded(node.text or b"")


def _plain(node: "Node") -> str:
    return _ESCAPE.sub(r"\1", _text(node))


def _decoded(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
