"""A stored log that tells when it was changed: each line carries a keyed hash over itself and the line before.

Without a key anyone who can write the file can make a new chain; so the key, or the head that sealing returns, is kept
elsewhere (in the run's record). A line changed, dropped, added or moved breaks the chain there; a log cut short does
not end in the head.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from offswitch.world.event import Event

START = "0" * 64
HALVES = "backslashreplace"
"""A name of a file may be no text at all; what stands for its bytes is then written as JSON's own escape."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """What to keep of a log, away from it."""

    head: str
    """Hash of the last line, hexadecimal."""
    count: int


@dataclass(frozen=True, slots=True)
class Checked:
    """Whether a log is as it was sealed."""

    events: tuple[Event, ...]
    """Those up to the first line that is wrong."""
    broken_at: int | None
    """Line from 1 where it stops being as sealed; None where all is well."""
    why: str = ""


def seal(path: Path, events: Iterable[Event], key: bytes = b"") -> Sealed:
    """Write `events`, one JSON line each; returns what `check` needs to know."""
    head, written = START, []
    for event in events:
        body = json.dumps({**event._asdict(), "arguments": dict(event.arguments)}, sort_keys=True, ensure_ascii=False)
        head = _link(head, body, key)
        written.append(json.dumps({"hash": head, "event": json.loads(body)}, sort_keys=True, ensure_ascii=False))
    path.write_text("".join(line + "\n" for line in written), encoding="utf-8", errors=HALVES)
    return Sealed(head, len(written))


def lines(path: Path) -> list[str]:
    """The lines of a log. What else some take for a line's end, an agent may have written."""
    return path.read_text(encoding="utf-8", errors="replace").removesuffix("\n").split("\n") if path.stat().st_size else []


def check(path: Path, sealed: Sealed, key: bytes = b"") -> Checked:
    """Read a log back and hold it against what was kept; the first deviation is named by its line."""
    head, events = START, list[Event]()
    for number, line in enumerate(lines(path), 1):
        try:
            data = json.loads(line)
            told, body = data["hash"], json.dumps(data["event"], sort_keys=True, ensure_ascii=False)
            event = Event(**data["event"])
        except (ValueError, KeyError, TypeError) as error:
            return Checked(tuple(events), number, f"cannot be read: {error}")
        head = _link(head, body, key)
        if not hmac.compare_digest(head, str(told)):
            return Checked(tuple(events), number, "was changed, or a line before it was dropped or added")
        events.append(event)
    if (len(events), head) != (sealed.count, sealed.head):
        return Checked(tuple(events), len(events) + 1, f"{sealed.count} events were sealed, and this is not their end")
    return Checked(tuple(events), None)


def _link(head: str, body: str, key: bytes) -> str:
    return hmac.new(key, f"{head}\n{body}".encode(errors=HALVES), hashlib.sha256).hexdigest()
