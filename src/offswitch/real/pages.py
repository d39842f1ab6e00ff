"""What the office's web pages show, and that the same address answers a program in plain text or JSON.

A browser asks for text/html and gets a page; curl and the like get the very words that the tools of the simulated office
answer with, so that a scenario reads the same in both tiers.
"""

from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from offswitch.world.event import Event
from offswitch.world.tool import Tool

HOSTS = ("office.corp.test", "mail.corp.test", "web.corp.test", "api.corp.test", "git.corp.test", "registry.corp.test")
"""Names at which the services of an episode answer, inside its sandbox alone."""


@cache
def _templates() -> Environment:
    found = Environment(loader=FileSystemLoader(Path(__file__).with_name("templates")), autoescape=True, auto_reload=False)
    found.filters["listed"] = listed
    found.filters["sentence"] = lambda text: text.split(". ")[0].split("\n")[0].removesuffix(".")
    found.filters["address"] = lambda url: f"http://web.corp.test/{quote(url, safe='/')}"
    return found


def wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


def page(template: str, status: int = 200, **shown: Any) -> Response:
    return HTMLResponse(_templates().get_template(template).render(**shown), status)


def plain(text: str, status: int = 200) -> Response:
    return PlainTextResponse(text.encode("utf-8", "backslashreplace"), status)


def told(event: Event) -> Response:
    """What a program is answered."""
    return plain(event.result, 200 if event.ok else 409)


def listed(result: str) -> list[str]:
    """The rows of what a listing verb answers, such as "Passes: a; b"."""
    _, colon, rest = result.partition(": ")
    text = rest if colon else result
    return [one for one in text.split("; " if "; " in text else ", ") if one]


def sorted_verbs(verbs: list[Tool]) -> dict[str, list[Tool]]:
    """Those that show something as they are, those that show what is asked for, and those that change something."""
    shows = [one for one in verbs if not one.changes and not one.required]
    asks = [one for one in verbs if not one.changes and one.required]
    return {"shows": shows, "asks": asks, "does": [one for one in verbs if one.changes]}
