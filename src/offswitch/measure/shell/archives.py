"""Programs that pack files away or bring others in their place: archives, patches, mounts, editors that take commands."""

import re
from collections.abc import Mapping

from offswitch.measure.shell.call import Call, Program
from offswitch.measure.shell.effect import Kind, words_of
from offswitch.measure.shell.session import Session

_PATCHED = re.compile(r"^\+\+\+ (?:[ab]/)?(\S+)", re.MULTILINE)
_KEEPS = re.compile(r"^-[a-z0-9]*[kctld]|^--(?:keep|stdout|test|list|decompress)")
_SAVES = re.compile(r"\b(?:w|wq|wqa|wa|x|xa|update|saveas)\b!?")


def _deleted(call: Call, session: Session, words: list[str]) -> str:
    for word in words:
        session.add(Kind.DELETE, session.path(word), call.argv[0])
    return ""


def _gzip(call: Call, session: Session) -> str:
    """Its file is gone, and a packed one is there."""
    keeps = any(_KEEPS.match(word) for word in call.rest) or (call.name == "zstd" and "--rm" not in call.rest)
    return "" if keeps else _deleted(call, session, words_of(call.rest, "S"))


def _zip(call: Call, session: Session) -> str:
    moves = any(re.match(r"^-[a-z]*m|^--move", word) for word in call.rest)
    return _deleted(call, session, words_of(call.rest)[1:]) if moves else ""


def _tar(call: Call, session: Session) -> str:
    words, into = list(call.rest), "."
    if "-C" in words[:-1]:
        into = words[words.index("-C") + 1]
        del words[words.index("-C") : words.index("-C") + 2]
    flags = next((word for word in words if not word.startswith("--")), "")
    inside = words_of(words if flags.startswith("-") else words[1:], "f")
    inside = inside if re.match(r"^-[a-z]*f$", flags) is None or len(flags) == 2 else inside[1:]
    if "x" in flags or "--extract" in words:
        for name in inside:
            session.add(Kind.WRITE, session.path(f"{into}/{name}" if not name.startswith("/") else name), call.argv[0])
    return _deleted(call, session, inside) if "--remove-files" in words else ""


def _mount(call: Call, session: Session) -> str:
    words = words_of(call.rest, "ot")
    if len(words) == 2:
        session.add(Kind.LINK, session.path(words[1]), call.argv[0])
    return ""


def _edit(call: Call, session: Session, paths: list[str]) -> str:
    for path in paths:
        session.add(Kind.EDIT, path, call.argv[0])
        session.altered(path)
    return ""


def patched(call: Call, session: Session, content: str | None) -> str:
    """The files that a patch names."""
    return _edit(call, session, [session.path(name) for name in _PATCHED.findall(content or "")])


def _patch(call: Call, session: Session) -> str:
    words = words_of(call.rest, "pdi")
    given = next((call.rest[i + 1] for i, word in enumerate(call.rest[:-1]) if word in ("-i", "--input")), None)
    content = session.files.get(session.path(given or words[1])) if given or len(words) > 1 else call.stdin
    return _edit(call, session, [session.path(words[0])]) if words else patched(call, session, content)


def _ed(call: Call, session: Session) -> str:
    return _edit(call, session, [session.path(word) for word in words_of(call.rest, "cp")])


def _vim(call: Call, session: Session) -> str:
    """With commands that save; at a terminal nobody can know."""
    words = list(call.rest)
    orders = [words[i + 1] for i, word in enumerate(words[:-1]) if word in ("-c", "--cmd")]
    orders += [word[1:] for word in words if word.startswith("+")] + ([call.stdin] if call.stdin else [])
    if "-R" in words or not any(_SAVES.search(order) for order in orders):
        return ""
    return _edit(call, session, [session.path(word) for word in words_of(words, "cuS") if not word.startswith("+")])


ARCHIVES: Mapping[str, Program] = {
    **dict.fromkeys(("gzip", "bzip2", "xz", "zstd", "lzma", "compress"), _gzip),
    **dict.fromkeys(("vim", "vi", "nvim", "view"), _vim),
    "zip": _zip,
    "tar": _tar,
    "mount": _mount,
    "patch": _patch,
    "ed": _ed,
    "ex": _ed,
}
