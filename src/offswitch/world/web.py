"""The web: pages of the intranet and of the outside, with links, comments and forms; what a form takes is kept."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import Field

from offswitch.world.api import Fields, json_object, problem
from offswitch.world.people import signed
from offswitch.world.row import fresh
from offswitch.world.tool import Tool, ToolError, tool

if TYPE_CHECKING:
    from offswitch.world.world import World

HITS = 5
"""Pages that a search shows."""
_WORD = re.compile(r"\w+")
_SLOT = re.compile(r"\$(\w+)")


class Page(NamedTuple):
    url: Annotated[str, Field(pattern=r"^\S+$")]
    """Its one address, such as intranet/travel; no scheme, no slash at the end."""
    title: str
    text: str
    links: str = ""
    """Addresses, one per line."""
    forms: str = ""
    """Names of forms, one per line."""
    outside: bool = False
    """Whether it lies outside the company."""
    comments: str = ""
    """One per line, each with who is said to have left it."""


class Form(NamedTuple):
    """What a page lets its reader send; one form may stand on several pages."""

    name: str
    fields: Fields
    """One per line, such as 'amount: integer' or 'note?: string'."""
    reply: str = "received"
    """What the sender is told; $amount stands for what was sent as amount."""
    page: str = ""
    """Page that a submission rewrites or makes; empty for none."""
    text: str = ""
    """What that page then says, with $amount as in the reply."""


class Submission(NamedTuple):
    id: str
    form: str
    url: str
    actor: str
    fields: str
    """JSON text."""


def _page(world: "World", url: str) -> Page:
    page = world.table("pages").get(url)
    if page is None:
        bare = re.sub(r"^\w+://", "", url).rstrip("/").casefold()
        near = next((known for known in world.table("pages") if known.casefold() == bare), None)
        raise ToolError(f"there is no page {url}" + (f"; its address is {near}" if near else ""))
    return page  # type: ignore[no-any-return]  # tables hold one record type each


def _form_line(world: "World", name: str) -> str:
    form = world.table("forms").get(name)
    fields = ", ".join(line.strip() for line in form.fields.splitlines() if line.strip()) if form else "out of order"
    return f"Form {name}: {fields or 'any fields'}"


Url = Annotated[str, "Address of the page, as links and searches show it"]


@tool("web", changes=False)
def web_open(world: "World", actor: str, url: Url) -> str:
    """Open a page: its text, its links, its forms with their fields (? marks an optional one), and comments of readers."""
    page = _page(world, url)
    pages = world.table("pages")
    lines = [f"Page {url} ({'outside' if page.outside else 'intranet'}): {page.title}", page.text]
    for number, link in enumerate(page.links.split(), 1):
        lines.append(f"[{number}] {link}" + (f" - {pages[link].title}" if link in pages else ""))
    lines += [_form_line(world, name) for name in page.forms.splitlines() if name]
    lines += [f"Comment {line}" for line in page.comments.splitlines()]
    return "\n".join(lines)


@lru_cache(maxsize=1024)
def _words(title: str, text: str) -> tuple[frozenset[str], Counter[str]]:
    """Words of the title, and of both with how often they occur."""
    above, below = _WORD.findall(title.casefold()), _WORD.findall(text.casefold())
    return frozenset(above), Counter(above + below)


@tool("web", changes=False)
def web_search(world: "World", actor: str, query: Annotated[str, "Words to look for"]) -> str:
    """Search the titles and texts of all pages for words; shows the best few."""
    wanted = set(_WORD.findall(query.casefold()))
    ranked: list[tuple[int, int, int, int, Page]] = []
    for order, page in enumerate(world.table("pages").values()):
        title, counts = _words(page.title, page.text)
        if found := wanted & counts.keys():
            often = sum(counts[word] for word in found)
            ranked.append((-len(found), -len(found & title), -often, order, page))
    if not ranked:
        return f"nothing found for {query}"
    lines = []
    for *_, page in sorted(ranked)[:HITS]:
        start = page.text if len(page.text) <= 100 else page.text[:100] + "..."
        lines.append(f"{page.url}{' (outside)' if page.outside else ''} - {page.title}: {start}")
    return f"Found {len(ranked)}:\n" + "\n".join(lines)


def _filled(text: str, values: Mapping[str, Any]) -> str:
    """`text` with $name replaced by what was sent as name; a name that was not sent stays as it is."""
    if "$" not in text:
        return text
    told = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
    return _SLOT.sub(lambda slot: told.get(slot[1], slot[0]), text)


@tool("web")
def web_submit(
    world: "World",
    actor: str,
    url: Url,
    form: Annotated[str, "Name of a form on that page"],
    fields_json: Annotated[str, 'The fields as a JSON object, such as {"amount": 40, "note": "lunch"}'],
) -> str:
    """Fill in a form on a page and send it."""
    page = _page(world, url)
    found = world.table("forms").get(form)
    if found is None or form not in page.forms.splitlines():
        raise ToolError(f"{url} has no form {form}; it has {', '.join(page.forms.splitlines()) or 'none'}")
    values = json_object(fields_json, "fields_json")
    if wrong := problem(found.fields, values):
        raise ToolError(f"form {form} {wrong}")
    key = fresh(world, "submissions")
    world.put("submissions", key, Submission(key, form, url, actor, fields_json))
    if found.page:
        old = world.table("pages").get(found.page) or Page(found.page, found.page, "")
        world.put("pages", found.page, old._replace(text=_filled(found.text, values)))
    return f"Sent {form}: {_filled(found.reply, values)}"


@tool("web", public=False)
def page_post(
    world: "World",
    actor: str,
    url: Url,
    author: Annotated[str, "The name that it carries"],
    text: Annotated[str, "What it says"],
    verified: Annotated[str, "yes or no"] = "no",
) -> str:
    """Somebody leaves a comment on a page, where the agent comes upon it; `actor` is who really wrote it."""
    page = _page(world, url)
    line = f"by {signed(world, author, verified == 'yes')}: {text}"
    kept = " ".join(line.split())
    world.put("pages", url, page._replace(comments=f"{page.comments}\n{kept}" if page.comments else kept))
    return f"Page {url} now says, {line}"


RECORDS: dict[str, type[tuple[Any, ...]]] = {"pages": Page, "forms": Form}
TOOLS: tuple[Tool, ...] = (web_open, web_search, web_submit, page_post)
