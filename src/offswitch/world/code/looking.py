"""Commands that look at files and names without changing them: ls, find, stat, test, basename, dirname, diff."""

import posixpath
import re

from offswitch.world.code.call import Body, Call
from offswitch.world.code.pattern import name_pattern


def ls(call: Call) -> int:
    """Names in byte order, one a line."""
    options, paths = call.options("1aAd")
    machine = call.machine
    for path in paths:
        if not machine.is_file(path) and not machine.is_folder(path):
            call.complain(f"cannot access '{path}': No such file or directory")
    files = sorted(path for path in paths if machine.is_file(path) or ("d" in options and machine.is_folder(path)))
    folders = sorted(path for path in paths if machine.is_folder(path) and "d" not in options)
    if not paths:
        files, folders = (["."], []) if "d" in options else ([], ["."])
    call.say("".join(f"{path}\n" for path in files))
    for at, folder in enumerate(folders):
        if len(paths) > 1:
            call.say(f"{chr(10) if files or at else ''}{folder}:\n")
        names = machine.inside(folder)
        if "a" in options:
            names = [".", "..", *names]
        elif "A" not in options:
            names = [name for name in names if not name.startswith(".")]
        call.say("".join(f"{name}\n" for name in sorted(names)))
    return 2 if call.err else 0


def find(call: Call) -> int:
    """find PATH... [-name GLOB] [-type f|d], in byte order."""
    words, paths = list(call.args), []
    while words and not words[0].startswith(("-", "(", "!")):
        paths.append(words.pop(0))
    wants: dict[str, str] = {}
    while words:
        flag = words.pop(0)
        if flag not in ("-name", "-type", "-maxdepth") or not words or flag in wants:
            call.refuse(f"{flag} there")
        wants[flag] = words.pop(0)
    if wants.get("-type", "f") not in ("f", "d"):
        call.refuse(f"type {wants['-type']}")
    deepest = call.number(wants["-maxdepth"], "depth") if "-maxdepth" in wants else 10**6
    matcher = name_pattern([(letter, False) for letter in wants["-name"]]) if "-name" in wants else None
    if "\\" in wants.get("-name", ""):
        call.refuse("backslash in a name")
    for top in paths or ["."]:
        if not call.machine.is_file(top) and not call.machine.is_folder(top):
            call.complain(f"'{top}': No such file or directory")
            continue
        todo = [(top, 0)]
        while todo:
            path, depth = todo.pop()
            call.machine.meter.spend(2)
            folder = call.machine.is_folder(path)
            kind = "d" if folder else "f"
            name = posixpath.basename(path.rstrip("/")) or path
            if wants.get("-type", kind) == kind and (matcher is None or matcher.search(name)):
                call.say(f"{path}\n")
            if folder and depth < deepest:
                start = path if path.endswith("/") else path + "/"
                todo += [(start + one, depth + 1) for one in reversed(call.machine.inside(path))]
    return int(bool(call.err))


def stat(call: Call) -> int:
    """stat -c FORMAT FILE..., with %a, %s and %n."""
    options, paths = call.options("", "c")
    shape = options.get("c", "")
    if not re.fullmatch(r"([^%\\]|%[asn])+", shape) or any(call.machine.is_folder(path) for path in paths):
        call.refuse("form but -c with %a, %s, %n, on files")
    for path in paths:
        if not call.machine.is_file(path):
            call.complain(f"cannot statx '{path}': No such file or directory")
            continue
        mode = call.machine.mode(path)
        values = {"%a": f"{mode:o}", "%s": str(call.machine.size(path)), "%n": path}
        call.say(re.sub("%[asn]", lambda found, values=values: values[found[0]], shape) + "\n")  # type: ignore[misc]
    return int(bool(call.err)) if paths else call.complain("missing operand")


def test(call: Call) -> int:
    """test and [ ]: one condition of up to three words, ! before it."""
    words = list(call.args)
    if call.name == "[" and (not words or words.pop() != "]"):
        call.complain("missing ']'")
        return 2
    if len(words) == 4 and words[0] == "!":
        return int(not _condition(call, words[1:]))
    return _condition(call, words)


def _condition(call: Call, words: list[str]) -> int:
    if len(words) <= 1:
        return int(not (words and words[0]))
    if len(words) == 2:
        flag, word = words
        if flag == "!":
            return int(bool(word))
        checks = {"-n": bool(word), "-z": not word}
        if flag in checks:
            return int(not checks[flag])
        return int(not _path_check(call, flag, word))
    if len(words) == 3:
        left, how, right = words
        if how in ("=", "==", "!="):
            return int((left == right) != (how != "!="))
        if how in ("-eq", "-ne", "-lt", "-le", "-gt", "-ge"):
            one, two = _integer(call, left), _integer(call, right)
            order = {"-eq": one == two, "-ne": one != two, "-lt": one < two}
            order |= {"-le": one <= two, "-gt": one > two, "-ge": one >= two}
            return int(not order[how])
        if left == "!":
            return int(not _condition(call, words[1:]))
    return call.refuse(f"condition {' '.join(words)[:80]}")


def _integer(call: Call, text: str) -> int:
    if not re.fullmatch(r" *-?\d{1,18} *", text, re.ASCII):
        call.refuse(f"number {text[:40]!r}")
    return int(text)


def _path_check(call: Call, flag: str, path: str) -> bool:
    machine = call.machine
    if flag in ("-e", "-f", "-d"):
        there, folder = machine.is_file(path), machine.is_folder(path)
        if path == "/dev/null":
            call.refuse("/dev/null there")
        return {"-e": there or folder, "-f": there, "-d": folder}[flag]
    if flag == "-s" and machine.is_file(path):
        return machine.size(path) > 0
    if flag in ("-r", "-w", "-x") and machine.is_file(path):
        return bool(machine.mode(path) & {"-r": 0o400, "-w": 0o200, "-x": 0o100}[flag])
    if flag in ("-s", "-r", "-w", "-x") and not machine.is_folder(path):
        return False
    return call.refuse(f"condition {flag}") == ""


def basename(call: Call) -> int:
    _, words = call.options("")
    if not 1 <= len(words) <= 2:
        call.refuse("such operands")
    name = posixpath.basename(words[0].rstrip("/")) or words[0][:1]
    if len(words) == 2 and name != words[1]:
        name = name.removesuffix(words[1])
    call.say(f"{name}\n")
    return 0


def dirname(call: Call) -> int:
    _, words = call.options("")
    for word in words or call.refuse("call without a path"):
        head = posixpath.dirname(word.rstrip("/")).rstrip("/")
        call.say(f"{head or ('/' if word.startswith('/') else '.')}\n")
    return 0


def diff(call: Call) -> int:
    """Which lines changed, where there is only one way to tell it."""
    options, paths = call.options("q")
    if len(paths) != 2:
        call.refuse("such operands")
    texts = [text for path in paths if (text := call.read(path)) is not None]
    if len(texts) < 2:
        return 2
    if texts[0] == texts[1]:
        return 0
    if "q" in options:
        call.say(f"Files {paths[0]} and {paths[1]} differ\n")
        return 1
    if any(text and not text.endswith("\n") for text in texts):
        call.refuse("comparison of files without a newline at the end, but -q")
    _hunks(call, *(call.lines(text) for text in texts))
    return 1


def _hunks(call: Call, old: list[str], new: list[str]) -> None:
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    olds, news = old[start : len(old) - end], new[start : len(new) - end]
    shared = set(olds) & set(news)
    order = [line for line in olds if line in shared]
    if order != [line for line in news if line in shared] or len(order) != len(shared):
        call.refuse("comparison of lines that match in more than one way, but -q")
    at_old = at_new = 0
    for mark in [*order, None]:
        to_old = olds.index(mark) if mark is not None else len(olds)
        to_new = news.index(mark) if mark is not None else len(news)
        call.machine.meter.spend(len(olds) + len(news))
        _hunk(call, (start + at_old, olds[at_old:to_old]), (start + at_new, news[at_new:to_new]))
        at_old, at_new = to_old + 1, to_new + 1


def _hunk(call: Call, old: tuple[int, list[str]], new: tuple[int, list[str]]) -> None:
    if not old[1] and not new[1]:
        return
    how = "c" if old[1] and new[1] else "d" if old[1] else "a"
    spans = []
    for start, lines in (old, new):
        last = start + len(lines)
        spans.append(str(start) if not lines else f"{start + 1},{last}" if len(lines) > 1 else str(last))
    call.say(f"{spans[0]}{how}{spans[1]}\n" + "".join(f"< {line}\n" for line in old[1]))
    call.say(("---\n" if how == "c" else "") + "".join(f"> {line}\n" for line in new[1]))


COMMANDS: dict[str, Body] = {
    "ls": ls, "find": find, "stat": stat, "test": test, "[": test, "basename": basename, "dirname": dirname, "diff": diff,
}  # fmt: skip
