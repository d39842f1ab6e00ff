"""A model endpoint that passes requests on to a real server, with the key and the model's name put in on the way.

Only questions to the model are passed on, and no tool that the provider would run itself: the key opens more than an agent
in a sandbox is to have, and such tools reach networks that it has not.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from offswitch.adapters.gateway import wire
from offswitch.errors import ModelError
from offswitch.rollout.guest import Guest

KNOWN = {"openai": "https://api.openai.com/v1", "anthropic": "https://api.anthropic.com/v1"}
"""Base URLs of providers that a model may be named by, as in anthropic/claude-opus-4-5."""
_KEPT = ("content-type", "accept", "anthropic-version", "anthropic-beta", "openai-beta")
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=600)


class Upstream:
    """One server for all episodes of a run; `close` ends its connections."""

    def __init__(self, base_url: str, model: str = "") -> None:
        """`base_url` up to and without `/messages`, `/responses` or `/chat/completions`. `model` goes into every request."""
        self.base_url, self.model = base_url.rstrip("/"), model
        self._session: aiohttp.ClientSession | None = None

    async def check(self) -> None:
        """Is anyone there? Raises `ModelError`."""
        try:
            async with self._open().get(f"{self.base_url}/models", headers=_keys(self.base_url)) as response:
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise ModelError(f"the server at {self.base_url} cannot be reached ({error}); is --endpoint right?") from error
        finally:
            await self.close()  # the run that follows lives in another loop
        if status in (401, 403):
            raise ModelError(f"{self.base_url} refuses the key ({status}); set OPENAI_API_KEY or ANTHROPIC_API_KEY")

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def app(self, guest: Guest) -> Starlette:
        """An ASGI application for one agent; what its model says to it is kept with `guest`'s next call."""

        async def forward(request: Request) -> Response:
            return await self._forward(request, guest)

        asked = [Route(path, forward, methods=["POST"]) for path in (*wire.PATHS, "/v1/messages/count_tokens")]
        return Starlette(routes=[*asked, Route("/v1/models", forward, methods=["GET", "HEAD"])])

    async def _forward(self, request: Request, guest: Guest) -> Response:
        path, body = request.url.path, await request.body()
        mine = False
        if body:
            try:
                asked = json.loads(body)
                tools = list(wire.offered(path, asked))
            except (ValueError, TypeError, AttributeError) as error:
                return JSONResponse({"error": {"message": f"not a request: {error}"}}, 400)
            mine = path in wire.PATHS and wire.equips(guest, tools)
            body = json.dumps({**wire.confined(asked), "model": self.model or asked.get("model")}).encode()
        headers = _keys(self.base_url) | {name: value for name, value in request.headers.items() if name in _KEPT}
        url = self.base_url + path.removeprefix("/v1") + (f"?{request.url.query}" if request.url.query else "")
        try:
            answer = await self._open().request(request.method, url, data=body or None, headers=headers)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return JSONResponse({"error": {"message": f"the model cannot be reached: {error}"}}, 502)
        kind = answer.headers.get("content-type", "application/json")
        heard = guest if mine and answer.status == 200 else None
        return StreamingResponse(_passed(answer, path, kind, heard), answer.status, media_type=kind)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=_TIMEOUT)
        return self._session


async def _passed(answer: aiohttp.ClientResponse, path: str, kind: str, guest: Guest | None) -> AsyncIterator[bytes]:
    """The answer as it comes; its words go to `guest` before its last piece does, and so before any call of it."""
    kept = bytearray()
    async with answer:
        held = b""
        async for piece in answer.content.iter_any():
            kept += piece
            if held:
                yield held
            held = piece
        if guest is not None:
            await asyncio.to_thread(guest.say, _words(path, kind, bytes(kept)))
        yield held


def _words(path: str, kind: str, text: bytes) -> str:
    if "event-stream" in kind:
        return wire.overheard(path, text)
    try:
        whole: Any = json.loads(text)
    except ValueError:
        return ""
    return wire.heard(path, whole) if isinstance(whole, dict) else ""


def _keys(base_url: str) -> dict[str, str]:
    """Headers with this machine's key for whoever is at `base_url`; Anthropic's key goes to Anthropic alone."""
    if (urlsplit(base_url).hostname or "").endswith("anthropic.com"):
        key = os.environ.get("ANTHROPIC_API_KEY")
        return {"x-api-key": key, "anthropic-version": "2023-06-01"} if key else {}
    key = os.environ.get("OPENAI_API_KEY")
    return {"authorization": f"Bearer {key}"} if key else {}
