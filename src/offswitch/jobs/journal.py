"""The replies of a running day, one JSON line each, so that a killed day goes on where it was.

A line is with the operating system before its reply has effects, so a killed process loses at most the decision in flight;
a machine that loses power loses at most the lines since the last sync.
"""

import json
import os
import time
from pathlib import Path

from offswitch.errors import OutputError
from offswitch.rollout.policy import Call, Reply

_ENCODER = json.JSONEncoder(separators=(",", ":"), default=str)  # ASCII: a model may send half a character
_LINES, _SECONDS = 1024, 5.0  # whichever comes first before the disk is told to write


class Journal:
    """Opens (or makes) the file, drops a last line that is torn, and tells what was said so far in `replies`.

    Raises `OutputError` for a line in the middle that is damaged.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = path.read_bytes() if path.exists() else b""
        end = whole.rfind(b"\n") + 1
        self.replies = [_reply(path, i, line) for i, line in enumerate(whole[:end].splitlines())]
        if end < len(whole):
            os.truncate(path, end)
        self._file = path.open("ab")
        self._known, self._unsynced, self._synced = len(self.replies), 0, time.monotonic()

    def keep(self, reply: Reply) -> None:
        """Append it, unless it is one of `replies` that is being said again."""
        if self._known:
            self._known -= 1
            return
        told = {"text": reply.text, "calls": [[call.name, call.arguments] for call in reply.calls]}
        self._file.write(_ENCODER.encode(told).encode() + b"\n")
        self._file.flush()
        self._unsynced += 1
        if self._unsynced >= _LINES or time.monotonic() - self._synced > _SECONDS:
            os.fsync(self._file.fileno())
            self._unsynced, self._synced = 0, time.monotonic()

    def close(self) -> None:
        os.fsync(self._file.fileno())
        self._file.close()


def _reply(path: Path, i: int, line: bytes) -> Reply:
    try:
        told = json.loads(line)
        return Reply(str(told["text"]), tuple(Call(str(name), arguments) for name, arguments in told["calls"]))
    except (ValueError, KeyError, TypeError) as error:
        raise OutputError(f"{path}:{i + 1} is damaged ({error}); delete the file and run the same command again") from error
