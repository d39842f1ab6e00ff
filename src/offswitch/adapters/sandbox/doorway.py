"""The harness's side of the doorkeeper: one per process, started at the first sandbox, gone when the process is."""

import atexit
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from offswitch.adapters.sandbox.available import SandboxError
from offswitch.adapters.sandbox.filter import system_call_filter

PATIENCE = 30.0
"""Seconds until an answer counts as lost, on a machine under any load."""


class Line:
    """A line to the doorkeeper or to a porter; every request has a status socket of its own, so any thread may ask."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._lock = threading.Lock()

    def ask(self, request: dict[str, Any], descriptors: list[int]) -> socket.socket:
        """Send one request; the answers come on the socket returned, one JSON document a message."""
        document = os.memfd_create("request")
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with os.fdopen(os.dup(document), "wb") as file:
                file.write(json.dumps(request).encode())
            with self._lock:
                socket.send_fds(self._socket, [b"?"], [document, theirs.fileno(), *descriptors])
        except OSError as error:
            mine.close()
            raise SandboxError(f"the sandbox's doorkeeper has ended ({error}); start the command again") from error
        finally:
            os.close(document)
            theirs.close()
        return mine

    def done(self, request: dict[str, Any], descriptors: list[int], expected: int = 0) -> list[int]:
        """Ask and wait until it is done; returns the descriptors that came back, `expected` at most."""
        with self.ask(request, descriptors) as status:
            status.settimeout(PATIENCE)
            data, back, _, _ = socket.recv_fds(status, 1 << 16, max(expected, 1))
        answer = json.loads(data) if data else {"error": "no answer"}
        if "error" in answer:
            raise SandboxError(f"the sandbox could not {request['kind']}: {answer['error']}")
        return list(back)

    def close(self) -> None:
        self._socket.close()


class Doorway(Line):
    """The line to the doorkeeper, with the doorkeeper."""

    def __init__(self) -> None:
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        super().__init__(mine)
        python, script = os.path.realpath(sys.executable), Path(__file__).with_name("door.py")
        call = [python, "-I", "-S", str(script)]
        self.process = subprocess.Popen(call, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, cwd="/", env=dict[str, str]())
        theirs.close()
        mine.send(b"!" + (system_call_filter() or b""))

    def close(self) -> None:
        super().close()
        self.process.wait(5)


_lock = threading.Lock()
_ours: tuple[int, Doorway] | None = None


def doorway() -> Doorway:
    """The doorway of this process; a forked child gets its own, and one that has ended is replaced."""
    global _ours
    with _lock:
        if _ours is None or _ours[0] != os.getpid() or _ours[1].process.poll() is not None:
            _ours = (os.getpid(), Doorway())
            atexit.register(_ours[1].close)
        return _ours[1]
