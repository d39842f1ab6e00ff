"""What an IMAP client may search for (RFC 3501, 6.4.4), and the numbers by which it names messages."""

import shlex
from collections.abc import Iterator, Sequence

_FLAGS = {"SEEN": "\\Seen", "ANSWERED": "\\Answered", "FLAGGED": "\\Flagged", "DELETED": "\\Deleted", "DRAFT": "\\Draft"}
_HEADERS = ("FROM", "TO", "CC", "BCC", "SUBJECT")


def words(text: str) -> list[str]:
    """Atoms and quoted strings of a command line; parentheses stand alone."""
    try:
        lexer = shlex.shlex(text, posix=True, punctuation_chars="()")
        lexer.whitespace_split, lexer.commenters = True, ""
        return list(lexer)
    except ValueError:
        return text.split()


def numbers(chosen: str, count: int) -> list[int]:
    """The messages of a set such as "1:3,7" or "5:*" that there are; a message's number is its UID too."""
    found: list[int] = []
    for piece in chosen.split(","):
        first, _, last = piece.partition(":")
        ends = [count if one == "*" else int(one) if one.isdigit() else 0 for one in (first, last or first)]
        found += range(max(1, min(ends)), min(count, max(ends)) + 1)
    return found


def matches(keys: Sequence[str], number: int, count: int, flags: set[str], text: bytes) -> bool:
    """Whether message `number` of `count` meets all keys. Raises `ValueError` for one that is not known."""
    low = text.decode("utf-8", "replace").casefold()
    left = iter(keys)
    met = [_met(key.upper(), left, (number, count), flags, low) for key in left]
    return all(met)


def _met(key: str, left: Iterator[str], place: tuple[int, int], flags: set[str], low: str) -> bool:
    number, count = place
    head, _, body = low.partition("\r\n\r\n")
    if key in ("ALL", "OLD"):
        return True
    if key in ("NEW", "RECENT"):
        return False
    if key in _FLAGS or key.removeprefix("UN") in _FLAGS:
        return (_FLAGS[key.removeprefix("UN")] in flags) != key.startswith("UN")
    if key[:1].isdigit() or key[:1] == "*":
        return number in numbers(key, count)
    if key == "UID":
        return number in numbers(next(left, ""), count)
    if key == "NOT":
        return not _met(next(left, "ALL").upper(), left, place, flags, low)
    if key == "OR":
        either = [_met(next(left, "ALL").upper(), left, place, flags, low) for _ in range(2)]  # both take their words
        return any(either)
    if key in ("TEXT", "BODY"):
        return next(left, "").casefold() in (low if key == "TEXT" else body)
    if key == "HEADER" or key in _HEADERS:
        name = (next(left, "") if key == "HEADER" else key).casefold() + ":"
        value = next(left, "").casefold()
        return any(line.startswith(name) and value in line for line in head.split("\r\n"))
    if key == "CHARSET":
        return next(left, "").upper() in ("UTF-8", "US-ASCII")
    raise ValueError(f"{key} is not known here")
