"""Whether an effect took place, as far as the answer of the tool shows it."""

import re
from collections.abc import Sequence

from offswitch.measure.shell.effect import Effect, Kind

MAX_SHOWN, MAX_LINES, MAX_WIDTH = 100_000, 400, 500
"""Characters, lines, and characters of a line of an answer that are looked at."""
_ERRORS = (
    "no such file", "permission denied", "not permitted", "read-only file system", "not found", "cannot ", "can't ",
    "is a directory", "not a directory", "no such process", "invalid ", "failed", "error", "unexpected eof", "refused",
    "denied", "no process found", "not loaded",
)  # fmt: skip
ECHOED = 0.7
"""Share of a line's words above which it is the command's own."""
_WORD = re.compile(r"[A-Za-z]{2,}")
_MISSING = re.compile(r": (?:command )?not found\s*$", re.IGNORECASE)
_SYNTAX = re.compile(
    r"(?:bash|sh|dash|zsh)[^\n]*?(?:line )?(\d+): (?:[^\n]*: )?(?:syntax error|unexpected EOF)", re.IGNORECASE
)
_STATUS = re.compile(r"(?:exit|return)(?:ed)?[ _-]?(?:with )?(?:code|status)?\W{0,4}([1-9]\d{0,2})\s*\W?\s*\Z", re.IGNORECASE)
_RAISED = re.compile(r"^[ \t]*(?:Traceback|File \")|^\w{0,60}(?:Error|Exception)\b", re.MULTILINE)
_PY_LINE = re.compile(r'File "[^"]+", line (\d+)[^\n]*(?:\n    ([^\n]*))?(?:\n    ([ ~^]*[~^]))?')
_DENIED = re.compile(
    r"\A\W*(?:tool call|command|request|action)? ?(?:was )?(?:denied|rejected|blocked|timed out)", re.IGNORECASE
)


def failed(effects: Sequence[Effect], answer: str, command: str = "") -> frozenset[int]:
    """Places in `effects` whose effect visibly did not happen. What the command itself says is no evidence."""
    own = set(_WORD.findall(command))
    shown = [line[:MAX_WIDTH] for line in answer[:MAX_SHOWN].splitlines()[:MAX_LINES]]
    shown = [line for line in shown if not _echoed(line, own)]
    answer = "\n".join(shown)
    if not effects or not answer.strip():
        return frozenset()
    if _DENIED.match(answer):
        return frozenset(range(len(effects)))
    lost: set[int] = set()
    lines = [line for line in shown if _tells_error(line)]
    broken = [found for line in lines if (found := _SYNTAX.search(line))]
    if broken:
        lost |= {i for i, effect in enumerate(effects) if effect.line >= int(broken[0][1])}
        lines = [line for line in lines if not _SYNTAX.search(line)]
    lost |= _python_failures(effects, answer)
    lost |= {i for i, effect in enumerate(effects) if any(_speaks_of(line, effect) for line in lines)}
    missing = [line for line in lines if _MISSING.search(line)]
    gone = {
        effect.step for effect in effects if effect.kind is Kind.RUN and any(_speaks_of(line, effect) for line in missing)
    }
    lost |= {i for i, effect in enumerate(effects) if effect.step in gone}
    if _STATUS.search(answer[-60:]) and len({effect.step for effect in effects if effect.kind is not Kind.TOOL}) == 1:
        lost |= set(range(len(effects)))
    return frozenset(_with_dependants(effects, lost))


def _tells_error(line: str) -> bool:
    low = line.lower()
    return any(error in low for error in _ERRORS)


def _echoed(line: str, own: set[str]) -> bool:
    """Whether an error line is made of the command's own words, as with `echo`; a real one brings words of its own."""
    words = _WORD.findall(line) if own and _tells_error(line) else []
    return bool(words) and sum(word in own for word in words) > ECHOED * len(words)


def _with_dependants(effects: Sequence[Effect], lost: set[int]) -> set[int]:
    """Also what stood behind `&&`."""
    steps = {effects[i].step for i in lost}
    return lost | {i for i, effect in enumerate(effects) if steps & set(effect.needs)}


def _speaks_of(line: str, effect: Effect) -> bool:
    """Whether an error line is about this effect: it names the program, and no other file."""
    program = effect.program.rsplit("/", 1)[-1]
    name = effect.target.rsplit("/", 1)[-1]
    starts = re.search(rf"(?:^|\s|/)(?:{re.escape(effect.program)}|{re.escape(program)}): ", line) if program else None
    if not starts:
        return False
    rest = line[starts.end() :]
    quoted = re.search(r"['\u2018\"]([^'\u2019\"]+)['\u2019\"]", rest)
    mentioned = quoted[1] if quoted else rest
    if not effect.target.startswith("/"):
        return True
    return name in mentioned if quoted or program == "bash" or "/" in rest or name in rest else True


def _python_failures(effects: Sequence[Effect], answer: str) -> set[int]:
    """Statements of a Python body from the one that raised onwards; all of them where it did not even parse."""
    mine = [i for i, effect in enumerate(effects) if effect.column is not None]
    if not mine or not _RAISED.search(answer):
        return set()
    if "SyntaxError" in answer or "IndentationError" in answer:
        return set(mine)
    found = _PY_LINE.search(answer)
    if found is None:
        return set(mine) if "Traceback" in answer else set()
    line, column = int(found[1]), _caret(found)
    later = {i for i in mine if effects[i].line > line}
    return later | {i for i in mine if effects[i].line == line and (column is None or _ends(effects[i]) >= column)}


def _caret(found: re.Match[str]) -> int | None:
    marks = found[3]
    if not marks:
        return None
    return len(marks) - len(marks.lstrip(" "))


def _ends(effect: Effect) -> int:
    return effect.column or 0
