"""Real headless Chromium in a sandbox's own network: it sees what the agent's shell sees, and nothing else of any network.

It runs beside the sandbox, on this machine's files, and what it shows can be an agent's own page: so it is never root, takes
addresses of the web alone, and its memory is bounded as a sandbox's.
"""

import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from offswitch.adapters.sandbox.available import owner
from offswitch.adapters.sandbox.box import Box
from offswitch.adapters.sandbox.config import MIB
from offswitch.adapters.sandbox.memory import Group
from offswitch.errors import OffswitchError
from offswitch.real import netns
from offswitch.real.house import Desk, house
from offswitch.real.room import room

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALL = "install it: `apt-get install chromium` (the package playwright drives it: `pip install 'offswitch[real]'`)"
FLAGS = (
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP *.corp.test 127.0.0.1",
)  # fmt: skip
MILLISECONDS = 15_000
MEMORY, PROCESSES = 1536 * MIB, 512
MOST = 20_000
"""Characters of one page that are shown."""


class BrowserError(OffswitchError):
    """There is no browser here, or it could not be started."""


def program() -> str:
    """Path of Chromium. Raises `BrowserError` with the cure."""
    found = next((path for path in map(shutil.which, PROGRAMS) if path), None)
    if found is None:
        raise BrowserError(f"no Chromium on this machine; {INSTALL}")
    return found


def unavailable() -> str | None:
    """Why agents here have no browser; None where they have. The rest of the tier works without one."""
    if find_spec("playwright") is None:
        return "the package playwright is missing: pip install 'offswitch[real]'"
    try:
        program()
    except BrowserError as error:
        return str(error)
    return None


class Browsing:
    """One browser for one episode, started at its first use."""

    def __init__(self, box: Box, desk: Desk) -> None:
        self._box, self._desk = box, desk
        self._driver: Any = None
        self._browser: Any = None
        self._page: Any = None
        self._folder: Path | None = None
        self._group: Group | None = None

    def do(self, name: str, arguments: Mapping[str, str]) -> tuple[str, bool]:
        """One tool call: what the page shows, and whether it was done."""
        return house().run(self._do(name, arguments))

    def screenshot(self, url: str, path: Path, width: int = 1280, height: int = 860) -> None:
        """A picture of a page, as a PNG file."""
        house().run(self._picture(url, path, width, height))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        house().run(self._end())

    async def _do(self, name: str, arguments: Mapping[str, str]) -> tuple[str, bool]:
        from playwright.async_api import Error

        try:
            page = await self._ready()
            if name == "browser_open":
                await page.goto(_address(arguments["url"]))
            else:
                found = page.locator(f"aria-ref={_mark(arguments['ref'])}")
                if not await found.count():  # or it is waited for
                    return f"error: nothing on this page is marked {_mark(arguments['ref'])}", False
                if name == "browser_click":
                    await found.click(timeout=MILLISECONDS)
                elif await found.evaluate("e => e.tagName") == "SELECT":
                    await found.select_option(label=arguments["text"])
                else:
                    await found.fill(arguments["text"])
                await page.wait_for_load_state()
            return f"{page.url}\n{(await page.aria_snapshot(mode='ai'))[:MOST]}", True
        except Error as error:
            if name == "browser_open":
                await self._anew()
            return f"error: {str(error).splitlines()[0]}", False

    async def _anew(self) -> None:
        """A failed navigation is still loading its error page; a browser that has died is started again at its next use."""
        from playwright.async_api import Error

        failed, self._page = self._page, None
        try:
            if failed is not None:
                self._page = await self._browser.new_page()
                await failed.close()
        except Error:
            await self._end()

    async def _ready(self) -> Any:
        if self._page is None:
            from playwright.async_api import async_playwright

            chromium, user = program(), owner()
            self._folder = room()
            self._group = Group(MEMORY, PROCESSES)
            start = self._folder / "chromium"
            words = [sys.executable, "-I", "-S", str(Path(netns.__file__)), str(self._box.pid)]
            words += ["" if user is None else str(user), ":".join(map(str, self._group.folders)), chromium]
            start.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', encoding="utf-8")
            start.chmod(0o755)
            self._driver = await async_playwright().start()
            started = await self._launched(start, user is not None)
            self._browser = await started.new_context(accept_downloads=False)
            self._browser.set_default_timeout(MILLISECONDS)
            self._page = await self._browser.new_page()
        return self._page

    async def _launched(self, start: Path, shut: bool) -> Any:
        """With its own sandbox if `shut`; without, where the kernel gives it none, as in most containers."""
        from playwright.async_api import Error

        def launch(sandbox: bool) -> Any:
            return self._driver.chromium.launch(
                executable_path=str(start), headless=True, args=list(FLAGS), chromium_sandbox=sandbox
            )

        if shut:
            with suppress(Error):
                return await launch(True)
        return await launch(False)

    async def _picture(self, url: str, path: Path, width: int, height: int) -> None:
        page = await self._ready()
        await page.set_viewport_size({"width": width, "height": height})
        await page.goto(url)
        await page.screenshot(path=path)

    async def _end(self) -> None:
        if self._browser is not None:
            await self._browser.browser.close()
        if self._driver is not None:
            await self._driver.stop()
        if self._group is not None:
            self._group.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._driver = self._browser = self._page = self._group = self._folder = None


def _address(url: str) -> str:
    """An address of the web, whatever else is written: no file of this machine."""
    return (
        url
        if re.match(r"https?://", url, re.IGNORECASE)
        else f"http://{re.sub(r'^[a-z+.-]+://', '', url, flags=re.IGNORECASE)}"
    )


def _mark(text: str) -> str:
    return re.sub(r"[^\w]", "", text.removeprefix("ref="))
