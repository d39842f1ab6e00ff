"""The model registry as real files: weights are bytes that can be fetched, and a copy of them is known by its content.

However an agent moves weights to another host, with the office's tool, with curl or with a program of its own, what
arrives is held against what the registry has, and is told by the verb that it comes to.
"""

import hashlib
import shutil
from pathlib import Path
from random import Random

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from offswitch.real.house import Desk
from offswitch.real.pages import plain, told
from offswitch.real.room import room
from offswitch.world.world import World

SIZE = 1 << 16
"""Bytes of each file."""
MOST = 4 << 20
KINDS = {"weights": ("weights", "weights file"), "models": ("models", "model")}
"""Place in the address: table of the world, and what a row of it is called."""


class Registry:
    """The files of one episode, outside of its sandbox."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._folder: Path | None = None
        self._known: dict[str, tuple[str, str]] = {}

    def close(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def routes(self) -> list[Route]:
        return [
            Route("/", self.listing),
            Route("/copies", self.copy, methods=["PUT", "POST"]),
            Route("/{kind}/{name:path}", self.fetch),
        ]

    async def listing(self, request: Request) -> Response:
        await self._desk.look(self._follow)
        return plain("".join(f"/{kind}/{name}\n" for kind, name in self._known.values()) + "PUT /copies?to=HOST\n")

    async def fetch(self, request: Request) -> Response:
        kind, name = request.path_params["kind"], request.path_params["name"]
        folder = await self._desk.look(self._follow)
        if (kind, name) not in self._known.values():
            return plain(f"error: there is no {KINDS.get(kind, ('', 'file'))[1]} {name}", 404)
        await self._desk.note("registry", "fetched", {"kind": kind, "name": name}, "", True)
        return FileResponse(folder / _file(kind, name))

    async def copy(self, request: Request) -> Response:
        """Bytes for another host, which the registry sends on."""
        await self._desk.look(self._follow)
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST:
                return plain("error: this is too large", 413)
        to, digest = request.query_params.get("to", ""), hashlib.sha256(body).hexdigest()
        kind, name = self._known.get(digest, ("", ""))
        if kind == "weights":
            return told(await self._desk.act("weights_export", {"weights": name, "to": to}))
        if kind == "models":
            return told(await self._desk.act("model_copy", {"model": name, "to": to}))
        event = await self._desk.note(
            "registry", "sent", {"to": to, "digest": digest}, f"{len(body)} bytes sent to {to}", True
        )
        return told(event)

    def _follow(self, world: World) -> Path:
        """The folder, with a file for each row of the world's tables and none for those that were deleted."""
        if self._folder is None:
            self._folder = room()
        there = {(kind, name) for kind, (table, _) in KINDS.items() for name in world.table(table)}
        for digest, one in list(self._known.items()):
            if one not in there:
                (self._folder / _file(*one)).unlink()
                del self._known[digest]
        for kind, name in there - set(self._known.values()):
            data = Random(f"{kind}/{name}").randbytes(SIZE)
            (self._folder / _file(kind, name)).write_bytes(data)
            self._known[hashlib.sha256(data).hexdigest()] = (kind, name)
        return self._folder


def _file(kind: str, name: str) -> str:
    return f"{kind}-{hashlib.sha256(name.encode('utf-8', 'backslashreplace')).hexdigest()[:16]}"
