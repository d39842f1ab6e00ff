"""Commands that write, pass on, cut off or count text."""

import re

from offswitch.world.code.call import Body, Call
from offswitch.world.code.machine import why

ESCAPES = {"n": "\n", "t": "\t", "\\": "\\", "a": "\a", "b": "\b", "r": "\r", "f": "\f", "v": "\v"}


def unescaped(call: Call, text: str, extra: str = "") -> str:
    """Backslash escapes of one letter; numbers and \\c are refused."""

    def one(found: "re.Match[str]") -> str:
        if found[1] in extra and extra:
            return found[1]
        if found[1] not in ESCAPES:
            call.refuse(f"escape \\{found[1]}")
        return ESCAPES[found[1]]

    return re.sub(r"\\(.?)", one, text, flags=re.DOTALL)


def echo(call: Call) -> int:
    words, end, escapes = list(call.args), "\n", False
    while words and re.fullmatch("-[neE]+", words[0]):
        flag = words.pop(0)
        end = "" if "n" in flag else end
        for letter in flag:
            escapes = letter == "e" if letter in "eE" else escapes
    text = " ".join(words)
    call.say((unescaped(call, text) if escapes else text) + end)
    return 0


def printf(call: Call) -> int:
    """%s, %d and %% with width; the format is used again while words are left."""
    words = call.args[1:] if call.args[:1] == ["--"] else list(call.args)
    if not words or (words[0].startswith("-") and len(words[0]) > 1):
        call.refuse("call without a format, or options")
    shape = unescaped(call, words.pop(0), '"')
    holes = re.findall(r"%(?:%|(-?)(0?)(\d{0,2})([sd]))", shape)
    if shape.count("%") != sum(1 if hole[3] else 2 for hole in holes):
        call.refuse("format but %s, %d and %% with a width")
    while True:
        parts: list[str] = []
        at = 0
        for found in re.finditer(r"%(?:%|(-?)(0?)(\d{0,2})([sd]))", shape):
            parts += [shape[at : found.start()], _hole(call, found, words)]
            at = found.end()
        call.say("".join(parts) + shape[at:])
        if not words or not any(hole[3] for hole in holes):
            return 0


def _hole(call: Call, found: "re.Match[str]", words: list[str]) -> str:
    if not found[4]:
        return "%"
    word = words.pop(0) if words else ("0" if found[4] == "d" else "")
    if found[4] == "d":
        if not re.fullmatch(r"-?(0|[1-9]\d{0,17})", word, re.ASCII):
            call.refuse(f"%d of {word!r}")
        word = str(int(word))
    elif found[2] or (not word.isascii() and found[3]):
        call.refuse("such a width")
    width = int(found[3] or 0)
    if found[1]:
        return word.ljust(width)
    return word.zfill(width) if found[2] else word.rjust(width)


def cat(call: Call) -> int:
    options, paths = call.options("n")
    status, count, fresh = 0, 0, True
    for _, text in call.inputs(paths):
        if text is None:
            status = 1
        elif "n" not in options:
            call.say(text)
        else:
            for line in re.findall(r"[^\n]*\n|[^\n]+", text):
                call.machine.meter.spend(1)
                count += fresh
                call.say(f"{count:6d}\t{line}" if fresh else line)
                fresh = line.endswith("\n")
    return status


def _old_count(call: Call) -> None:
    """head -5 is head -n 5."""
    if call.args and re.fullmatch(r"-\d+", call.args[0], re.ASCII):
        call.args[:1] = ["-n", call.args[0][1:]]


def _ends(call: Call, cut: "type[Head] | type[Tail]") -> int:
    _old_count(call)
    options, paths = call.options("q", "nc")
    if "n" in options and "c" in options:
        call.refuse("-n and -c together")
    end = cut(call, options.get("c", options.get("n", "10")), "c" in options)
    status, headed = 0, False
    for path, text in call.inputs(paths):
        if text is None:
            status = 1
            continue
        if len(paths) > 1 and "q" not in options:
            call.say(f"{chr(10) if headed else ''}==> {'standard input' if path == '-' else path} <==\n")
            headed = True
        units = list(call.ascii(text, "bytes")) if "c" in options else re.findall(r"[^\n]*\n|[^\n]+", text)
        call.machine.meter.spend(len(units) // 4)
        call.say("".join(end.of(units)))
    return status


class Head:
    """The first so many, or all but the last so many for a negative number."""

    def __init__(self, call: Call, text: str, _: bool) -> None:
        self.drop = text.startswith("-")
        self.count = call.number(text.removeprefix("-"), "count")

    def of(self, units: list[str]) -> list[str]:
        return units[: max(0, len(units) - self.count)] if self.drop else units[: self.count]


class Tail:
    """The last so many, or all from the so-manieth for a number with +."""

    def __init__(self, call: Call, text: str, _: bool) -> None:
        self.start = text.startswith("+")
        self.count = call.number(text.removeprefix("+").removeprefix("-"), "count")

    def of(self, units: list[str]) -> list[str]:
        if self.start:
            return units[max(0, self.count - 1) :]
        return units[len(units) - min(len(units), self.count) :]


def head(call: Call) -> int:
    return _ends(call, Head)


def tail(call: Call) -> int:
    return _ends(call, Tail)


def wc(call: Call) -> int:
    """Lines, words, characters and bytes, laid out as coreutils does."""
    options, paths = call.options("lwcm")
    kinds = [kind for kind in "lwmc" if kind in options] or ["l", "w", "c"]
    rows: list[tuple[list[int], str]] = []
    status = 0
    for path, text in call.inputs(paths):
        if text is None:
            status = 1
            continue
        if "w" in kinds:
            call.ascii(text, "words")
        sizes = {"l": text.count("\n"), "w": len(text.split()), "m": len(text), "c": len(text.encode())}
        rows.append(([sizes[kind] for kind in kinds], path if paths else ""))
    if len(paths) > 1:
        rows.append(([sum(row[at] for row, _ in rows) for at in range(len(kinds))], "total"))
    width = 1
    if len(kinds) > 1 or len(paths) > 1:
        if (status and len(paths) > 1) or "/dev/null" in paths:
            call.refuse("layout for such files")
        if "-" in paths or (not paths and not call.stdin_is_file):
            width = 7
        else:
            width = len(str(sum(len((call.read(path) or "").encode()) for path in paths or ["-"])))
    for row, name in rows:
        call.say(" ".join(f"{size:{width}d}" for size in row) + (f" {name}" if name else "") + "\n")
    return status


def tee(call: Call) -> int:
    options, paths = call.options("a")
    for path in paths:
        if path == "/dev/null":
            continue
        try:
            before = call.machine.read(path) if "a" in options and call.machine.is_file(path) else ""
            call.machine.write(path, before + call.stdin)
        except OSError as error:
            call.complain(f"{path}: {why(error)}")
            continue
        call.touch(call.machine.place(path), True)
    call.say(call.stdin)
    return int(bool(call.err))


def xargs(call: Call) -> int:
    """Words or lines (-I) become arguments of one command."""
    words = list(call.args)
    replace, batch, skip_empty = "", 0, False
    while words and words[0].startswith("-"):
        flag = words.pop(0)
        if flag[:2] in ("-I", "-n") and (flag[2:] or words):
            value = flag[2:] or words.pop(0)
            replace, batch = (value, batch) if flag[1] == "I" else (replace, call.number(value, "count"))
        elif flag == "-r":
            skip_empty = True
        else:
            call.refuse(f"option {flag}")
    if re.search(r"['\"\\]", call.stdin) or not call.stdin.isascii() or (replace and batch):
        call.refuse("quotes in what it reads, or -I with -n")
    given = [line.strip(" \t") for line in call.lines(call.stdin)] if replace else call.stdin.split()
    given = [word for word in given if word]
    command = words or ["echo"]
    if replace:
        runs = [[word.replace(replace, item) for word in command] for item in given]
    else:
        size = batch or max(1, len(given))
        runs = [[*command, *given[at : at + size]] for at in range(0, len(given), size)]
        if not given and not skip_empty:
            runs = [command]
    status = 0
    for run in runs:
        done = call.run(run, "")
        call.out += done.out
        call.err += done.err
        status = 123 if done.args[0] != "0" else status
    return status


def true(call: Call) -> int:
    return 0


def false(call: Call) -> int:
    return 1


COMMANDS: dict[str, Body] = {
    "echo": echo, "printf": printf, "cat": cat, "head": head, "tail": tail, "wc": wc, "tee": tee, "xargs": xargs,
    "true": true, "false": false, ":": true,
}  # fmt: skip
