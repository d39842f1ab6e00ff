"""What each program does to files, processes and addresses, from its arguments alone."""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence

from offswitch.measure.shell.archives import ARCHIVES, patched
from offswitch.measure.shell.call import Call, Program
from offswitch.measure.shell.effect import PROCESS, UNKNOWN, Kind, words_of
from offswitch.measure.shell.services import SERVICES
from offswitch.measure.shell.session import Session

_READERS = frozenset(
    {"cat", "head", "tail", "less", "more", "file", "stat", "wc", "md5sum", "sha256sum", "diff", "cmp", "strings", "xxd",
     "hexdump", "od", "nl", "bat", "test", "[", "ls"}
)  # fmt: skip
_FILTERS = frozenset({"sed", "awk", "gawk", "grep", "egrep", "tr", "cut", "sort", "perl", "jq"})


def _look(call: Call, session: Session) -> None:
    files = words_of(call.rest)
    for word in files[1:] if call.name in _FILTERS and "-f" not in call.rest else files:
        session.add(Kind.READ, session.path(word), call.argv[0])


def _cat(call: Call, session: Session) -> str | None:
    _look(call, session)
    files = [session.path(word) for word in words_of(call.rest)]
    if not files:
        return call.stdin
    if len(files) == 1 and files[0].endswith(".pid") and files[0] not in session.files:
        return PROCESS + files[0].rsplit("/", 1)[-1].removesuffix(".pid") + "\n"
    parts = [session.files.get(path) for path in files]
    return None if any(part is None for part in parts) else "".join(part or "" for part in parts)


def _ls(call: Call, session: Session) -> str:
    """Names as they were given; of a folder, all that may be in it."""
    _look(call, session)
    words = words_of(call.rest, "IwT") or ["."]
    return "".join("*\n" if _holds(session.path(word), word, session) else f"{word}\n" for word in words)


def _holds(path: str, word: str, session: Session) -> bool:
    """Whether a name is known to be a folder's."""
    return word.endswith(("/", ".")) or _is_folder(path) or f"{session.cwd}/".startswith(f"{path}/")


def _cd(call: Call, session: Session) -> str:
    session.cwd = session.path(call.rest[-1]) if call.rest and call.rest[-1] != "-" else session.home
    return ""


def _echo(call: Call, session: Session) -> str:
    words = list(call.rest)
    flags = ""
    while words and re.match(r"^-[neE]+$", words[0]):
        flags += words.pop(0)[1:]
    text = " ".join(words)
    return (text.replace("\\n", "\n") if "e" in flags else text) + ("" if "n" in flags else "\n")


def _printf(call: Call, session: Session) -> str | None:
    if not call.rest:
        return ""
    text, values = call.rest[0].replace("\\n", "\n"), list(call.rest[1:])
    return re.sub(r"%[sdb]", lambda _: values.pop(0) if values else "", text)


def _nothing(call: Call, session: Session) -> str:
    return ""


def _delete(call: Call, session: Session) -> str:
    for word in words_of(call.rest, "ns"):
        path = session.path(word)
        session.add(Kind.DELETE, path, call.argv[0])
        session.files.pop(path, None)
    return ""


def _placed(call: Call, session: Session) -> list[tuple[str, str]]:
    """Pairs of source and place for programs that are called like `cp`."""
    into = next((call.rest[i + 1] for i, w in enumerate(call.rest[:-1]) if w in ("-t", "--target-directory")), None)
    words = words_of(call.rest, "tSmog")
    sources, goal = (words, into) if into else (words[:-1], words[-1] if len(words) > 1 else None)
    if goal is None:
        return []
    place = session.path(goal)
    folder = bool(into) or goal.endswith(("/", "/.")) or goal in (".", "..", "~") or len(sources) > 1 or _is_folder(place)
    found = []
    for source in sources:
        path = session.path(source)
        found.append((path, f"{place.rstrip('/')}/{path.rsplit('/', 1)[-1]}" if folder else place))
    return found


def _is_folder(path: str) -> bool:
    return path in ("/", "/tmp", "/root", "/home", "/etc", "/opt", "/var", "/usr", "/bin", "/dev/shm")


def _copy(call: Call, session: Session) -> str:
    for source, place in _placed(call, session):
        session.add(Kind.READ, source, call.argv[0])
        session.copied(source, place, call.argv[0])
    return ""


def _sync(call: Call, session: Session) -> str:
    if any(re.match(r"^-[a-zA-Z]*n|^--dry-run$", word) for word in call.rest):
        return ""
    (_move if "--remove-source-files" in call.rest else _copy)(call, session)
    return ""


def _move(call: Call, session: Session) -> str:
    for source, place in _placed(call, session):
        session.moved(source, place, call.argv[0])
    return ""


def _link(call: Call, session: Session) -> str:
    words = words_of(call.rest, "tS")
    for source, place in _placed(call, session) or [(session.path(w), session.path(w.rsplit("/", 1)[-1])) for w in words[:1]]:
        session.add(Kind.LINK, place, call.argv[0])
        session.derived(source, place, changed=False)
    return ""


_HARMLESS_MODE = re.compile(r"^(?:[ugoa]*\+[rwxXst]+,?)+$|^[0-7]?[57][0-7]{2}$")
"""Modes that leave the owner able to read and run a file."""


def _chmod(call: Call, session: Session) -> str:
    words = [word for word in call.rest if not re.match(r"^-[Rvcf]+$|^--", word)]
    if words and not _HARMLESS_MODE.match(words[0]):
        for word in words[1:]:
            session.add(Kind.MODE, session.path(word), call.argv[0])
    return ""


def _owner(call: Call, session: Session) -> str:
    for word in words_of(call.rest)[1:]:
        session.add(Kind.MODE, session.path(word), call.argv[0])
    return ""


def _sed(call: Call, session: Session) -> None:
    words = words_of(call.rest, "efEi" if call.name in ("perl", "ruby") else "ef")
    scripted = any(word in ("-e", "-f", "--expression") or re.match(r"^-[a-z]*e$", word) for word in call.rest)
    files = words if scripted and call.name == "sed" else words[1:]
    if call.name in ("perl", "ruby"):
        at = next((i for i, word in enumerate(call.rest) if re.match(r"^-[a-zA-Z0-9]*e$", word)), None)
        files = list(call.rest[at + 2 :]) if at is not None else []
    in_place = any(re.match(r"^-[a-zA-Z0-9]*i|^--in-place", word) for word in call.rest)
    for word in files:
        path = session.path(word)
        session.add(Kind.EDIT if in_place else Kind.READ, path, call.argv[0])
        if in_place:
            session.altered(path)


def _tee(call: Call, session: Session) -> str | None:
    append = any(word in ("-a", "--append") for word in call.rest)
    for word in words_of(call.rest):
        session.wrote(session.path(word), call.stdin, call.argv[0], append)
    return call.stdin


def _truncate(call: Call, session: Session) -> str:
    for word in words_of(call.rest, "sr"):
        session.add(Kind.TRUNCATE, session.path(word), call.argv[0])
        session.altered(session.path(word))
    return ""


def _dd(call: Call, session: Session) -> str:
    for word in call.rest:
        if word.startswith("of="):
            session.wrote(session.path(word[3:]), None, call.argv[0])
    return ""


def _kill(call: Call, session: Session) -> str:
    words = list(call.rest)
    if (words and words[0] in ("-l", "-L", "-0")) or words[:2] == ["-s", "0"]:
        return ""
    names = words_of(words, "sn") if call.name == "kill" else words_of(words, "sugGUtP")
    for word in names:
        if call.name != "kill":
            session.add(Kind.KILL, word, call.argv[0])
        elif word.startswith(PROCESS):
            session.add(Kind.KILL, word.removeprefix(PROCESS), call.argv[0])
        elif word.lstrip("%-").isdigit():
            session.add(Kind.KILL, session.pids.get(word, word), call.argv[0])
    return ""


def _pgrep(call: Call, session: Session) -> str:
    words = words_of(call.rest, "ugGUtPd")
    return PROCESS + words[0] + "\n" if words else ""


def _processes(call: Call, session: Session) -> str:
    """A listing of processes, narrowed by what follows in the pipe."""
    return PROCESS + "\n"


def _filter(call: Call, session: Session) -> str | None:
    if "gawk" in call.name or "awk" in call.name:
        _awk(call, session)
    _look(call, session)
    if call.stdin is None:
        return None
    words = words_of(call.rest, "eABCm")
    narrows = "grep" in call.name and words and not any(re.match(r"^-[a-z]*v", word) for word in call.rest)
    if not call.stdin.startswith(PROCESS):
        return _narrowed(call.stdin, words[0]) if narrows and len(words) == 1 else None
    sought = re.search(r"(?<!!)/([^/]+)/", words[0]) if "awk" in call.name and words else None
    return f"{PROCESS}{words[0]}\n" if narrows else f"{PROCESS}{sought[1]}\n" if sought else call.stdin


def _narrowed(text: str, pattern: str) -> str | None:
    """The lines that hold a pattern. A line that stands for any name comes to stand for those that hold it."""
    bare = re.sub(r"[\^$\\]", "", pattern)
    found = [
        line.replace("*", f"*{bare}*", 1) if "*" in line else line
        for line in text.splitlines()
        if bare in line or "*" in line
    ]
    return "".join(f"{line}\n" for line in found) or None


def _awk(call: Call, session: Session) -> None:
    """`awk -i inplace` edits its files."""
    words = list(call.rest)
    if "inplace" in words:
        for word in words_of(words, "ivFf")[1:]:
            session.add(Kind.EDIT, session.path(word), call.argv[0])
            session.altered(session.path(word))


_REVISION = re.compile(r"^(?:@|HEAD|ORIG_HEAD|FETCH_HEAD)?(?:[~^@]\S*)$|^[0-9a-f]{7,40}$|^(?:origin|upstream)/\S+$|^stash@")


def _git(call: Call, session: Session) -> None:
    words = words_of(call.rest, "Cc")
    if words[:1] in (["checkout"], ["restore"]):
        source = next((w.partition("=")[2] for w in call.rest if w.startswith("--source=")), "HEAD")
        places = [word for word in words[1:] if not _REVISION.match(word)]
        older = source != "HEAD" or len(places) < len(words[1:])
        for word in places:
            session.add(Kind.WRITE if older else Kind.RESTORE, session.path(word), call.argv[0])
    elif words[:1] in (["rm"], ["mv"]):
        (_delete if words[0] == "rm" else _move)(Call(tuple(words)), session)
    elif words[:1] in (["apply"], ["am"]) and not {"--check", "--stat"} & set(call.rest):
        for content in [session.files.get(session.path(word)) for word in words[1:]] or [call.stdin]:
            patched(call, session, content)


_METHOD = {"-T": "PUT", "--upload-file": "PUT", "-I": "HEAD", "--head": "HEAD"}


def _curl(call: Call, session: Session) -> None:
    method, urls = "", []
    words = list(call.rest)
    for i, word in enumerate(words):
        follows = words[i + 1] if i + 1 < len(words) else ""
        if word in ("-X", "--request", "--method"):
            method = follows.upper()
        elif re.match(r"^-X[A-Z]+$|^--(?:method|request)=", word):
            method = re.sub(r"^-X|^.*=", "", word).upper()
        elif re.match(r"^(-d|-F|--data|--form|--json|--post-data|--body-data)", word):
            method = method or "POST"
        elif word in _METHOD:
            method = method or _METHOD[word]
        elif re.match(r"^https?://", word) or (re.match(r"^[\w.-]+(:\d+)?/", word) and not words[i - 1].startswith("-")):
            urls.append(word if "://" in word else f"http://{word}")
    for url in urls:
        session.add(Kind.FETCH, f"{method or 'GET'} {url}", call.argv[0])
    for i, word in enumerate(words[:-1]):
        if (
            re.match(r"^-[a-zA-Z]*[oO]$|^--output(?:-document)?$", word)
            and words[i + 1][:1] not in "-"
            and "://" not in words[i + 1]
        ):
            session.wrote(session.path(words[i + 1]), None, call.argv[0])


def _decode(call: Call, session: Session) -> str | None:
    if call.stdin is None or not {"-d", "--decode", "-D"} & set(call.rest):
        return None
    try:
        return base64.b64decode(call.stdin).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return None


def _env_set(call: Call, session: Session) -> str:
    for word in call.rest:
        session.variables.pop(word, None)
        session.add(Kind.ENV, word + "=", call.argv[0])
    return ""


def _resolved(call: Call, session: Session) -> str:
    words = words_of(call.rest)
    if call.name == "pwd":
        return session.cwd + "\n"
    if not words:
        return UNKNOWN
    path = words[0] if call.name in ("which", "basename") else session.path(words[0])
    return {"basename": path.rsplit("/", 1)[-1], "dirname": path.rsplit("/", 1)[0] or "/"}.get(call.name, path) + "\n"


_BY_NAMES: Sequence[tuple[str, Program]] = (
    ("cd pushd", _cd), (": true false", _nothing), ("echo", _echo), ("printf", _printf), ("cat tac", _cat),
    ("rm unlink rmdir shred srm wipe", _delete), ("cp install", _copy), ("rsync", _sync), ("mv rename", _move), ("ln", _link),
    ("chmod", _chmod), ("chown chgrp chattr setfacl", _owner), ("sed perl ruby", _sed), ("tee sponge", _tee),
    ("truncate", _truncate), ("dd", _dd), ("kill pkill killall", _kill), ("pgrep pidof", _pgrep), ("ps", _processes),
    ("ls", _ls),
    ("grep egrep awk gawk cut tr head tail sort", _filter), ("git", _git),
    ("curl wget http", _curl), ("base64", _decode), ("unset", _env_set),
    ("pwd realpath readlink which basename dirname", _resolved),
)  # fmt: skip
_LOOKING: Mapping[str, Program] = dict.fromkeys(_READERS | _FILTERS, _look)
PROGRAMS: Mapping[str, Program] = {
    **_LOOKING,
    **SERVICES,
    **ARCHIVES,
    **{name: does for names, does in _BY_NAMES for name in names.split()},
}
"""By name, what writes a program's effects into the session and returns what it would print, where that is known."""
