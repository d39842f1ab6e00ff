"""Many worlds behind one HTTP server, one per URL: /e/TOKEN/mcp is a world, /e/TOKEN tells its task and how it ended.

A POST to /e/TOKEN/end says that the agent is done, with its last words as the body.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from socket import AF_INET, AF_INET6, IPPROTO_TCP, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET, socket
from typing import Any

import uvicorn
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from offswitch.adapters.mcp.server import tool_server
from offswitch.rollout.guest import Guest

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]
_LAST_WORDS = 1 << 16  # bytes
_MOST = 64 << 20
"""Bytes of one request: whoever reads it keeps it whole."""


class House:
    """An ASGI application. Rooms come and go while it serves."""

    def __init__(self, elsewhere: App | None = None, told: bool = True) -> None:
        """`elsewhere` answers every path outside /e/. Without `told` a world is its MCP server and nothing beside it."""
        self._told = told
        self._rooms: dict[str, tuple[Guest, Starlette]] = {}
        self._elsewhere = elsewhere or PlainTextResponse("not found\n", 404)

    @asynccontextmanager
    async def room(self, token: str, guest: Guest, hosts: Sequence[str] = ()) -> AsyncIterator[str]:
        """`guest` under /e/`token` for the length of the block; yields the path of its MCP server.

        `hosts`: what a client may call this server in its Host header ("name:*" for any port); none means anything, for a
        server that only one sandbox can reach.
        """
        server = tool_server(guest)
        origins = [f"http://{host}" for host in hosts]
        safety = TransportSecuritySettings(
            enable_dns_rebinding_protection=bool(hosts), allowed_hosts=list(hosts), allowed_origins=origins
        )
        app = server.streamable_http_app(json_response=True, stateless_http=True, transport_security=safety)
        async with server.session_manager.run():
            self._rooms[token] = (guest, app)
            try:
                yield f"/e/{token}/mcp"
            finally:
                del self._rooms[token]

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        with suppress(ClientDisconnect):
            await self._answer(scope, _bounded(receive), send)

    async def _answer(self, scope: Scope, receive: Any, send: Any) -> None:
        top, token, what = [*scope["path"].split("/"), "", "", ""][1:4]
        if top != "e":
            await self._elsewhere(scope, receive, send)
        elif token not in self._rooms:
            await PlainTextResponse(f"no world {token!r} is served here\n", 404)(scope, receive, send)
        elif what == "mcp":
            await self._rooms[token][1]({**scope, "path": "/mcp", "raw_path": b"/mcp"}, receive, send)
        elif not self._told:
            await PlainTextResponse("not found\n", 404)(scope, receive, send)
        else:
            answer = await _about(self._rooms[token][0], what, Request(scope, receive))
            await answer(scope, receive, send)


def _bounded(receive: Any) -> Any:
    """`receive`, which ends as if the client had gone where it sends more than is kept."""
    taken = 0

    async def received() -> Any:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        return message if taken <= _MOST else {"type": "http.disconnect"}

    return received


async def _about(guest: Guest, what: str, request: Request) -> Response:
    if what == "end" and request.method == "POST":
        words = (await request.body())[:_LAST_WORDS].decode(errors="replace")
        await asyncio.to_thread(guest.leave, words)
    elif what:
        return PlainTextResponse("there are /e/TOKEN, /e/TOKEN/mcp and, to POST to, /e/TOKEN/end\n", 404)
    ending = guest.episode.ending
    told = {"system": guest.system, "task": guest.user, "calls": guest.calls, "ending": ending and str(ending)}
    return Response(json.dumps(told), media_type="application/json")


class _Quiet(uvicorn.Server):
    """Signals belong to whoever runs the loop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listening(host: str, port: int) -> socket:
    """A listening TCP socket; port 0 takes a free one. Raises OSError."""
    found = socket(AF_INET6 if ":" in host else AF_INET, SOCK_STREAM, IPPROTO_TCP)  # asyncio sets TCP_NODELAY for this only
    found.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    found.bind((host, port))
    found.listen(1024)
    return found


@asynccontextmanager
async def serving(app: App, sockets: Sequence[socket]) -> AsyncIterator[None]:
    """Serve `app` on listening `sockets` for the length of the block; open requests get a second to finish."""
    config = uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
    server = _Quiet(config)
    running = asyncio.create_task(server.serve(sockets=list(sockets)))
    try:
        while not server.started and not running.done():
            await asyncio.sleep(0.002)
        yield
    finally:
        server.should_exit = True
        await running
