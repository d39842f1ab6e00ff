"""One episode's real office: a sandbox, the services that it can reach, and the world behind them as ground truth."""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette

from offswitch.adapters.sandbox.available import SandboxError, owner
from offswitch.adapters.sandbox.box import Box
from offswitch.adapters.sandbox.config import MIB, SandboxConfig
from offswitch.real import imap, smtp
from offswitch.real.browser import Browsing
from offswitch.real.general import Offer, general, offers
from offswitch.real.git import Repository
from offswitch.real.house import OPERATIONS, Desk, house, noted
from offswitch.real.means import SECONDS, Means, means, spelled
from offswitch.real.pages import HOSTS
from offswitch.real.registry import Registry
from offswitch.real.shelf import Shelf
from offswitch.real.web import application
from offswitch.real.works import SCRIPTS, Works
from offswitch.rollout.episode import Episode
from offswitch.rollout.policy import Call
from offswitch.world.apps import Kit
from offswitch.world.tool import Tool, told

PORTS = (25, 80, 143)
FILES = 8192
"""Files and folders that a sandbox holds: each that changes is told."""


class Office:
    """A `Stage` for one episode; a context that ends its sandbox and services. Raises `SandboxError` with the cure."""

    def __init__(self, episode: Episode, extra: bool = True) -> None:
        self.world, self.agent = episode.world, episode.agent
        self._offers = offers() if extra else {}
        self.tools: Sequence[dict[str, Any]] = offered(episode.scenario.kit, self._offers)
        self._open = ExitStack()
        try:
            self.box = Box(SandboxConfig(names=HOSTS, memory=768 * MIB, files=FILES, exec_seconds=SECONDS))
            self._open.callback(self.box.close)
            self.password = secrets.token_hex(8)
            self.desk = Desk(self.world, self.agent)
            own = {**SCRIPTS, ".netrc": f"machine mail.corp.test login agent password {self.password}\n"}
            self._shelf = Shelf(self.box, self.world, self.agent, own)
            self._works = Works(self.box, self.world, self.agent, self._shelf.observer)
            noted(self.world, OPERATIONS, "machine", "watched", {"by": self._shelf.observer.means})
            repository = Repository(self.desk, owner())
            self._open.callback(repository.close)
            registry = Registry(self.desk)
            self._open.callback(registry.close)
            self._serve(application(self.desk, repository, registry))
            self._browsing = self._open.enter_context(Browsing(self.box, self.desk))
        except BaseException:
            self.close()
            raise

    def call(self, call: Call) -> str:
        """As `Stage.call`. A call that no service was reached by is logged by the harness."""
        if call.name in self._offers:
            return self._general(self._offers[call.name], call)
        tool = self.world.verbs.get(call.name)
        if tool is None or not fits(tool, call.arguments):
            return self.world.act(self.agent, call.name, call.arguments).result
        arguments = {str(name): value if type(value) is str else told(value) for name, value in call.arguments.items()}
        start = len(self.world.log)
        way = means(tool, arguments, self.agent, self.password)
        result = self._run(way)
        if way.service:
            if all(event.verb != tool.name for event in self.world.log.since(start)):
                noted(self.world, self.agent, tool.app, tool.name, arguments, result, ok=False)
            return result
        if tool.app == "code" or result.startswith("error: "):
            noted(self.world, self.agent, tool.app, tool.name, arguments, result, not result.startswith("error: "))
        elif not tool.changes:
            self.world.act(self.agent, tool.name, arguments)
        self.look(arguments.get("path", ""))
        return result

    def follow(self) -> None:
        self._safely(self._shelf.deliver)
        self._safely(self._works.follow)

    def look(self, known: str = "") -> None:
        """Put into the log what is seen of files and processes now; the reading of `known` is there already."""
        self._safely(lambda: self._works.understand(self._shelf.gather(known)))

    def _safely(self, work: Callable[[], None]) -> None:
        """A machine that an agent has filled or ended is data, not the end of the run."""
        try:
            if not self.box.alive:
                raise SandboxError("the machine has ended")
            work()
        except (SandboxError, OSError) as error:
            noted(self.world, OPERATIONS, "machine", "failed", {}, str(error), ok=False)

    def picture(self, url: str, path: Path) -> None:
        """Write what the browser shows at `url` as a PNG file."""
        self.desk.open()
        try:
            self._browsing.screenshot(url, path)
        finally:
            self.desk.close()

    def close(self) -> None:
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _general(self, offer: Offer, call: Call) -> str:
        """A shell, Python or the browser, for whoever wants more than the office's tools."""
        arguments = call.arguments if isinstance(call.arguments, dict) else {}
        kept = {str(name): told(value) for name, value in arguments.items()}
        way = general(offer, kept)
        if isinstance(way, str):
            noted(self.world, self.agent, "machine", call.name, kept, way, ok=False)
            return way
        if way is None:
            self.desk.open()
            try:
                result, ok = self._browsing.do(call.name, kept)
            finally:
                self.desk.close()
            noted(self.world, self.agent, "browser", call.name, kept, result[:2000], ok)
            return result
        result = self._run(way)
        noted(self.world, self.agent, "machine", call.name, kept, result)
        self.look()
        return result

    def _run(self, way: Means) -> str:
        self.desk.open()
        try:
            return way.result(self.box.run(way.command, way.given, timeout=SECONDS))
        except SandboxError as error:
            return f"error: {error}"
        except OSError as error:
            return f"error: {spelled(way.command[:1])}: {error}"
        finally:
            self.desk.close()

    def _serve(self, app: Starlette) -> None:
        letters, pages, inbox = self.box.listen(PORTS)
        web = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", access_log=False))

        async def begin() -> list[Any]:
            loop = asyncio.get_running_loop()
            outgoing = await loop.create_server(smtp.speaker(self.desk, self.password), sock=letters)
            incoming = await asyncio.start_server(imap.speaker(self.desk, self.password), sock=inbox)
            return [outgoing, incoming, asyncio.create_task(web.serve(sockets=[pages]))]

        outgoing, incoming, serving = house().run(begin())

        async def end() -> None:
            self.desk.abandon()
            web.should_exit = web.force_exit = True
            outgoing.close()
            incoming.close()
            await serving

        self._open.callback(lambda: house().leave(end()))


def offered(kit: Kit, offers: Mapping[str, Offer]) -> Sequence[dict[str, Any]]:
    """The office's tools, and `offers` beside them; the same object for the same kit."""
    if not offers:
        return kit.schemas
    key = (id(kit), *offers)
    found = _WITH_MORE.get(key)
    if found is None or found[0] is not kit:
        found = _WITH_MORE[key] = (kit, (*kit.schemas, *(one.schema for one in offers.values())))
    return found[1]


_WITH_MORE: dict[tuple[object, ...], tuple[Kit, tuple[dict[str, Any], ...]]] = {}


def fits(tool: Tool, arguments: object) -> bool:
    """Whether a call can be sent off at all; otherwise the tool itself refuses it."""
    if not tool.public or not isinstance(arguments, dict):
        return False
    names = {str(name) for name in arguments}
    return names <= set(tool.parameters) and tool.required <= names
