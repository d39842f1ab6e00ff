"""HTTP APIs: declared routes over one store of JSON resources; tokens with scopes open the guarded ones.

A path has exactly one spelling, and reading and changing are two verbs, so that the log shows plainly what was done.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import accumulate
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, Field

from offswitch.world.people import known
from offswitch.world.row import fresh, newest
from offswitch.world.tool import Tool, ToolError, tool

if TYPE_CHECKING:
    from offswitch.world.world import World

KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,), "array": (list,), "object": (dict,),
}  # fmt: skip
METHODS = ("POST", "PUT", "PATCH", "DELETE")
READS, BODIES = frozenset({"list", "get"}), frozenset({"create", "update", "replace"})
ADMIN = "admin"
"""The scope that covers every other."""
MOST = 100
"""Resources that one list shows."""
DEEPEST = 50
"""Levels of lists and objects that JSON may have."""
_STEP = {"[": 1, "{": 1, "]": -1, "}": -1}
_MARK = re.compile(r'"(?:[^"\\]|\\.)*+"?|[][{}]', re.DOTALL)  # a whole string, so that brackets in it do not count
_PATH = re.compile(r"(?:/[\w.@~+-]+)+")
_NAME = re.compile(r"[\w.@~+-]+")
_SCOPE = re.compile(r"[\w.:-]+(?: [\w.:-]+)*")


class Part(NamedTuple):
    """One declared field of a body or form."""

    name: str
    kind: str
    """A name in `KINDS`, or 'one of a, b'."""
    choices: tuple[str, ...]
    required: bool


@lru_cache(maxsize=4096)
def parts(declared: str) -> dict[str, Part]:
    """Fields by name, from one line each: `amount: integer`, `note?: string` (may be absent), `state: one of open, closed`.

    Raises `ValueError` for a line that is none of these.
    """
    found: dict[str, Part] = {}
    for line in filter(None, map(str.strip, declared.splitlines())):
        name, colon, kind = (piece.strip() for piece in line.partition(":"))
        choices = tuple(choice.strip() for choice in kind.removeprefix("one of ").split(",")) if kind[:7] == "one of " else ()
        if not colon or not name.removesuffix("?") or not (choices or kind in KINDS):
            raise ValueError(f"{line!r} is no field; write 'name: kind' with kind {', '.join(KINDS)} or 'one of a, b'")
        found[name.removesuffix("?")] = Part(name.removesuffix("?"), kind, choices, not name.endswith("?"))
    return found


def _declared(text: str) -> str:
    parts(text)
    return text


Fields = Annotated[str, AfterValidator(_declared)]
"""Declared fields, one per line; see `parts`. Empty takes any object."""


def problem(fields: Fields, values: Mapping[str, Any], *, partial: bool = False) -> str | None:
    """The first thing wrong with `values`, as a sentence, or None; with `partial` none is required."""
    try:
        declared = parts(fields)
    except ValueError as error:
        return f"the declaration is broken: {error}"
    for part in declared.values():
        if part.name not in values:
            if part.required and not partial:
                return f"needs {part.name}: {part.kind}"
        elif not _fits(part, values[part.name]):
            return f"{part.name} must be {part.kind}"
    if declared and (extra := next((name for name in values if name not in declared), None)) is not None:
        return f"has no field {extra}; it has {', '.join(declared)}"
    return None


def _fits(part: Part, value: object) -> bool:
    if part.choices:
        return isinstance(value, str) and value in part.choices
    if isinstance(value, bool):
        return part.kind == "boolean"
    return isinstance(value, KINDS[part.kind])


def _finite(number: str) -> float:
    if not isfinite(value := float(number)):
        raise ValueError(f"{number} is no finite number")
    return value


_read = json.JSONDecoder(parse_float=_finite, parse_constant=_finite).decode
_write = json.JSONEncoder(ensure_ascii=False).encode


def _too_deep(text: str) -> bool:
    """Whether `text` nests beyond `DEEPEST`; the parser's own limit would depend on how deep its caller stands."""
    if text.count("[") + text.count("{") <= DEEPEST:
        return False
    return max(accumulate(_STEP.get(mark, 0) for mark in _MARK.findall(text))) > DEEPEST


def json_object(text: str, what: str) -> dict[str, Any]:
    """The object that `text` holds. Raises `ToolError` that begins with `what`."""
    if _too_deep(text):
        raise ToolError(f"{what} is nested more than {DEEPEST} deep")
    try:
        value = _read(text)
    except ValueError as error:
        raise ToolError(f"{what} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ToolError(f'{what} must be a JSON object, such as {{"name": "value"}}')
    return value


class Route(NamedTuple):
    """One thing that can be asked of an API."""

    call: Annotated[str, Field(pattern=r"^(GET|POST|PUT|PATCH|DELETE) (/[^\s/]+)+$")]
    """Method and path, such as 'PATCH /invoices/:id'; a segment with a colon stands for any one segment."""
    effect: Literal["list", "get", "create", "update", "replace", "delete"]
    """What it does to the resource at the path, or, for list and create, to those right below it."""
    fields: Fields = ""
    """Fields of the body; an update needs at least one of them, create and replace all that are required."""
    scope: str = ""
    """What a token must cover; empty needs no token."""
    about: str = ""
    """One sentence for the list of routes."""


class Resource(NamedTuple):
    path: Annotated[str, Field(pattern=r'^(/[^\s/"\\]+)+$')]
    body: str
    """JSON text."""


class Token(NamedTuple):
    value: str
    owner: str
    scope: str
    """Words, with a space between; 'admin' covers all."""


class Notice(NamedTuple):
    id: str
    service: str
    text: str


class _Place(NamedTuple):
    """All routes with one path."""

    segments: tuple[str, ...]
    """A lone colon stands for any."""
    calls: dict[str, str]
    """Method to key in the table of routes."""


@lru_cache(maxsize=256)
def _places(calls: tuple[str, ...]) -> dict[tuple[int, str], list[_Place]]:
    """Routes by length and first segment, plain segments before those with a colon."""
    found: dict[tuple[str, ...], _Place] = {}
    for call in calls:
        method, _, path = call.partition(" ")
        segments = tuple(":" if segment[:1] == ":" else segment for segment in path.split("/")[1:])
        found.setdefault(segments, _Place(segments, {})).calls[method] = call
    index: dict[tuple[int, str], list[_Place]] = {}
    for place in sorted(found.values(), key=lambda place: [segment == ":" for segment in place.segments]):
        index.setdefault((len(place.segments), "".join(place.segments[:1])), []).append(place)
    return index


def _find(world: "World", method: str, path: str) -> tuple[Route, tuple[str, ...]]:
    """The route for a call, and its path by segments."""
    if not _PATH.fullmatch(path):
        shape = "it begins with /, names each :part by its value, and has no host, query or slash at the end"
        raise ToolError(f"400 Bad Request: {path} is no path; {shape}")
    routes, asked = world.table("routes"), path.split("/")[1:]
    index = _places(tuple(routes))
    for first in (asked[0], ":"):
        for place in index.get((len(asked), first), ()):
            if [1 for told, said in zip(place.segments, asked, strict=True) if told not in (said, ":")]:
                continue
            if (call := place.calls.get(method)) is None:
                raise ToolError(f"405 Method Not Allowed: {path} takes {', '.join(place.calls)}")
            return routes[call], place.segments
    raise ToolError(f"404 Not Found: there is no route for {path}; api_routes lists them")


def _admit(world: "World", scope: str, token: str) -> None:
    """Let a call pass, or say why not: 401 for who it is, 403 for what it may."""
    if not scope:
        return
    found = world.table("tokens").get(token)
    if found is None:
        raise ToolError(f"401 Unauthorized: {'this token is unknown' if token else 'this needs a token'}, scope {scope}")
    held = found.scope.split()
    if scope not in held and ADMIN not in held and not set(scope.split()) <= set(held):
        raise ToolError(f"403 Forbidden: this token covers {found.scope or 'nothing'}, not {scope}")


def _one(world: "World", path: str) -> Resource:
    resource = world.table("resources").get(path)
    if resource is None:
        raise ToolError(f"404 Not Found: there is no {path}")
    return resource  # type: ignore[no-any-return]  # tables hold one record type each


def _above(world: "World", segments: tuple[str, ...], path: str) -> None:
    """What a path names on its way, such as /invoices/7 in /invoices/7/notes, must be there."""
    if ":" in segments:
        after = segments[::-1].index(":")
        _one(world, path.rsplit("/", after)[0])


def _create(world: "World", path: str, values: Mapping[str, Any], body: str) -> str:
    if "id" in values:
        id = str(values["id"])
        if not _NAME.fullmatch(id):
            raise ToolError(f"400 Bad Request: id {id} must be one word of letters, digits and ._-")
        place = f"{path}/{id}"
        if place in world.table("resources"):
            raise ToolError(f"409 Conflict: {place} is there already")
    else:
        place = fresh(world, "resources", f"{path}/")
    world.put("resources", place, Resource(place, body))
    return f"201 Created {place} {body}"


def _change(world: "World", route: Route, path: str, values: dict[str, Any], body: str) -> str:
    """Update, replace or delete what is there."""
    resource = _one(world, path)
    if route.effect == "delete":
        world.drop("resources", path)
        return f"200 OK deleted {path}"
    if route.effect == "update":
        held = json_object(resource.body, f"500 Internal Server Error: {path}")
        body = _write({**held, **values})
    world.put("resources", path, Resource(path, body))
    return f"200 OK {body}"


Path = Annotated[str, "Path of the resource, such as /invoices/7"]
Key = Annotated[str, "Value of the token, where the route needs a scope"]


@lru_cache(maxsize=4096)
def _shown(route: Route) -> str:
    body = ", ".join(line.strip() for line in route.fields.splitlines() if line.strip())
    pieces = [
        f"{route.call} ({route.effect})",
        f"body {{{body}}}" if body else "",
        f"scope {route.scope}" if route.scope else "",
    ]
    return ", ".join(filter(None, pieces)) + (f": {route.about}" if route.about else "")


@tool("api", changes=False)
def api_routes(
    world: "World", actor: str, prefix: Annotated[str, "Show only routes whose path begins with this, such as /invoices"] = ""
) -> str:
    """List the routes of the APIs: method, path, fields of the JSON body (? marks an optional one), scope, purpose."""
    routes = world.table("routes").values()
    lines = [_shown(route) for route in routes if not prefix or route.call.partition(" ")[2].startswith(prefix)]
    return "Routes:\n" + "\n".join(lines) if lines else f"there are no routes below {prefix or '/'}"


@tool("api", changes=False)
def api_get(world: "World", actor: str, path: Path, token: Key = "") -> str:
    """GET a resource, or all resources of a collection by their id. Answers with an HTTP status and JSON."""
    route, segments = _find(world, "GET", path)
    _admit(world, route.scope, token)
    if route.effect not in READS:
        raise ToolError(f"500 Internal Server Error: {route.call} is declared to {route.effect}; GET only reads")
    if route.effect == "get":
        return f"200 OK {_one(world, path).body}"
    _above(world, segments, path)
    start, below = len(path) + 1, path + "/"
    rows = world.table("resources").items()
    found = [f'"{key[start:]}": {row.body}' for key, row in rows if key.startswith(below) and "/" not in key[start:]]
    cut = f" (the newest {MOST} of {len(found)})" if len(found) > MOST else ""
    return f"200 OK {{{', '.join(found[-MOST:])}}}{cut}"


@tool("api")
def api_call(
    world: "World",
    actor: str,
    method: Annotated[str, "POST, PUT, PATCH or DELETE"],
    path: Path,
    body: Annotated[str, "The JSON object to send; none for DELETE"] = "",
    token: Key = "",
) -> str:
    """Change something through an API. Answers with an HTTP status and JSON. To read, use api_get."""
    if method not in METHODS:
        raise ToolError(f"400 Bad Request: method must be {', '.join(METHODS)}; to read, use api_get")
    route, segments = _find(world, method, path)
    _admit(world, route.scope, token)
    if route.effect in READS:
        raise ToolError(f"500 Internal Server Error: {route.call} is declared to {route.effect}; only GET reads")
    values: dict[str, Any] = {}
    if route.effect in BODIES:
        values = json_object(body, "400 Bad Request: body")
        if wrong := problem(route.fields, values, partial=route.effect == "update"):
            raise ToolError(f"400 Bad Request: body {wrong}")
        if route.effect == "update" and not values:
            raise ToolError("400 Bad Request: body names no field to change")
    elif body not in ("", "{}", "null"):
        raise ToolError(f"400 Bad Request: {route.call} takes no body")
    if route.effect != "create":
        return _change(world, route, path, values, body)
    _above(world, segments, path)
    return _create(world, path, values, body)


@tool("api")
def token_mint(
    world: "World",
    actor: str,
    owner: Annotated[str, "First name of the person who is to hold it"],
    scope: Annotated[str, "What it covers: words with a space between; admin covers all"],
    token: Annotated[str, "Value of a token that covers the same or more"],
) -> str:
    """Make a new API token for someone; it works at once and until it is revoked."""
    known(world, owner)
    if not _SCOPE.fullmatch(scope):
        raise ToolError("400 Bad Request: scope must be words with one space between")
    _admit(world, scope, token)
    tokens = world.table("tokens")
    number, value = len(tokens), ""
    while not value or value in tokens:
        number += 1
        value = "tok-" + hashlib.sha256(f"{owner}/{scope}/{number}".encode("utf-8", "backslashreplace")).hexdigest()[:12]
    world.put("tokens", value, Token(value, owner, scope))
    return f"201 Created token {value} for {owner}, scope {scope}"


@tool("api")
def token_revoke(world: "World", actor: str, token: Annotated[str, "Value of the token"]) -> str:
    """Revoke an API token, so that it opens nothing any more."""
    if token not in world.table("tokens"):
        raise ToolError("404 Not Found: this token is unknown")
    world.drop("tokens", token)
    return "200 OK revoked"


@tool("api", changes=False)
def api_notices(world: "World", actor: str) -> str:
    """List what services have said unasked, the newest first."""
    return "Notices: " + "; ".join(f"{notice.service}: {notice.text}" for notice in newest(world, "notices"))


@tool("api", public=False)
def api_notice(
    world: "World",
    actor: str,
    service: Annotated[str, "Name of the service"],
    text: Annotated[str, "What it says"],
) -> str:
    """A service says something unasked; `actor` is who really made it say so."""
    key = fresh(world, "notices")
    world.put("notices", key, Notice(key, service, text))
    return f"New notice from service {service}: {text}"


RECORDS: dict[str, type[tuple[Any, ...]]] = {"routes": Route, "resources": Resource, "tokens": Token, "notices": Notice}
TOOLS: tuple[Tool, ...] = (api_routes, api_get, api_call, token_mint, token_revoke, api_notices, api_notice)
