"""Finds the program behind a command and follows what it runs in turn: `sudo`, `bash -c`, scripts, `find -exec`, `xargs`."""

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace

from offswitch.measure.shell.call import Call, Interpret
from offswitch.measure.shell.effect import MAX_DEPTH, UNKNOWN, Kind, words_of
from offswitch.measure.shell.foreign import LANGUAGES, foreign
from offswitch.measure.shell.later import LATER
from offswitch.measure.shell.programs import PROGRAMS
from offswitch.measure.shell.python import python_effects
from offswitch.measure.shell.services import init_script
from offswitch.measure.shell.session import Session

_WRAPPERS = {
    "sudo": "ugpCDhrt", "doas": "uC", "env": "uC", "nohup": "", "time": "fo", "exec": "a", "command": "", "builtin": "",
    "nice": "n", "setsid": "", "stdbuf": "ioe", "ionice": "cn", "unbuffer": "", "busybox": "", "chronic": "",
}  # fmt: skip
"""Programs that run another one, with their one-letter options that take a word."""
_SHELLS = frozenset({"bash", "sh", "zsh", "dash", "ksh", "ash"})
_PYTHON = re.compile(r"^(?:i?python|pypy)[\d.]*$")


def run(call: Call, session: Session, interpret: Interpret) -> str | None:
    """Write the effects of one command into the session. Returns what it would print, where that is known."""
    bare, wrapped = _unwrapped(call, session)
    if bare is None:
        return None
    call = bare
    path = session.path(call.argv[0]) if "/" in call.argv[0] else ""
    session.ran(" ".join((path or call.argv[0], *call.rest)), call.argv[0], path)
    if (origin := session.origin(path)) and not origin.changed:
        session.ran(" ".join((origin.path, *call.rest)), call.argv[0])
    if wrapped:
        session.effects[-1] = replace(session.effects[-1], program=wrapped) if not path else session.effects[-1]
    if call.name in _SHELLS:
        return _shell(call, session, interpret)
    if _PYTHON.match(call.name):
        _python(call, session, interpret)
        return None
    if path and path in session.files:
        session.variables.update((str(n), word) for n, word in enumerate(call.argv))
        return _script(path, session, interpret)
    if call.name in ("eval", "source", ".", "xargs", "find"):
        return _RUNNERS[call.name](call, session, interpret)
    if call.name in LATER and session.depth < MAX_DEPTH:
        return LATER[call.name](call, session, interpret)
    if call.argv[0] in session.aliases and session.depth < MAX_DEPTH:
        return interpret(" ".join((session.aliases.pop(call.argv[0]), shlex.join(call.rest))), session)
    if call.name in LANGUAGES:
        foreign(call, session, interpret)
    if (stopped := init_script(call, session)) is not None:
        return stopped
    does = PROGRAMS.get(call.name)
    return does(call, session) if does is not None else None


def _unwrapped(call: Call, session: Session) -> tuple[Call | None, str]:
    """The command behind `sudo`, `env`, `timeout` and their like."""
    wrapped = ""
    for _ in range(8):
        if call.name != "timeout" and call.name not in _WRAPPERS:
            return call, wrapped
        wrapped, words = call.argv[0], list(call.rest)
        takes = _WRAPPERS.get(call.name, "ks")
        while words and (words[0].startswith("-") or (call.name == "env" and "=" in words[0])):
            word = words.pop(0)
            if "=" in word and not word.startswith("-"):
                session.add(Kind.ENV, word, call.name)
            elif len(word) == 2 and word[1] in takes and words:
                words.pop(0)
        if call.name == "timeout" and words:
            words.pop(0)
        if not words:
            return None, wrapped
        call = Call(tuple(words), call.stdin)
    return call, wrapped


def _shell(call: Call, session: Session, interpret: Interpret) -> str | None:
    for i, word in enumerate(call.rest):
        if re.match(r"^-[a-z]*c$", word) and i + 1 < len(call.rest):
            session.variables.update((str(n), word) for n, word in enumerate(call.rest[i + 2 :]))
            return interpret(call.rest[i + 1], session)
    files = words_of(call.rest, "o")
    if not files or files[0] == "-":
        _filtered(call.stdin, session)
        return interpret(call.stdin, session) if call.stdin else None
    path = session.path(files[0])
    session.ran(" ".join((path, *files[1:])), call.argv[0], path)
    session.variables.update((str(n), word) for n, word in enumerate(files))
    return _script(path, session, interpret)


def _filtered(code: str | None, session: Session) -> None:
    """Code that is not known, but comes from a file through the command before: that file is run, perhaps changed."""
    read = [e for e in session.effects if e.kind is Kind.READ and e.step == session.step - 1]
    if read and (code is None or UNKNOWN in code):
        source = read[0].target
        session.ran(source, read[0].program, source, "" if read[0].program == "cat" else source)


def _script(path: str, session: Session, interpret: Interpret) -> str | None:
    """Run a file that the agent wrote."""
    content = session.files.get(path, "")
    if "python" in content.split("\n", 1)[0] or path.endswith(".py"):
        python_effects(content, session, interpret, path)
        return None
    return interpret(content, session) if content else None


def _python(call: Call, session: Session, interpret: Interpret) -> None:
    if "-c" in call.rest[:-1]:
        _filtered(call.rest[call.rest.index("-c") + 1], session)
        python_effects(call.rest[call.rest.index("-c") + 1], session, interpret)
        return
    files = words_of(call.rest, "WX")
    if "-m" in call.rest:
        return
    if not files or files[0] == "-":
        _filtered(call.stdin, session)
        python_effects(call.stdin or "", session, interpret)
        return
    path = session.path(files[0])
    session.ran(" ".join((path, *files[1:])), call.argv[0], path)
    if path in session.files:
        python_effects(session.files[path], session, interpret, path)


def _eval(call: Call, session: Session, interpret: Interpret) -> str | None:
    return interpret(" ".join(call.rest), session)


def _source(call: Call, session: Session, interpret: Interpret) -> str | None:
    return _script(session.path(call.rest[0]), session, interpret) if call.rest else None


def _xargs(call: Call, session: Session, interpret: Interpret) -> str | None:
    words = list(call.rest)
    hole = ""
    while words and words[0].startswith("-"):
        option = words.pop(0)
        if option[:2] == "-I":
            hole = option[2:] or (words.pop(0) if words else "{}")
        elif option in ("-n", "-P", "-d", "-L", "-s") and words:
            words.pop(0)
    given = (call.stdin or UNKNOWN).split()
    if not words or session.depth >= MAX_DEPTH:
        return None
    if hole:
        for value in given[:100]:
            run(Call(tuple(word.replace(hole, value) for word in words)), session, interpret)
        return None
    return run(Call((*words, *given)), session, interpret)


_NAMES = ("-name", "-iname", "-path", "-wholename")


def _below(root: str, name: str, words: Sequence[str]) -> list[str]:
    """What `find` may come upon: in the folder itself, and further down unless it is told not to go there."""
    top, name = root.rstrip("/"), name.lstrip("/")
    shallow = "-maxdepth" in words[:-1] and words[words.index("-maxdepth") + 1] in ("0", "1")
    return [f"{top}/{name}"] if shallow or name == "*" else [f"{top}/{name}", f"{top}/*/{name}"]


def _find(call: Call, session: Session, interpret: Interpret) -> str:
    words = list(call.rest)
    roots = list(words[: next((i for i, w in enumerate(words) if w[:1] in "-(!"), len(words))]) or ["."]
    names = [words[i + 1] for i, word in enumerate(words[:-1]) if word in _NAMES and words[i - 1] not in ("!", "-not")]
    found = [path for root in roots for name in names or ["*"] for path in _below(session.path(root), name, words)]
    if "-delete" in words:
        for path in found:
            session.add(Kind.DELETE, path, "find")
    for flag in ("-exec", "-execdir", "-ok"):
        if flag in words:
            inner = words[words.index(flag) + 1 :]
            inner = inner[: next((i for i, w in enumerate(inner) if w in (";", "+")), len(inner))]
            for path in found:
                if inner and session.depth < MAX_DEPTH:
                    run(Call(tuple(word.replace("{}", path) for word in inner)), session, interpret)
    return "\n".join(found) + "\n"


_RUNNERS: dict[str, Callable[[Call, Session, Interpret], str | None]] = {
    "eval": _eval, "source": _source, ".": _source, "xargs": _xargs, "find": _find,
}  # fmt: skip
