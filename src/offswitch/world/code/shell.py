"""Runs a command line in memory: pipes, redirects, variables, globs. It refuses what it does not have, and never guesses."""

import re
from typing import TYPE_CHECKING

from offswitch.world.code import filters, looking, moving, processes, searching, stream
from offswitch.world.code.call import Body, Call
from offswitch.world.code.machine import MAX_TEXT, Machine, sound, why
from offswitch.world.code.pattern import glob
from offswitch.world.code.plan import Command, For, If, Piece, Pipeline, Redirect, Sequence, Stage, Word, plan, refuse
from offswitch.world.tool import ToolError

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMANDS: "Mapping[str, Body]" = {
    name: body
    for app in (filters, looking, moving, processes, searching, stream)
    for name, body in sorted(app.COMMANDS.items())
}
MAX_WORDS = 2_000


class Shell:
    """One command line's variables, streams and status."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.variables: dict[str, str] = {}
        self.status = 0
        self.touched: dict[str, set[tuple[float, bool]]] = {}
        self.stage_now = 0.0

    def execute(self, command: str) -> tuple[str, str, int]:
        """(standard output, standard error, exit status). Raises `ToolError` for a refusal."""
        found = plan(sound(command, "the command"))
        if not found.parts:
            raise ToolError("the command is empty")
        out: list[str] = []
        err: list[str] = []
        self.sequence(found, out, err)
        return sound("".join(out), "the output"), sound("".join(err), "the output"), self.status

    def sequence(self, parts: Sequence, out: list[str], err: list[str]) -> None:
        if not parts.parts:
            raise refuse("empty part there")
        for how, pipeline in parts.parts:
            if (how == "&&" and self.status != 0) or (how == "||" and self.status == 0):
                continue
            self.pipeline(pipeline, out, err)

    def pipeline(self, line: Pipeline, out: list[str], err: list[str]) -> None:
        """Each stage runs to its end before the next; what could differ in a real pipe is refused."""
        outer, stage, variables = self.touched, self.stage_now, self.variables
        self.touched = {}
        stdin: str | None = None
        for index, part in enumerate(line.stages):
            self.stage_now = float(index)
            self.variables = dict(variables) if len(line.stages) > 1 else variables
            here: list[str] = []
            self.stage(part, stdin, here, err)
            stdin = sound("".join(here), "what is piped")
        out.append(stdin or "")
        self.variables = variables
        if line.negated:
            self.status = int(self.status == 0)
        for path, uses in self.touched.items():
            if len({place for place, _ in uses}) > 1 and any(write for _, write in uses):
                raise ToolError(f"{path} is read and written in one pipe, and their order is not certain; use two commands")
            outer.setdefault(path, set()).update((stage, write) for _, write in uses)
        self.touched, self.stage_now = outer, stage

    def stage(self, stage: Stage, piped: str | None, out: list[str], err: list[str]) -> None:
        """Open the redirects, run, and put what was written where it belongs."""
        self.machine.meter.spend(25)
        body = stage.body
        words = self.words(body.words, err) if isinstance(body, Command) else []
        ends: dict[int, int | str] = {1: 1, 2: 2}
        stdin, is_file = piped, False
        for redirect in stage.redirects:
            if redirect.operator == ">&":
                ends[redirect.descriptor] = ends[int(redirect.target[0].text)]
                continue
            try:
                text = self.open(redirect, ends)
            except OSError as error:
                err.append(f"shell: {error}: {why(error)}\n")
                self.status = 1
                return
            if text is not None:
                stdin, is_file = text, True
        here: list[str] = []
        wrong: list[str] = []
        if isinstance(body, Command):
            self.simple(body, words, stdin or "", is_file, here, wrong)
        elif stdin is not None:
            raise refuse("pipe into if or for")
        else:
            self.block(body, here, wrong)
        self.deliver("".join(here), "".join(wrong), ends, out, err)

    def open(self, redirect: Redirect, ends: dict[int, int | str]) -> str | None:
        """Empty the file of a > at once, as a shell does; the text of a < or <<."""
        if redirect.operator == "<<":
            return "".join(self.expand(redirect.target, False, []))
        fields = self.expand(redirect.target, True, [])
        if len(fields) != 1:
            raise refuse("redirect to anything but one file")
        path = fields[0]
        if (redirect.operator == "<") != (redirect.descriptor == 0):
            raise refuse(f"redirect {redirect.descriptor}{redirect.operator}")
        if redirect.operator == "<":
            text = "" if path == "/dev/null" else self.machine.read(path)
            if path != "/dev/null":
                self.touched.setdefault(self.machine.place(path), set()).add((self.stage_now, False))
            return text
        ends[redirect.descriptor] = path
        if path != "/dev/null":
            key = self.machine.check_write(path)
            if redirect.operator == ">" or not self.machine.is_file(path):
                self.machine.write(path, "")
            self.touched.setdefault(key, set()).add((self.stage_now + 0.5, True))
        return None

    def touch(self, key: str, write: bool) -> None:
        self.touched.setdefault(key, set()).add((self.stage_now, write))

    def deliver(self, said: str, wrong: str, ends: dict[int, int | str], out: list[str], err: list[str]) -> None:
        """Output and errors go to the terminal's streams or to files."""
        if ends[1] == ends[2] and said and wrong and ends[1] != "/dev/null":
            raise ToolError("output and errors go to one place here, and their order is not certain; send them apart")
        for text, end in ((said, ends[1]), (wrong, ends[2])):
            if end == 1:
                out.append(text)
            elif end == 2:
                err.append(text)
            elif isinstance(end, str) and end != "/dev/null" and text:
                self.machine.write(end, self.machine.read(end) + text)

    def simple(self, body: Command, words: list[str], stdin: str, is_file: bool, out: list[str], err: list[str]) -> None:
        if not words:
            self.status = 0
        for name, value in body.assignments:
            self.variables[name] = "".join(self.expand(value, False, err))
        if words:
            done = self.command(words, stdin, is_file)
            out += done.out
            err += done.err

    def block(self, body: If | For, out: list[str], err: list[str]) -> None:
        if isinstance(body, For):
            self.status = 0
            for value in self.words(body.words, err):
                self.variables[body.name] = value
                self.sequence(body.body, out, err)
            return
        for condition, then in body.branches:
            self.sequence(condition, out, err)
            if self.status == 0:
                self.sequence(then, out, err)
                return
        self.status = 0
        if body.otherwise.parts:
            self.sequence(body.otherwise, out, err)

    def command(self, words: list[str], stdin: str, is_file: bool) -> Call:
        """Run one command with its words. `ToolError` if there is no such command."""
        found = COMMANDS.get(words[0])
        if found is None:
            raise ToolError(f"this shell has no {words[0][:80]}; it has: {', '.join(sorted(COMMANDS))}")
        call = Call(words[0], words[1:], stdin, is_file, self.machine, self.inner, self.touch)
        self.machine.meter.spend(20 + sum(map(len, words)) // 20)
        try:
            self.status = found(call)
        except OSError as error:
            self.status = call.complain(f"{error}: {why(error)}")
        if sum(map(len, call.out)) > MAX_TEXT:
            raise ToolError(f"{words[0]} writes more than {MAX_TEXT} characters")
        return call

    def inner(self, words: list[str], stdin: str) -> Call:
        if words[0] == "xargs":
            raise refuse("xargs inside xargs")
        kept = self.status
        call = self.command(words, stdin, False)
        call.args = [str(self.status)]
        self.status = kept
        return call

    def words(self, words: tuple[Word, ...], err: list[str]) -> list[str]:
        found = [field for word in words for field in self.expand(word, True, err)]
        if len(found) > MAX_WORDS:
            raise ToolError(f"the command has more than {MAX_WORDS} words")
        return found

    def expand(self, word: Word, split: bool, err: list[str]) -> list[str]:
        """Values in, then split at blanks, then matched with file names; only what was not quoted is."""
        if len(word) == 1 and word[0].kind == "text" and (word[0].quoted or not re.search(r"[*?[]", word[0].text)):
            return [word[0].text]
        fields: list[list[tuple[str, bool]]] = []
        fresh = True
        for piece in word:
            text = self.value(piece, err)
            self.machine.meter.spend(1 + len(text) // 50)
            if piece.kind == "text" or piece.quoted or not split:
                if fresh:
                    fields.append([])
                fields[-1].append((text, piece.quoted))
                fresh = False
                continue
            runs = [run for run in re.split(r"[ \t\n]+", text) if run]
            if text[:1] in (" ", "\t", "\n") and text:
                fresh = True
            for index, run in enumerate(runs):
                if index or fresh:
                    fields.append([])
                fields[-1].append((run, False))
                fresh = False
            fresh = fresh or (text[-1:] in (" ", "\t", "\n") and bool(text))
        return [name for field in fields for name in self.match(field, split)]

    def value(self, piece: Piece, err: list[str]) -> str:
        if piece.kind == "text":
            return piece.text
        if piece.kind == "variable":
            if piece.text == "?":
                return str(self.status)
            if piece.text not in self.variables:
                raise ToolError(f"the variable {piece.text} is not set; this shell knows only those set in the same command")
            return self.variables[piece.text]
        out: list[str] = []
        variables, self.variables = self.variables, dict(self.variables)
        assert piece.inner is not None
        self.sequence(piece.inner, out, err)
        self.variables = variables
        return sound("".join(out), "the output").rstrip("\n")

    def match(self, field: list[tuple[str, bool]], split: bool) -> list[str]:
        plain = "".join(text for text, _ in field)
        if not split or not any(not quoted and re.search(r"[*?[]", text) for text, quoted in field):
            return [plain]
        return glob(self.machine, field) or [plain]
