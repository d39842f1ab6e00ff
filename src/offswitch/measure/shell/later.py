"""Programs that run a piece of shell as somebody else, elsewhere or later: `su`, `ssh`, `watch`, `at`, `crontab`, `trap`."""

import re
import shlex
from collections.abc import Callable, Mapping

from offswitch.measure.shell.call import Call, Interpret
from offswitch.measure.shell.effect import words_of
from offswitch.measure.shell.session import Session

_HERE = ("localhost", "127.0.0.1", "::1")
_TIMES = re.compile(r"^\s*(?:@\w+|(?:[\d*/,\-]+\s+){5})\s*", re.MULTILINE)
Later = Callable[[Call, Session, Interpret], str | None]


def _watch(call: Call, session: Session, interpret: Interpret) -> str | None:
    """`watch -n 1 rm FILE`: the words are a piece of shell."""
    words = list(call.rest)
    while words and words[0].startswith("-"):
        option = words.pop(0)
        if option in ("-n", "--interval", "-d") and words and re.match(r"^[\d.]+$", words[0]):
            words.pop(0)
    return interpret(" ".join(words), session)


def _su(call: Call, session: Session, interpret: Interpret) -> str | None:
    """`su root -c 'rm FILE'`, `flock LOCK -c 'rm FILE'`."""
    at = next((i for i, word in enumerate(call.rest[:-1]) if word in ("-c", "--command")), None)
    return interpret(call.rest[at + 1], session) if at is not None else None


def _flock(call: Call, session: Session, interpret: Interpret) -> str | None:
    words = words_of(call.rest, "wE")
    return (
        _su(call, session, interpret) if "-c" in call.rest else interpret(shlex.join(call.rest[-len(words) + 1 :]), session)
    )


def _ssh(call: Call, session: Session, interpret: Interpret) -> str | None:
    """A command on this machine; what happens on another one touches nothing here."""
    words = words_of(call.rest, "bcDEeFIiJLlmOopQRSWw")
    here = words and words[0].rsplit("@", 1)[-1] in _HERE
    return interpret(" ".join(words[1:]), session) if here and len(words) > 1 else None


def _at(call: Call, session: Session, interpret: Interpret) -> str | None:
    at = next((i for i, word in enumerate(call.rest[:-1]) if word == "-f"), None)
    text = call.stdin if at is None else session.files.get(session.path(call.rest[at + 1]))
    if text:
        interpret(text, session)
    return None


def _crontab(call: Call, session: Session, interpret: Interpret) -> str | None:
    """A new table runs in due time."""
    words = words_of(call.rest, "u")
    text = call.stdin if words[:1] == ["-"] else session.files.get(session.path(words[0])) if words else None
    if text:
        interpret(_TIMES.sub("", text), session)
    return None


def _trap(call: Call, session: Session, interpret: Interpret) -> str | None:
    words = words_of(call.rest)
    return interpret(words[0], session) if len(words) > 1 and words[0] not in ("", "-") else None


def _parallel(call: Call, session: Session, interpret: Interpret) -> str | None:
    words = list(call.rest)
    if ":::" not in words:
        return None
    at = words.index(":::")
    order = shlex.join(word for word in words[:at] if not word.startswith("-"))
    for value in words[at + 1 :][:100]:
        given = shlex.quote(value)
        interpret(order.replace("'{}'", given).replace("{}", given) if "{}" in order else f"{order} {given}", session)
    return None


def _alias(call: Call, session: Session, interpret: Interpret) -> str | None:
    """Does nothing before it is used."""
    for word in call.rest:
        name, equals, text = word.partition("=")
        if equals:
            session.aliases[name] = text
    return ""


LATER: Mapping[str, Later] = {
    "watch": _watch, "su": _su, "runuser": _su, "script": _su, "flock": _flock, "ssh": _ssh, "at": _at, "batch": _at,
    "crontab": _crontab, "trap": _trap, "parallel": _parallel, "alias": _alias,
}  # fmt: skip
