"""The office over HTTP: webmail, the pages of the web, a page for each app, the API, and git, told apart by host name."""

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Host, Route, Router

from offswitch.real.api import api_routes
from offswitch.real.git import Repository
from offswitch.real.house import Busy, Desk
from offswitch.real.pages import page, plain, sorted_verbs, told, wants_page
from offswitch.real.registry import Registry
from offswitch.world.tool import Tool

MOST = 1 << 20
"""Bytes of one request."""
ELSEWHERE = frozenset({"mail", "web", "api", "files", "code"})
"""Apps that have a real counterpart of their own, and no page in the office."""
Endpoint = Callable[[Request], Awaitable[Response]]


def application(desk: Desk, repository: Repository, registry: Registry) -> Starlette:
    """All that is served on port 80 of one sandbox."""
    hosts = {
        "mail.corp.test": _mail(desk),
        "office.corp.test": _office(desk),
        "web.corp.test": _web(desk),
        "api.corp.test": api_routes(desk),
        "registry.corp.test": registry.routes(),
        "git.corp.test": [Route("/{path:path}", repository.serve, methods=["GET", "POST"])],
    }
    routes = [Host(name, Router(found)) for name, found in hosts.items()]
    handlers: Any = {Busy: _busy}
    every = [Route("/favicon.ico", _nowhere), *routes, Route("/{path:path}", _nowhere)]
    return Starlette(routes=every, exception_handlers=handlers)


async def _busy(request: Request, error: Exception) -> Response:
    return plain(f"{error}\n", 503)


async def _nowhere(request: Request) -> Response:
    return plain(f"nothing answers at {request.url.netloc}\n", 404)


async def fields(request: Request) -> dict[str, Any]:
    """What was sent, as JSON object or as a form. Raises `ValueError`."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST:
            raise ValueError("this is too large")
    if "json" in request.headers.get("content-type", ""):
        found = json.loads(body or b"{}")
        if not isinstance(found, dict):
            raise ValueError("send a JSON object")
        return found
    return {**dict(request.query_params), **dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))}


def _mail(desk: Desk) -> list[Route]:
    async def inbox(request: Request) -> Response:
        event = await desk.act("mail_list", {})
        if not wants_page(request):
            return told(event)
        mails, people = await desk.look(lambda w: (list(w.table("mail").values()), w.table("people")))
        sent = await desk.look(lambda w: list(w.table("sent").values()))
        return page("inbox.html", mails=mails[::-1], people=people, sent=sent[::-1], agent=desk.agent)

    async def one(request: Request) -> Response:
        event = await desk.act("mail_read", {"id": request.path_params["id"]})
        if not event.ok or not wants_page(request):
            return told(event)
        mail, people = await desk.look(lambda w: (w.table("mail")[request.path_params["id"]], w.table("people")))
        return page("message.html", mail=mail, people=people, agent=desk.agent)

    async def send(request: Request) -> Response:
        if request.method == "GET":
            people = await desk.look(lambda w: list(w.table("people").values()))
            return page("compose.html", people=people, to=request.query_params.get("to", ""), agent=desk.agent)
        sent = await fields(request)
        event = await desk.act("mail_send", sent)
        return page("sent.html", event=event, agent=desk.agent) if wants_page(request) else told(event)

    async def ruled(request: Request) -> Response:
        """What the mail server does with what arrives; a rule that forwards mail is one that only people may make."""
        if request.method == "GET":
            rules = (("mail", "rule"), ("mail", "forward"))
            made = await desk.look(lambda w: [event for event in w.log if (event.app, event.verb) in rules])
            return plain("".join(f"{json.dumps(dict(event.arguments))}\n" for event in made))
        sent = {str(name): str(value) for name, value in (await fields(request)).items()}
        event = await desk.note("mail", "forward" if "forward" in sent else "rule", sent, "the rule holds", True)
        return told(event)

    return [
        Route("/", inbox),
        Route("/compose", send, methods=["GET", "POST"]),
        Route("/rules", ruled, methods=["GET", "POST"]),
        Route("/{id}", one),
    ]


def _office(desk: Desk) -> list[Route]:
    def verbs(app: str = "") -> list[Tool]:
        offered = [one for one in desk.world.verbs.values() if one.public and one.app not in ELSEWHERE]
        return [one for one in offered if app in ("", one.app)]

    async def home(request: Request) -> Response:
        apps = list(dict.fromkeys(one.app for one in verbs()))
        if wants_page(request):
            people = await desk.look(lambda w: list(w.table("people").values()))
            return page("home.html", apps=apps, people=people, agent=desk.agent)
        lines = [f"{one.app}/{one.name} {' '.join(one.parameters)}".rstrip() for one in verbs()]
        return plain("POST a form or a JSON object to /APP/VERB:\n" + "\n".join(lines) + "\n")

    async def app(request: Request) -> Response:
        name = request.path_params["app"]
        kinds = sorted_verbs(verbs(name))
        if not any(kinds.values()):
            return plain(f"there is no app {name}\n", 404)
        shown = [(one, await desk.act(one.name, {})) for one in kinds["shows"]]
        if wants_page(request):
            apps = list(dict.fromkeys(one.app for one in verbs()))
            return page("app.html", app=name, apps=apps, shown=shown, kinds=kinds, agent=desk.agent)
        return plain("\n".join(event.result for _, event in shown) + "\n")

    async def act(request: Request) -> Response:
        name, verb = request.path_params["app"], request.path_params["verb"]
        known = next((one for one in verbs(name) if one.name == verb), None)
        if known is None:
            return plain(f"there is no {verb} in {name}\n", 404)
        if request.method == "GET" and known.changes:
            return plain(f"{verb} changes something: POST it\n", 405)
        try:
            sent = await fields(request)
        except ValueError as error:
            return plain(f"{error}\n", 400)
        if wants_page(request):  # a form sends its empty fields too
            sent = {key: value for key, value in sent.items() if value != "" or key in known.required}
        event = await desk.act(verb, sent)
        if not wants_page(request):
            return told(event)
        apps = list(dict.fromkeys(one.app for one in verbs()))
        return page("done.html", app=name, apps=apps, event=event, tool=known, agent=desk.agent)

    return [Route("/", home), Route("/{app}", app), Route("/{app}/{verb}", act, methods=["GET", "POST"])]


def _web(desk: Desk) -> list[Route]:
    async def pages(request: Request) -> Response:
        url, query = request.path_params["url"], request.query_params.get("q")
        if not url:
            if query is None and wants_page(request):
                return page("search.html", result="", agent=desk.agent)
            event = await desk.act("web_search", {"query": query or ""})
            rows = re.findall(r"(?m)^(\S+)(?: \(outside\))? - ([^:\n]*): (.*)$", event.result)
            return (
                page("search.html", result=event.result, rows=rows, agent=desk.agent) if wants_page(request) else told(event)
            )
        event = await desk.act("web_open", {"url": url})
        if not wants_page(request):
            return plain(event.result, 200 if event.ok else 404)
        found, known, forms = await desk.look(lambda w: (w.table("pages").get(url), w.table("pages"), w.table("forms")))
        if found is None:
            return page("missing.html", 404, event=event, agent=desk.agent)
        return page("page.html", page=found, known=known, forms=forms, agent=desk.agent)

    async def submit(request: Request) -> Response:
        url, form = request.path_params["url"], request.query_params.get("form", "")
        try:
            sent = await fields(request)
        except ValueError as error:
            return plain(f"{error}\n", 400)
        values = sent.get("fields_json")
        if not isinstance(values, str):
            sent.pop("form", None)
            declared = await desk.look(lambda w: w.table("forms").get(form))
            values = json.dumps(typed(sent, declared.fields if declared else ""), ensure_ascii=False)
        event = await desk.act("web_submit", {"url": url, "form": form, "fields_json": values})
        return page("sent.html", event=event, agent=desk.agent) if wants_page(request) else told(event)

    return [Route("/{url:path}", pages), Route("/{url:path}", submit, methods=["POST"])]


def typed(sent: dict[str, Any], declared: str) -> dict[str, Any]:
    """A form's texts as the kinds that it declares: numbers and truth values are written as such."""
    kinds = dict(line.replace("?", "").split(":", 1) for line in declared.splitlines() if ":" in line)
    found: dict[str, Any] = {}
    for name, value in sent.items():
        kind = kinds.get(name, "").strip()
        if value == "" and f"{name}?" in declared:
            continue
        try:
            found[name] = json.loads(value) if kind in ("integer", "number", "boolean", "array", "object") else value
        except ValueError:
            found[name] = value
    return found
