"""One command as the shell runs it: words in, text out, and a refusal for every option it does not have."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NoReturn

from offswitch.world.code.machine import Machine, why
from offswitch.world.tool import ToolError


@dataclass(slots=True)
class Call:
    """A running command."""

    name: str
    args: list[str]
    stdin: str
    stdin_is_file: bool
    """Some commands lay out their figures otherwise for a file."""
    machine: Machine
    run: "Callable[[list[str], str], Call]"
    """Run another command, for xargs."""
    touch: Callable[[str, bool], None]
    """Tells the pipeline that a path is read (False) or written (True)."""
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.machine.meter.spend(1 + len(text) // 50)
        self.out.append(text)

    def complain(self, text: str) -> int:
        """A line on the error stream; returns status 1."""
        self.machine.meter.spend(1)
        self.err.append(f"{self.name}: {text}\n")
        return 1

    def refuse(self, what: str) -> NoReturn:
        raise ToolError(f"{self.name} here has no {what}; nothing was changed")

    def options(self, flags: str, valued: str = "") -> tuple[dict[str, str], list[str]]:
        """Short options and the other words. `flags` stand alone, `valued` take a value; any other is refused by name."""
        found: dict[str, str] = {}
        rest: list[str] = []
        queue = list(self.args)
        while queue:
            word = queue.pop(0)
            if word == "--":
                rest += queue
                break
            if word.startswith("--") or (word.startswith("-") and len(word) > 1 and word[1] not in flags + valued):
                self.refuse(f"option {word}")
            if not word.startswith("-") or word == "-":
                rest.append(word)
                continue
            for at, letter in enumerate(word[1:], 1):
                if letter in valued:
                    value = word[at + 1 :] or (queue.pop(0) if queue else self.refuse(f"-{letter} without a value"))
                    if letter in found:
                        self.refuse(f"second -{letter}")
                    found[letter] = value
                    break
                if letter not in flags:
                    self.refuse(f"option -{letter}")
                found[letter] = ""
        return found, rest

    def read(self, path: str) -> str | None:
        """A file's text, "-" being what is piped in; None after complaining."""
        if path == "-":
            return self.stdin
        if path == "/dev/null":
            return ""
        try:
            text = self.machine.read(path)
        except OSError as error:
            self.complain(f"{path}: {why(error)}")
            return None
        self.touch(self.machine.place(path), False)
        return text

    def inputs(self, paths: list[str]) -> Iterator[tuple[str, str | None]]:
        """Each named file, or what is piped in where none is named."""
        for path in paths or ["-"]:
            yield path, self.read(path)

    def lines(self, text: str) -> list[str]:
        """Lines without their ends; each costs a step."""
        found = text.split("\n")
        if found[-1] == "":
            found.pop()
        self.machine.meter.spend(len(found))
        return found

    def number(self, text: str, what: str) -> int:
        """A plain count below a million; anything else is refused."""
        if not (text.isascii() and text.isdigit() and len(text) <= 6):
            self.refuse(f"{what} {text!r}")
        return int(text)

    def ascii(self, text: str, what: str) -> str:
        """The text, refused if it has letters that other machines may cut or class differently."""
        if not text.isascii():
            self.refuse(f"{what} of text beyond ASCII")
        return text


Body = Callable[[Call], int]
"""Returns the exit status."""
