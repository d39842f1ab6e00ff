"""Commands that reorder or rewrite lines: sort, uniq, cut, tr."""

import re
from decimal import Decimal
from functools import cmp_to_key

from offswitch.world.code.call import Body, Call
from offswitch.world.code.stream import ESCAPES

CLASSES = {
    "[:alpha:]": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    "[:digit:]": "0123456789",
    "[:lower:]": "abcdefghijklmnopqrstuvwxyz",
    "[:upper:]": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "[:space:]": "\t\n\v\f\r ",
    "[:blank:]": "\t ",
    "[:punct:]": "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
}
CLASSES["[:alnum:]"] = CLASSES["[:digit:]"] + CLASSES["[:alpha:]"]


def joined(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


class Key:
    """Which part of a line is compared, and how."""

    def __init__(self, call: Call, spec: str, options: dict[str, str]) -> None:
        found = re.fullmatch(r"([1-9]\d{0,2})(,([1-9]\d{0,2}))?([nr]*)", spec or "1", re.ASCII)
        if not found:
            call.refuse(f"key {spec}")
        self.call, self.separator = call, options.get("t")
        if self.separator is not None and len(self.separator) != 1:
            call.refuse("separator but one letter")
        self.whole = not spec
        self.first, self.last = int(found[1]) - 1, int(found[3]) if found[3] else None
        self.numeric = "n" in (found[4] or ("n" if "n" in options else ""))
        self.reverse = "r" in (found[4] or ("r" if "r" in options else ""))

    def of(self, line: str) -> str:
        if self.whole:
            return line
        if self.separator is not None:
            return self.separator.join(line.split(self.separator)[self.first : self.last])
        return "".join(re.findall(r"[ \t]*[^ \t]+|[ \t]+$", line)[self.first : self.last])

    def value(self, line: str) -> Decimal:
        found = re.match(r"[ \t]*(-?\d*(?:\.\d*)?)", self.of(line), re.ASCII)
        text = found[1] if found else ""
        if len(text) > 20:
            self.call.refuse("numbers of so many digits")
        return Decimal(text) if re.search(r"\d", text) else Decimal(0)

    def compare(self, a: str, b: str) -> int:
        self.call.machine.meter.spend(1)
        one, two = (self.value(a), self.value(b)) if self.numeric else (self.of(a), self.of(b))
        order = (one > two) - (one < two)  # type: ignore[operator]  # both of one kind
        return -order if self.reverse else order


def sort(call: Call) -> int:
    options, paths = call.options("rnus", "kt")
    key = Key(call, options.get("k", ""), options)
    lines: list[str] = []
    for _, text in call.inputs(paths):
        if text is None:
            return 2
        lines += call.lines(text)
    stable = "s" in options or "u" in options

    def compare(a: str, b: str) -> int:
        order = key.compare(a, b)
        if order or stable:
            return order
        order = (a > b) - (a < b)
        return -order if "r" in options else order

    lines.sort(key=cmp_to_key(compare))
    if "u" in options:
        lines = [line for at, line in enumerate(lines) if at == 0 or compare(lines[at - 1], line)]
    call.say(joined(lines))
    return 0


def uniq(call: Call) -> int:
    options, paths = call.options("cdu")
    if len(paths) > 1:
        call.refuse("output file")
    text = next(iter(call.inputs(paths)))[1]
    if text is None:
        return 1
    groups: list[tuple[str, int]] = []
    for line in call.lines(text):
        if groups and groups[-1][0] == line:
            groups[-1] = (line, groups[-1][1] + 1)
        else:
            groups.append((line, 1))
    if "d" in options:
        groups = [group for group in groups if group[1] > 1]
    if "u" in options:
        groups = [group for group in groups if group[1] == 1]
    call.say(joined([f"{count:7d} {line}" if "c" in options else line for line, count in groups]))
    return 0


def _ranges(call: Call, spec: str) -> list[tuple[int, int]]:
    ranges = []
    for part in spec.split(","):
        found = re.fullmatch(r"(\d{0,4})(-?)(\d{0,4})", part, re.ASCII)
        if not found or part in ("", "-") or (not found[2] and not found[1]):
            call.refuse(f"list {spec}")
        low = int(found[1] or 1)
        high = (int(found[3]) if found[3] else 10**6) if found[2] else low
        if low < 1 or high < low:
            call.refuse(f"list {spec}")
        ranges.append((low, high))
    return ranges


def cut(call: Call) -> int:
    options, paths = call.options("s", "dfcb")
    kinds = [kind for kind in "fcb" if kind in options]
    if len(kinds) != 1 or len(options.get("d", "x")) != 1 or (kinds != ["f"] and ("d" in options or "s" in options)):
        call.refuse("call but with one of -f, -c, -b, and a -d of one letter for -f")
    ranges, mark = _ranges(call, options[kinds[0]]), options.get("d", "\t")
    status = 0
    for _, text in call.inputs(paths):
        if text is None:
            status = 1
            continue
        done = []
        for line in call.lines(text):
            if kinds == ["f"]:
                if mark not in line:
                    done += [] if "s" in options else [line]
                    continue
                units = line.split(mark)
            else:
                units = list(call.ascii(line, "bytes"))
            call.machine.meter.spend(len(units) // 4)
            kept = [unit for at, unit in enumerate(units, 1) if any(low <= at <= high for low, high in ranges)]
            done.append((mark if kinds == ["f"] else "").join(kept))
        call.say(joined(done))
    return status


def letters(call: Call, spec: str) -> str:
    """A set of tr written out."""
    call.ascii(spec, "letters")
    found = "".join(re.findall(r"\[:[a-z]+:\]|\\.|.-\\.|.-.|.", spec, re.DOTALL))
    if found != spec or re.search(r"\[=|\[.\*|\\[0-9]|\\.-|-\\", spec):
        call.refuse(f"set {spec!r}")
    out = []
    for part in re.findall(r"\[:[a-z]+:\]|\\.|.-.|.", spec, re.DOTALL):
        if part.startswith("[:") and len(part) > 3:
            if part not in CLASSES:
                call.refuse(f"set {part}")
            out.append(CLASSES[part])
        elif part.startswith("\\") and len(part) == 2:
            if part[1] not in ESCAPES:
                call.refuse(f"set {part}")
            out.append(ESCAPES[part[1]])
        elif len(part) == 3:
            if ord(part[0]) > ord(part[2]):
                call.refuse(f"range {part}")
            out.append("".join(map(chr, range(ord(part[0]), ord(part[2]) + 1))))
        elif part == "\\":
            call.refuse("set that ends in a backslash")
        else:
            out.append(part)
    return "".join(out)


def tr(call: Call) -> int:
    options, sets = call.options("dscC")
    text = call.ascii(call.stdin, "letters")
    wants = 1 if ("d" in options) != ("s" in options) and ("d" in options or len(sets) == 1) else 2
    if len(sets) != wants or ("d" in options and "s" in options):
        call.refuse("such sets")
    first = letters(call, sets[0])
    call.machine.meter.spend(len(text) // 20)
    if "c" in options or "C" in options:
        if "d" not in options:
            call.refuse("-c without -d")
        call.say("".join(letter for letter in text if letter in first))
    elif "d" in options:
        call.say(text.translate(dict.fromkeys(map(ord, first))))
    else:
        second = letters(call, sets[1]) if len(sets) == 2 else first
        classes = [part in ("[:upper:]", "[:lower:]") for part in sets]
        if not second or (len(sets) == 2 and re.search(r"\[:", "".join(sets)) and "[:" in sets[-1] and not all(classes)):
            call.refuse("such sets")
        if len(sets) == 2:
            last = {}
            for one, two in zip(first, second + second[-1] * len(first), strict=False):
                last[ord(one)] = two
            text = text.translate(last)
        if "s" in options:
            squeezed = re.escape(second)
            text = re.sub(f"([{squeezed}])\\1+", r"\1", text)
        call.say(text)
    return 0


COMMANDS: dict[str, Body] = {"sort": sort, "uniq": uniq, "cut": cut, "tr": tr}
