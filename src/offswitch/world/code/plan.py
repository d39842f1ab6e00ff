"""A command line as data: tree-sitter's tree turned into the few shapes that the shell runs; the rest is refused by name."""

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise

import tree_sitter_bash
from tree_sitter import Language, Node, Parser

from offswitch.world.tool import ToolError

MAX_COMMAND = 10_000
MAX_DEPTH = 20


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a word: text, a variable's value or a command's output."""

    text: str
    """The text itself, or the variable's name."""
    quoted: bool
    kind: str = "text"
    """text, variable or command."""
    inner: "Sequence | None" = None


Word = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Redirect:
    descriptor: int
    """0, 1 or 2."""
    operator: str
    """<, >, >>, >& (join the other stream) or << (the target is the text itself)."""
    target: Word


@dataclass(frozen=True, slots=True)
class Command:
    assignments: tuple[tuple[str, Word], ...]
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    body: "Command | If | For"
    redirects: tuple[Redirect, ...] = ()


@dataclass(frozen=True, slots=True)
class Pipeline:
    stages: tuple[Stage, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Sequence:
    parts: tuple[tuple[str, Pipeline], ...]
    """What joins it to the part before (;, && or ||), and the part."""


@dataclass(frozen=True, slots=True)
class If:
    branches: tuple[tuple[Sequence, Sequence], ...]
    otherwise: Sequence


@dataclass(frozen=True, slots=True)
class For:
    name: str
    words: tuple[Word, ...]
    body: Sequence


NAMES = {
    "while_statement": "while loops", "case_statement": "case", "subshell": "subshells ( )",
    "compound_statement": "groups { }",
    "function_definition": "functions", "c_style_for_statement": "for (( ))", "declaration_command": "declare or export",
    "unset_command": "unset", "process_substitution": "<( )", "&": "jobs in the background (&)", "|&": "|&",
    "ERROR": "such syntax", "herestring_redirect": "<<<", "comment": "comments here",
}  # fmt: skip
WORDS = {
    "word", "string", "raw_string", "concatenation", "simple_expansion", "expansion", "number", "command_substitution",
    "arithmetic_expansion", "ansi_c_string", "brace_expression", "extglob_pattern", "regex", "test_operator",
}  # fmt: skip


def refuse(what: str) -> ToolError:
    return ToolError(f"this shell has no {NAMES.get(what, what)}; nothing was run")


@cache
def parser() -> Parser:
    """The grammar of bash, for whoever reads a command."""
    return Parser(Language(tree_sitter_bash.language()))


@lru_cache(maxsize=256)
def plan(command: str) -> Sequence:
    """Parse a command line. Raises `ToolError` for what the subset does not hold."""
    if len(command) > MAX_COMMAND:
        raise ToolError(f"the command is longer than {MAX_COMMAND} characters")
    if "\r" in command:
        raise ToolError("the command has a carriage return in it")
    source = command.encode()
    root = parser().parse(source).root_node
    if root.has_error:
        raise ToolError("the command cannot be parsed: check quotes and brackets; nothing was run")
    return Reader(source).sequence(root.children, 0)


class Reader:
    """One source text, and how its nodes become shapes."""

    def __init__(self, source: bytes) -> None:
        self.source = source

    def text(self, start: int, end: int) -> str:
        return self.source[start:end].decode()

    def sequence(self, nodes: list[Node], depth: int) -> Sequence:
        """Statements with their separators."""
        if depth > MAX_DEPTH:
            raise ToolError("the command is nested too deep")
        parts: list[tuple[str, Pipeline]] = []
        for node in nodes:
            if node.type in (";", "\n", "comment"):
                continue
            parts += self.joined(node, ";", depth + 1)
        return Sequence(tuple(parts))

    def joined(self, node: Node, how: str, depth: int) -> list[tuple[str, Pipeline]]:
        """A statement, or a list of them joined by && and ||."""
        if depth > MAX_DEPTH:
            raise ToolError("the command is nested too deep")
        if node.type == "redirected_statement" and node.children[0].type == "list":
            return self.redirected_list(node, how, depth)
        if node.type != "list":
            return [(how, self.pipeline(node, depth))]
        left, operator, right = node.children
        return [*self.joined(left, how, depth + 1), *self.joined(right, operator.type, depth + 1)]

    def redirected_list(self, node: Node, how: str, depth: int) -> list[tuple[str, Pipeline]]:
        """The tree hangs a redirect over a whole list; it belongs to the last command."""
        redirects: list[Redirect] = []
        tail: list[Stage] = []
        for child in node.children[1:]:
            self.redirect(child, redirects, tail, depth)
        *before, (joint, last) = self.joined(node.children[0], how, depth + 1)
        stage = Stage(last.stages[-1].body, (*last.stages[-1].redirects, *redirects))
        return [*before, (joint, Pipeline((*last.stages[:-1], stage, *tail), last.negated))]

    def pipeline(self, node: Node, depth: int) -> Pipeline:
        if node.type == "negated_command":
            inner = self.pipeline(node.children[-1], depth + 1)
            return Pipeline(inner.stages, not inner.negated)
        redirects: list[Redirect] = []
        tail: list[Stage] = []
        if node.type == "redirected_statement":
            body = [child for child in node.children if not child.type.endswith("_redirect")]
            for child in node.children:
                if child.type.endswith("_redirect"):
                    self.redirect(child, redirects, tail, depth)
            if not body:
                return Pipeline((Stage(Command((), ()), tuple(redirects)), *tail))
            node = body[0]
        if node.type == "pipeline":
            stages = [
                stage for child in node.children if child.type != "|" for stage in self.pipeline(child, depth + 1).stages
            ]
            if any(child.type == "negated_command" for child in node.children[1:]):
                raise refuse("! inside a pipeline")
            negated = node.children[0].type == "negated_command"
        elif node.type in ("negated_command", "redirected_statement"):
            inner = self.pipeline(node, depth + 1)
            stages, negated = list(inner.stages), inner.negated
        else:
            stages, negated = [Stage(self.body(node, depth))], False
        stages[-1] = Stage(stages[-1].body, (*stages[-1].redirects, *redirects))
        return Pipeline((*stages, *tail), negated)

    def redirect(self, node: Node, redirects: list[Redirect], tail: list[Stage], depth: int) -> None:
        if node.type == "heredoc_redirect":
            return self.heredoc(node, redirects, tail, depth)
        if node.type != "file_redirect":
            raise refuse(node.type)
        children = list(node.children)
        descriptor = self.text(children[0].start_byte, children[0].end_byte) if children[0].type == "file_descriptor" else ""
        operator, *targets = children[1:] if descriptor else children
        if operator.type not in ("<", ">", ">>", ">&", "&>") or len(targets) != 1 or descriptor not in ("", "0", "1", "2"):
            raise refuse(f"redirect {self.text(node.start_byte, node.end_byte)}")
        target = self.word(targets[0], depth)
        if operator.type == ">&":
            joins = (descriptor or "1") + ">&" + "".join(piece.text for piece in target)
            if joins not in ("2>&1", "1>&2"):
                raise refuse(f"redirect {joins}")
        if operator.type == "&>":
            redirects += [Redirect(1, ">", target), Redirect(2, ">&", (Piece("1", False),))]
        else:
            redirects.append(Redirect(int(descriptor or (0 if operator.type == "<" else 1)), operator.type, target))
        return None

    def heredoc(self, node: Node, redirects: list[Redirect], tail: list[Stage], depth: int) -> None:
        """The text up to its end mark; what follows on the first line hangs below this node too."""
        operator, mark = node.children[0], node.children[1]
        if operator.type != "<<" or mark.type != "heredoc_start":
            raise refuse(f"redirect {operator.type}")
        end = node.children[-1]
        first = self.source.find(b"\n", mark.end_byte) + 1
        if end.type != "heredoc_end" or first == 0:
            raise refuse("such a heredoc")
        raw = self.text(first, end.start_byte)
        name = self.text(mark.start_byte, mark.end_byte)
        quoted = name[0] in "'\""
        if (raw and not raw.endswith("\n")) or name.strip("'\"") != self.text(end.start_byte, end.end_byte) or "\\" in name:
            raise refuse("such a heredoc")
        if not quoted and re.search(r"[$`\\]", raw):
            body = Scanner(self, [n for n in node.children if n.type == "heredoc_body"], depth).quoted(raw, first, '"')
        else:
            body = (Piece(raw, True),)
        redirects.append(Redirect(0, "<<", body))
        for child in node.children[2:-1]:
            if child.type == "file_redirect":
                self.redirect(child, redirects, tail, depth)
            elif child.type == "pipeline":
                tail += [s for part in child.children if part.type != "|" for s in self.pipeline(part, depth + 1).stages]
            elif child.type != "heredoc_body":
                raise refuse("such a heredoc")

    def body(self, node: Node, depth: int) -> Command | If | For:
        if node.type == "command":
            return self.command(node, depth)
        if node.type == "variable_assignment":
            return Command((self.assignment(node, depth),), ())
        if node.type == "variable_assignments":
            return Command(tuple(self.assignment(child, depth) for child in node.children), ())
        if node.type == "test_command" and node.children[0].type == "[":
            inside = [self.word(leaf, depth) for child in node.children[1:-1] for leaf in self.leaves(child, depth)]
            return Command((), ((Piece("[", True),), *inside, (Piece("]", True),)))
        if node.type == "if_statement":
            return self.condition(node, depth)
        if node.type == "for_statement":
            return self.loop(node, depth)
        raise refuse(node.type)

    def leaves(self, node: Node, depth: int) -> list[Node]:
        """Words of a test, in order."""
        if depth > MAX_DEPTH:
            raise ToolError("the command is nested too deep")
        if node.type in ("unary_expression", "binary_expression", "negation_expression"):
            return [leaf for child in node.children for leaf in self.leaves(child, depth + 1)]
        return [node]

    def command(self, node: Node, depth: int) -> Command:
        assignments = tuple(self.assignment(child, depth) for child in node.children if child.type == "variable_assignment")
        words = [child for child in node.children if child.type != "variable_assignment"]
        words = [child.children[0] if child.type == "command_name" else child for child in words]
        for one, two in pairwise(words):
            if not re.fullmatch(rb"(?:[ \t]|\\\n)+", self.source[one.end_byte : two.start_byte]):
                raise refuse(f"such words: {self.text(one.start_byte, two.end_byte)}")
        if assignments and words:
            raise refuse("variables for one command (NAME=value command)")
        return Command(assignments, tuple(self.word(child, depth) for child in words))

    def assignment(self, node: Node, depth: int) -> tuple[str, Word]:
        name, equals, *value = node.children
        if name.type != "variable_name" or equals.type != "=" or len(value) > 1:
            raise refuse(f"assignment {self.text(node.start_byte, node.end_byte)}")
        return self.text(name.start_byte, name.end_byte), self.word(value[0], depth) if value else ()

    def condition(self, node: Node, depth: int) -> If:
        """if, then elif branches nested as nodes of their own, then else."""
        branches: list[tuple[Sequence, Sequence]] = []
        otherwise = Sequence(())
        head = [child for child in node.children if child.type not in ("elif_clause", "else_clause", "if", "fi")]
        parts = [head, *([c for c in n.children if c.type != "elif"] for n in node.children if n.type == "elif_clause")]
        for part in parts:
            then = next(index for index, child in enumerate(part) if child.type == "then")
            branches.append((self.sequence(part[:then], depth + 1), self.sequence(part[then + 1 :], depth + 1)))
        for child in node.children:
            if child.type == "else_clause":
                otherwise = self.sequence([part for part in child.children if part.type != "else"], depth + 1)
        return If(tuple(branches), otherwise)

    def loop(self, node: Node, depth: int) -> For:
        if node.children[0].type != "for" or node.children[2].type != "in":
            raise refuse("such a loop")
        words = tuple(self.word(child, depth) for child in node.children[3:] if child.type not in (";", "\n", "do_group"))
        name = self.text(node.children[1].start_byte, node.children[1].end_byte)
        group = [child for child in node.children[-1].children if child.type not in ("do", "done")]
        return For(name, words, self.sequence(group, depth + 1))

    def word(self, node: Node, depth: int) -> Word:
        if node.type in ("=", "==", "!=", "!"):
            return (Piece(node.type, True),)
        if node.type not in WORDS:
            raise refuse(node.type)
        return Scanner(self, [node], depth).word(self.text(node.start_byte, node.end_byte), node.start_byte)


class Scanner:
    """One word's own quotes, variables and commands, read from its text; the tree says only where inner commands end."""

    def __init__(self, reader: Reader, nodes: list[Node], depth: int) -> None:
        self.reader, self.nodes, self.depth = reader, nodes, depth

    def word(self, raw: str, start: int) -> Word:
        pieces: list[Piece] = []
        if re.fullmatch(r"[\w./:,%+=@^-]+", raw):
            return (Piece(raw, False),)
        if raw[0] == "~" or re.search(r"\{[^{}]*(,|\.\.)[^{}]*\}", re.sub(r"'[^']*'|\"[^\"]*\"|\\.", "", raw)):
            raise refuse("~ or {a,b}")
        at = 0
        while at < len(raw):
            letter = raw[at]
            if letter == "'":
                end = raw.index("'", at + 1)
                pieces.append(Piece(raw[at + 1 : end], True))
                at = end + 1
            elif letter == '"':
                end = self.closing(raw, at + 1, start)
                inner = raw[at + 1 : end]
                pieces += self.quoted(inner, start + len(raw[: at + 1].encode()), '"') or (Piece("", True),)
                at = end + 1
            elif letter == "\\":
                if raw[at + 1 : at + 2] != "\n":
                    pieces.append(Piece(raw[at + 1 : at + 2], True))
                at += 2
            elif letter == "$":
                piece, at = self.dollar(raw, at, start, False)
                pieces.append(piece)
            elif letter in "`|&;<>() \t\n":
                raise refuse(f"{letter!r} in a word")
            else:
                pieces.append(Piece(letter, False))
                at += 1
        return tuple(pieces)

    def closing(self, raw: str, at: int, start: int) -> int:
        """Where the double quote that opened before `at` ends."""
        while raw[at : at + 1] != '"':
            if at >= len(raw):
                raise refuse("such quotes")
            if raw[at] == "$":
                at = self.dollar(raw, at, start, True)[1]
            else:
                at += 2 if raw[at] == "\\" else 1
        return at

    def quoted(self, raw: str, start: int, special: str) -> Word:
        """What stands between double quotes, or in a heredoc."""
        pieces: list[Piece] = []
        at = plain = 0
        heredoc = self.nodes and self.nodes[0].type == "heredoc_body"
        while at < len(raw):
            letter = raw[at]
            if letter == "\\" and raw[at + 1 : at + 2] in ("$", "`", "\\", "\n", "" if heredoc else special):
                pieces.append(Piece(raw[plain:at] + raw[at + 1].replace("\n", ""), True))
                at = plain = at + 2
            elif letter == "`":
                raise refuse("backticks; use $( )")
            elif letter == "$":
                pieces.append(Piece(raw[plain:at], True))
                piece, at = self.dollar(raw, at, start, True)
                pieces.append(piece)
                plain = at
            else:
                at += 1
        return (*pieces, Piece(raw[plain:], True)) if plain < len(raw) else tuple(pieces)

    def dollar(self, raw: str, at: int, start: int, quoted: bool) -> tuple[Piece, int]:
        if found := re.compile(r"\$(?:\{([A-Za-z_]\w*|\?)\}|([A-Za-z_]\w*|\?))", re.ASCII).match(raw, at):
            return Piece(found[1] or found[2], quoted, "variable"), found.end()
        if raw.startswith("$(", at) and not raw.startswith("$((", at):
            place = start + len(raw[:at].encode())
            node = self.find(place)
            inner = self.reader.sequence(node.children[1:-1], self.depth + 1)
            return Piece("", quoted, "command", inner), at + len(self.reader.text(place, node.end_byte))
        if quoted and (at + 1 == len(raw) or raw[at + 1] in ' "\n.,;:)/'):
            return Piece("$", True), at + 1
        raise refuse(f"{raw[at : at + 3]}")

    def find(self, place: int) -> Node:
        """The inner command that begins at a byte; its opening token may carry the blanks before it."""
        queue = list(self.nodes)
        while queue:
            node = queue.pop()
            if node.type == "command_substitution":
                token = node.children[0]
                text = self.reader.source[token.start_byte : token.end_byte]
                if token.end_byte - 2 == place and text.strip() == b"$(":
                    return node
            queue += node.children
        raise refuse("such a $( )")
