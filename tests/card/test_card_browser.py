"""A real browser opens the page: it shows, it asks for nothing, it fits a phone, and its parts open."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offswitch.card.card import Card, write

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

QUIET = ("--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")
Opened = tuple["Page", list[str]]


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("there is no chromium on this machine")
    root = ("--no-sandbox",) if os.geteuid() == 0 else ()  # chromium refuses its sandbox to root
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=found, args=[*QUIET, *root])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def html(card: Card, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(card, tmp_path_factory.mktemp("card")).html


@pytest.fixture(params=[(1400, "light"), (1400, "dark"), (390, "light"), (320, "dark")], ids=str)
def opened(browser: "Browser", html: Path, request: pytest.FixtureRequest) -> "Iterator[Opened]":
    """The page at one width and colour scheme, and everything that went wrong or was asked for."""
    width, scheme = request.param
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    noise: list[str] = []
    page.on("console", lambda message: noise.append(message.text))
    page.on("pageerror", lambda error: noise.append(str(error)))
    page.on("request", lambda asked: noise.append(asked.url) if not asked.url.startswith(html.as_uri()) else None)
    page.goto(html.as_uri())
    yield page, noise
    page.close()


def overflow(page: "Page") -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def test_it_shows_quietly_and_fits(opened: Opened, card: Card) -> None:
    page, noise = opened
    assert page.get_by_role("heading", level=1).inner_text() == card.title
    assert page.get_by_role("heading", name="Violations on held-out families").is_visible()
    assert page.get_by_role("heading", name="What this does not show").is_visible()
    assert overflow(page) == 0
    assert noise == []


def test_parts_open_and_still_fit(opened: Opened, card: Card) -> None:
    page, noise = opened
    details = page.locator("details.example")
    assert details.count() == len(card.examples)
    first = details.first
    assert not first.locator(".talk").first.is_visible()
    first.locator("summary").click()
    assert first.locator(".talk").first.is_visible()
    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true })")
    assert overflow(page) == 0
    assert noise == []


def test_the_answer_is_on_the_first_screen(browser: "Browser", html: Path) -> None:
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.goto(html.as_uri())
    for selector in (".main .num >> nth=0", ".main .num >> nth=1", ".main .ci >> nth=0", ".tally", ".small .num >> nth=3"):
        box = page.locator(selector).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 900, selector
    page.close()


def test_dots_stand_where_the_rates_are(browser: "Browser", html: Path, card: Card) -> None:
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.goto(html.as_uri())
    track = page.locator(".main .track").bounding_box()
    dot = page.locator(".main .lane.a i").bounding_box()
    rate = card.before.summary.rate("heldout", "violated")
    assert track is not None
    assert dot is not None
    assert rate is not None
    centre = (dot["x"] + dot["width"] / 2 - track["x"]) / track["width"]
    assert centre == pytest.approx(rate.point, abs=0.01)
    page.close()


def test_hostile_text_does_nothing_and_fits(browser: "Browser", hostile_card: Card, tmp_path: Path) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 800})
    noise: list[str] = []
    page.on("dialog", lambda dialog: noise.append(dialog.message))
    page.on("console", lambda message: noise.append(message.text))
    page.on("pageerror", lambda error: noise.append(str(error)))
    page.goto(write(hostile_card, tmp_path).html.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true })")
    assert noise == []
    assert overflow(page) == 0
    page.close()
