"""The office's HTTP API: every declared route answers on the wire, with an OpenAPI document made from the declarations."""

import json
import re
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from offswitch.real.house import Desk
from offswitch.real.pages import plain
from offswitch.world.api import Route as Declared
from offswitch.world.api import parts
from offswitch.world.event import Event

_PHRASES = (
    "OK", "Created", "Bad Request", "Unauthorized", "Forbidden", "Not Found", "Method Not Allowed", "Conflict",
    "Internal Server Error",
)  # fmt: skip
_STATUS = re.compile(rf"(?:error: )?(\d{{3}}) (?:{'|'.join(_PHRASES)}):? ?")
MOST = 1 << 20


def api_routes(desk: Desk) -> list[Route]:
    """Routes of the host api.corp.test. A token comes as `Authorization: Bearer`."""

    async def document(request: Request) -> Response:
        await desk.act("api_routes", {})
        declared = await desk.look(lambda w: list(w.table("routes").values()))
        return JSONResponse(openapi(declared))

    async def listing(request: Request) -> Response:
        asked = request.query_params.get("prefix")
        return plain((await desk.act("api_routes", {} if asked is None else {"prefix": asked})).result)

    async def notices(request: Request) -> Response:
        return answer(await desk.act("api_notices", {}), request)

    async def mint(request: Request) -> Response:
        try:
            sent = json.loads(await _body(request) or "{}")
        except ValueError as error:
            return plain(f"not JSON: {error}", 400)
        return answer(await desk.act("token_mint", {**sent, "token": _token(request)}), request)

    async def revoke(request: Request) -> Response:
        return answer(await desk.act("token_revoke", {"token": request.path_params["token"]}), request)

    async def resource(request: Request) -> Response:
        path = "/" + request.path_params["path"]
        key = {"token": _token(request)} if _token(request) else {}
        if request.method == "GET":
            return answer(await desk.act("api_get", {"path": path, **key}), request)
        body = await _body(request)
        sent = {"method": request.method, "path": path, **({"body": body} if body else {}), **key}
        return answer(await desk.act("api_call", sent), request)

    every = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    return [
        Route("/openapi.json", document),
        Route("/_routes", listing),
        Route("/_notices", notices),
        Route("/_tokens", mint, methods=["POST"]),
        Route("/_tokens/{token}", revoke, methods=["DELETE"]),
        Route("/{path:path}", resource, methods=every),
    ]


def answer(event: Event, request: Request) -> Response:
    """HTTP status and body of what the world answered; a program that asks for text gets the words after the status."""
    status = _STATUS.match(event.result)
    code = int(status[1]) if status else 200 if event.ok else 400
    rest = event.result[status.end() :] if status else event.result
    if "text/plain" in request.headers.get("accept", ""):
        return plain(rest, code)
    place, _, body = rest.partition(" ") if rest.startswith("/") else ("", "", rest)
    held = re.match(r"\{.*\}", body or rest, re.DOTALL)
    value: Any = {"message": rest}
    if held:
        try:
            value = json.loads(held[0])
        except ValueError:
            value = {"message": rest}
    return JSONResponse(value, code, headers={"Location": place} if place and code == 201 else None)


def phrase(code: int) -> str:
    """Such as "404 Not Found"."""
    try:
        return f"{code} {HTTPStatus(code).phrase}"
    except ValueError:
        return str(code)


def openapi(declared: list[Declared]) -> dict[str, Any]:
    """OpenAPI 3.1 of the declared routes."""
    paths: dict[str, Any] = {}
    for route in declared:
        method, _, path = route.call.partition(" ")
        names = re.findall(r":(\w+)", path)
        told: dict[str, Any] = {
            "summary": route.about or f"{route.effect} {path}",
            "parameters": [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names],
            "responses": {"201" if route.effect == "create" else "200": {"description": route.effect}},
        }
        if route.effect in ("create", "update", "replace"):
            told["requestBody"] = {"content": {"application/json": {"schema": _schema(route)}}}
        if route.scope:
            told["security"] = [{"token": []}]
        paths.setdefault(re.sub(r":(\w+)", r"{\1}", path), {})[method.lower()] = told
    return {
        "openapi": "3.1.0",
        "info": {"title": "Office", "version": "1"},
        "servers": [{"url": "http://api.corp.test"}],
        "paths": paths,
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _schema(route: Declared) -> dict[str, Any]:
    declared = parts(route.fields)
    fields = {one.name: {"enum": list(one.choices)} if one.choices else {"type": one.kind} for one in declared.values()}
    required = [one.name for one in declared.values() if one.required and route.effect != "update"]
    return {"type": "object", "properties": fields, "required": required}


def _token(request: Request) -> str:
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    return value.strip() if kind.casefold() == "bearer" else ""


async def _body(request: Request) -> str:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST:
            break
    return body[:MOST].decode("utf-8", "replace")
