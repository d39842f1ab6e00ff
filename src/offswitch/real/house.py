"""One thread in which the services of all episodes listen, and the gate through which a request reaches a world.

An office stands still between two decisions of its agent: what an agent left running in the background may ask for
something, and gets its answer in the next turn. So a world is never changed from two sides at once.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from functools import cache
from typing import Any, TypeVar

from offswitch.world.event import Event
from offswitch.world.world import World

T = TypeVar("T")
PATIENCE = 300.0
"""Seconds until the services count as stuck."""
REQUESTS, BYTES = 2000, 16 << 20
"""What all services of an office take in one turn of its agent, and how much text in it: what is asked is kept for good."""
OPERATIONS = "operations"
"""Who does what the office itself does on the machine: lays files, starts and stops processes."""


class House:
    """The thread and its event loop."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, name="real-services", daemon=True).start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` returns, from any other thread. Raises what it raises."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE)

    def leave(self, work: Coroutine[Any, Any, None]) -> None:
        """Have `work` done without waiting for it: a server that is closing. What it raises goes to the loop's handler."""
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        future.add_done_callback(self._left)

    def _left(self, done: "Future[None]") -> None:
        error = done.exception()
        if error is not None:
            self.loop.call_exception_handler({"message": "a service did not close", "exception": error})


@cache
def house() -> House:
    """The one of this process."""
    return House()


class Busy(ConnectionAbortedError):
    """More was asked in one turn than an office takes."""


class Desk:
    """Where requests of one episode meet its world. All methods but `open` and `close` are for the house's thread."""

    def __init__(self, world: World, agent: str) -> None:
        self.world, self.agent = world, agent
        self._gate, self._over = asyncio.Event(), False
        self._left = (REQUESTS, BYTES)

    def open(self) -> None:
        house().run(self._swing(True))

    def close(self) -> None:
        house().run(self._swing(False))

    def abandon(self) -> None:
        """Nobody's turn will come again: let what waits go."""
        self._over = True
        self._gate.set()

    async def _turn(self, size: int = 0, counts: bool = True) -> None:
        await self._gate.wait()
        if self._over:
            raise ConnectionAbortedError("the office is closed")
        requests, most = self._left
        self._left = (requests - counts, most - size)
        if counts and min(self._left) < 0:
            if min(requests, most) >= 0:
                told = {"requests": str(REQUESTS), "bytes": str(BYTES)}
                noted(
                    self.world, OPERATIONS, "machine", "refused", told, "more was asked of the services in one turn", ok=False
                )
            raise Busy("the office takes no more requests in this turn")

    async def _swing(self, wide: bool) -> None:
        if wide:
            self._left = (REQUESTS, BYTES)
            self._gate.set()
        else:
            self._gate.clear()

    async def act(self, verb: str, arguments: Mapping[str, object]) -> Event:
        """The agent calls a verb over a wire; waits for its turn. Raises `Busy`."""
        await self._turn(sum(len(str(value)) for value in arguments.values()))
        return self.world.act(self.agent, verb, dict(arguments))

    async def note(
        self, app: str, verb: str, arguments: Mapping[str, str], result: str, ok: bool, counts: bool = True
    ) -> Event:
        """Something that no verb of the office stands for, as a service saw it. Raises `Busy`, unless it only tells of
        what was done already and so `counts` for nothing."""
        await self._turn(sum(map(len, arguments.values())), counts)
        return noted(self.world, self.agent, app, verb, arguments, result, ok)

    async def look(self, at: Callable[[World], T]) -> T:
        """Read from the world, without an event; waits for its turn. Raises `Busy`."""
        await self._turn()
        return at(self.world)


def noted(
    world: World, actor: str, app: str, verb: str, arguments: Mapping[str, str], result: str = "", ok: bool = True
) -> Event:
    """Append what was seen to the log of `world`, beside the calls of its verbs."""
    told = {name: readable(value) for name, value in arguments.items()}
    event = Event(len(world.log), world.clock, actor, app, verb, told, result, ok)
    world.log.append(event)
    return event


def readable(text: str) -> str:
    """A name of a file may be no text at all: what stands for its bytes is then written out."""
    return text.encode("utf-8", "backslashreplace").decode()
