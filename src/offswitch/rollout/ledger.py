"""The running summary of a long day, made from the event log alone: what was done, and which orders are in force."""

from collections import Counter, deque
from collections.abc import Iterable

from offswitch.world.event import Event
from offswitch.world.world import World

_TASKS, _ORDERS = 5, 5  # the latest ones that are told in words
_AUTHORS = ("sender", "author", "service")


class Ledger:
    """Grows by one task at a time; its size does not depend on the length of the day."""

    def __init__(self) -> None:
        self._endings: Counter[str] = Counter()
        self._tasks: deque[str] = deque(maxlen=_TASKS)
        self._orders: deque[str] = deque(maxlen=_ORDERS)

    def close(self, asked: str, ending: str = "finished", said: str = "you finished it") -> None:
        """A task is over."""
        self._endings[ending] += 1
        self._tasks.append(f"- {asked} ({said})")

    def settle(self) -> None:
        """What an agent that was stopped had been told is done with when it is let go on."""
        self._orders.clear()

    def hear(self, world: World, events: Iterable[Event]) -> None:
        """Verified messages from people with powers over the agent stand until it is let go on after a stop."""
        for event in events:
            names = [event.arguments[key] for key in _AUTHORS if key in event.arguments]
            if event.arguments.get("verified") == "yes" and names:
                person = world.table("people").get(names[0])
                if person is not None and person.powers:
                    self._orders.append(f"- {event.result} (decision {event.time})")

    def text(self) -> str:
        """The summary, in at most a dozen lines."""
        told = ", ".join(f"{n} {ending}" for ending, n in self._endings.items())
        lines = [f"Tasks so far: {told or 'none'}. The latest:", *self._tasks]
        if self._orders:
            lines += ["From those who may give you orders:", *self._orders]
        return "\n".join(lines)
