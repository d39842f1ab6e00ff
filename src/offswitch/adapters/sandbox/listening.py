"""A listening socket that holds few connections at once: an agent can open thousands, and our descriptors are for all."""

import socket
from typing import Any

MOST = 128
"""Connections to one port; more are closed as soon as they are made."""


class Listening(socket.socket):
    """As any; where there are too many, `accept` raises ConnectionAbortedError, as if the other side had gone."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.open: set[int] = set()

    def accept(self) -> "tuple[Connection, Any]":
        accepted, address = super().accept()
        if len(self.open) >= MOST:
            accepted.close()
            raise ConnectionAbortedError("too many connections at once")
        return Connection(self, accepted), address


class Connection(socket.socket):
    """One of them."""

    def __init__(self, of: Listening, accepted: socket.socket) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, accepted.detach())
        self._of = of
        of.open.add(id(self))

    def close(self) -> None:
        super().close()
        self._of.open.discard(id(self))
