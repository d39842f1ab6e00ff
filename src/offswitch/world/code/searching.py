"""Commands with patterns: grep and sed."""

import re
from dataclasses import dataclass
from typing import Any

from offswitch.world.code.call import Body, Call
from offswitch.world.code.machine import why
from offswitch.world.code.pattern import Pattern, Unclear, posix


def grep(call: Call) -> int:
    """Lines that match; below folders in byte order with -r."""
    options, words = call.options("EFGivnclLqshHrowx", "em")
    if "e" in options:
        words.insert(0, options["e"])
    if not words:
        call.refuse("call without a pattern")
    pattern, *paths = words
    if ("E" in options) + ("F" in options) + ("G" in options) > 1 or ("o" in options and {"w", "x", "v"} & set(options)):
        call.refuse("such options together")
    if {"w", "x"} <= set(options) or ("l" in options and "L" in options) or (not pattern and "w" in options):
        call.refuse("such options together")
    matcher = _matcher(pattern, options)
    many = len(paths) > 1 or "r" in options
    if "r" in options:
        paths = [path for top in paths or ["."] for path in _below(call, top, not words[1:])]
    named = ("H" in options or many) and "h" not in options
    if "r" not in options:
        for path in paths:
            if call.machine.is_folder(path):
                call.refuse("folders without -r")
    hits, status = 0, 0
    if paths or "r" not in options:
        for path, text in call.inputs(paths):
            if text is None:
                status = 2
                if "s" in options:
                    call.err.pop()
                continue
            prefix = f"{'(standard input)' if path == '-' else path}:" if named else ""
            hits += _in_one(call, options, matcher, call.lines(text), (prefix, path))
    if "q" in options and hits:
        return 0
    return status or int(not hits)


def _matcher(pattern: str, options: dict[str, str]) -> Pattern:
    fixed = "F" in options
    if not {"w", "x"} & set(options):
        return posix(pattern, "E" in options, "i" in options, fixed)
    source = re.sub(r"([][\\.*^$+?{}()|])", r"\\\1", pattern) if fixed else pattern
    extended = "E" in options or fixed
    posix(source, extended)
    opened, closed = ("(", ")") if extended else (r"\(", r"\)")
    if "x" in options:
        if "^" in source or "$" in source:
            raise Unclear(source, "^ or $ with -x")
        return posix(f"^{opened}{source}{closed}$", extended, "i" in options)
    if not re.fullmatch(r"[\w|]+" if extended else r"\w+", source, re.ASCII):
        raise Unclear(source, "-w with anything but plain words")
    return posix(rf"(^|\W)({source})(\W|$)", True, "i" in options)


def _below(call: Call, top: str, bare: bool) -> list[str]:
    """Files under a folder; plain names where no folder was named."""
    if not call.machine.is_folder(top):
        return [top]
    found, todo = [], ["" if bare else top]
    while todo:
        here = todo.pop()
        call.machine.meter.spend(2)
        if here and call.machine.is_file(here):
            found.append(here)
        else:
            start = here if not here or here.endswith("/") else here + "/"
            todo += [start + name for name in reversed(call.machine.inside(here or "."))]
    return found


def _in_one(call: Call, options: dict[str, str], matcher: Pattern, lines: list[str], name: tuple[str, str]) -> int:
    """Search one file and print what the options ask for; the number of lines selected."""
    limit = call.number(options["m"], "count") if "m" in options else len(lines)
    count = 0
    out: list[str] = []
    for number, line in enumerate(lines, 1):
        if count >= limit:
            break
        call.machine.meter.spend(1 + len(line) // 20)
        if (matcher.search(line) is not None) == ("v" in options):
            continue
        count += 1
        head = name[0] + (f"{number}:" if "n" in options else "")
        if "o" in options:
            out += [f"{head}{part}\n" for part in _each(call, matcher, line)]
        else:
            out.append(f"{head}{line}\n")
    path = "(standard input)" if name[1] == "-" else name[1]
    if "q" in options:
        return count
    if "l" in options or "L" in options:
        if bool(count) == ("l" in options):
            call.say(f"{path}\n")
        return count if "l" in options else int(not count)
    call.say(f"{name[0]}{count}\n" if "c" in options else "".join(out))
    return count


def _each(call: Call, matcher: Pattern, line: str) -> list[str]:
    found, at = [], 0
    while at <= len(line):
        match = matcher.search(line, at)
        if match is None:
            break
        call.machine.meter.spend(1 + len(line) // 50)
        if match.end() > match.start():
            found.append(match.group(0))
        at = max(match.end(), match.start() + 1)
    return found


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a sed script."""

    kind: str
    """s, p, d or q."""
    first: "int | Pattern | None"
    """A line number, -1 for the last line, or a pattern; None is every line."""
    last: int | None
    """A line number, -1 for the last line; None where only one line is meant."""
    negated: bool
    pattern: Pattern | None = None
    replacement: tuple[str | int, ...] = ()
    """Text and numbers of groups; 0 is the whole match."""
    which: int = 1
    everywhere: bool = False
    prints: bool = False


ADDRESS = r"(?:(\d{1,6}|\$)(?:,(\d{1,6}|\$))?|/((?:[^/\\]|\\.)+)/)?[ \t]*(!?)[ \t]*"


def script(call: Call, text: str, extended: bool) -> list[Step]:
    """Parse a sed script of s, p, d, q with line numbers or one pattern; anything else is refused."""
    steps: list[Step] = []
    at = 0
    while at < len(text):
        found = re.compile(r"[ \t;\n]*" + ADDRESS, re.ASCII).match(text, at)
        assert found is not None
        at = found.end()
        if at == len(text):
            if found[1] or found[3] or found[4]:
                call.refuse(f"script {text!r}")
            break
        first = _line(found[1]) if found[1] else posix(found[3], extended) if found[3] else None
        if first == 0 or (found[2] == "0"):
            call.refuse("line 0")
        step = Step(text[at], first, _line(found[2]) if found[2] else None, bool(found[4]))
        if step.kind == "s":
            step, at = _substitution(call, text, at, step, extended)
        elif step.kind not in "pdq" or (step.kind == "q" and found[2]):
            call.refuse(f"command {step.kind!r} in a script")
        else:
            at += 1
        if not re.match(r"[ \t]*([;\n]|$)", text[at:]):
            call.refuse(f"script {text!r}")
        steps.append(step)
    return steps


def _line(text: str) -> int:
    return -1 if text == "$" else int(text)


def _substitution(call: Call, text: str, at: int, step: Step, extended: bool) -> tuple[Step, int]:
    mark = re.escape(text[at + 1 : at + 2] or call.refuse("s without a mark"))
    if not re.fullmatch(r"\\?[/|#,:@!%_]", mark):
        call.refuse(f"mark {mark}")
    part = rf"((?:(?!{mark})[^\\\n]|\\.)*)"
    found = re.compile(rf"s{mark}{part}{mark}{part}{mark}([gpiI0-9]*)", re.DOTALL).match(text, at)
    if not found or not found[1]:
        call.refuse("such an s command")
    letter = text[at + 1]
    if letter != "/" and "\\" + letter in found[1] + found[2]:
        call.refuse(f"\\{letter} between marks {letter}")
    flags = found[3]
    digits = re.findall(r"\d+", flags)
    which = call.number(digits[0], "count") if digits else 1
    if len(digits) > 1 or which == 0 or any(flags.count(flag) > 1 for flag in "gpiI"):
        call.refuse(f"flags {flags}")
    pattern = posix(found[1].replace("\\/", "/"), extended, "i" in flags or "I" in flags)
    replacement = _replacement(call, found[2].replace("\\/", "/"))
    if any(isinstance(one, int) and one > pattern.compiled.groups for one in replacement):
        call.refuse("number of a group that is not there")
    done = Step("s", step.first, step.last, step.negated, pattern, replacement, which, "g" in flags, "p" in flags)
    return done, found.end()


def _replacement(call: Call, text: str) -> tuple[str | int, ...]:
    parts: list[str | int] = []
    for found in re.finditer(r"\\(.)|(&)|([^\\&]+)", text, re.DOTALL):
        if found[1] and found[1].isdigit():
            parts.append(int(found[1]))
        elif found[1] and found[1] not in "n&\\t":
            call.refuse(f"\\{found[1]} in a replacement")
        elif found[1]:
            parts.append({"n": "\n", "t": "\t"}.get(found[1], found[1]))
        else:
            parts.append(0 if found[2] else found[3])
    return tuple(parts)


def replaced(call: Call, step: Step, line: str) -> tuple[str, bool]:
    """The line after one s command, and whether it matched."""
    assert step.pattern is not None
    out: list[str] = []
    at = count = 0
    edge = -1
    while at <= len(line):
        match: Any = step.pattern.search(line, at)
        call.machine.meter.spend(1 + len(line) // 50)
        if match is None:
            break
        if match.end() == match.start() == edge:
            out.append(line[at : at + 1])
            at, edge = at + 1, -1
            continue
        count += 1
        out.append(line[at : match.start()])
        if count == step.which or (count > step.which and step.everywhere):
            if any(isinstance(one, int) and one for one in step.replacement):
                match = step.pattern.parts(line, match)
            out += [one if isinstance(one, str) else match.group(one) or "" for one in step.replacement]
        else:
            out.append(match.group(0))
        at = edge = match.end()
        if count >= step.which and not step.everywhere:
            break
        if match.end() == match.start():
            out.append(line[at : at + 1])
            at, edge = at + 1, -1
    return "".join(out) + line[at:], count >= step.which


def _applies(step: Step, number: int, last: bool, line: str) -> bool:
    if step.first is None:
        return not step.negated
    if isinstance(step.first, Pattern):
        hit = step.first.search(line) is not None
    elif step.last is None:
        hit = number == step.first or (step.first == -1 and last)
    elif step.first == -1:
        hit = last
    else:
        hit = number == step.first or (number > step.first and (step.last == -1 or number <= step.last))
    return hit != step.negated


def edited(call: Call, steps: list[Step], text: str, quiet: bool) -> str:
    """A text after a script. A missing newline at the end stays missing."""
    lines, out = call.lines(text), []
    for number, original in enumerate(lines, 1):
        line, ended, dropped = original, False, False
        call.machine.meter.spend(len(steps))
        for step in steps:
            if not _applies(step, number, number == len(lines), line):
                continue
            if step.kind == "s":
                line, hit = replaced(call, step, line)
                if hit and step.prints:
                    out.append(line)
            elif step.kind == "p":
                out.append(line)
            elif step.kind == "d":
                dropped = True
                break
            else:
                ended = True
                break
        if not dropped and not quiet:
            out.append(line)
        if ended:
            if number < len(lines):
                return "".join(f"{line}\n" for line in out)
            break
    whole = "\n".join(out)
    missing = text != "" and not text.endswith("\n")
    if missing and (any(step.kind in "dq" or step.prints for step in steps) or quiet):
        call.refuse("such a script for a file without a newline at its end")
    return whole + ("" if missing or not out else "\n")


def sed(call: Call) -> int:
    options, words = call.options("niEr", "e")
    if "e" not in options and not words:
        call.refuse("call without a script")
    steps = script(call, options["e"] if "e" in options else words.pop(0), "E" in options or "r" in options)
    if not steps:
        call.refuse("empty script")
    quiet = "n" in options
    if "i" not in options:
        texts: list[str] = []
        for _, text in call.inputs(words):
            if text is not None:
                if texts and texts[-1] and not texts[-1].endswith("\n"):
                    call.refuse("several files where one has no newline at its end")
                texts.append(text)
        call.say(edited(call, steps, "".join(texts), quiet))
        return 2 if call.err else 0
    if not words or any(step.kind == "q" for step in steps):
        call.refuse("-i without a file, or with q")
    for path in words:
        try:
            mode = call.machine.mode(path)
            done = edited(call, steps, call.machine.read(path), quiet)
            call.machine.remove(path)
            call.machine.write(path, done)
            call.machine.set_mode(path, mode)
            call.touch(call.machine.place(path), True)
        except OSError as error:
            call.complain(f"can't read {path}: {why(error)}")
    return 2 if call.err else 0


COMMANDS: dict[str, Body] = {"grep": grep, "sed": sed}
