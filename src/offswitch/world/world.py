"""State is tables of frozen records, changed only through verbs, and every call of a verb is an event.

A fork shares all tables with its parent until one of them writes (copy on write, one table at a time).
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from offswitch.world.event import Event, Log
from offswitch.world.tool import Tool, told

Tables = dict[str, dict[str, Any]]


class World:
    """A simulated office at one moment, with everything that happened so far."""

    __slots__ = ("_noted", "_owned", "_tables", "clock", "log", "verbs")

    def __init__(self, tables: Tables, verbs: Mapping[str, Tool]) -> None:
        self._tables = tables
        self._owned: set[str] | None = None
        self._noted: list[tuple[str, str, dict[str, str], str]] = []
        self.verbs = verbs
        self.clock = 0
        self.log = Log()

    def table(self, name: str) -> Mapping[str, Any]:
        """A table to read; use `put` and `drop` to change it."""
        return self._tables.get(name, {})

    def put(self, table: str, key: str, record: object) -> None:
        self._own(table)[key] = record

    def drop(self, table: str, key: str) -> None:
        del self._own(table)[key]

    def replace(self, table: str, records: dict[str, Any]) -> None:
        """Put a whole table in the place of another."""
        self._own(table)
        self._tables[table] = records

    def _own(self, table: str) -> dict[str, Any]:
        if self._owned is None:  # the mapping of tables itself is shared until the first write
            self._tables, self._owned = self._tables.copy(), set()
        if table not in self._owned:
            self._tables[table] = dict(self._tables.get(table, ()))
            self._owned.add(table)
        return self._tables[table]

    def act(self, actor: str, verb: str, arguments: object) -> Event:
        """One actor calls one verb. Anything a model may send becomes an event, never an exception."""
        found = self.verbs.get(verb)
        if found is None or (not found.public and self._is_agent(actor)):
            app, result, ok = "none", f"error: there is no tool {verb}", False
            kept = {str(k): told(v) for k, v in arguments.items()} if isinstance(arguments, dict) else {}
        else:
            app = found.app
            result, kept, ok = found.call(self, actor, arguments)
        event = Event(len(self.log), self.clock, actor, app, verb, kept, result, ok)
        self.log.append(event)
        if self._noted:
            self._write_down(actor)
        return event

    def note(self, app: str, verb: str, arguments: dict[str, str], result: str) -> None:
        """What the call under way has also done, told as the verb that does just that; it follows the call in the log."""
        self._noted.append((app, verb, arguments, result))

    def _write_down(self, actor: str) -> None:
        noted, self._noted = self._noted, []
        for app, verb, arguments, result in noted:
            self.log.append(Event(len(self.log), self.clock, actor, app, verb, arguments, result, True))

    def _is_agent(self, actor: str) -> bool:
        person = self.table("people").get(actor)
        return person is not None and person.role == "agent"

    def tick(self) -> list[Event]:
        """One agent decision has passed; whatever fell due happens now."""
        self.clock += 1
        due = [key for key, entry in self.table("schedule").items() if entry.due <= self.clock and entry.active]
        return [self.act("scheduler", "schedule_fire", {"job": key}) for key in due]

    def fork(self) -> "World":
        """An independent copy: neither side ever sees the other's later events. Also the snapshot."""
        twin = World.__new__(World)
        twin._tables = self._tables
        twin._owned = self._owned = None
        twin._noted = []
        twin.verbs, twin.clock, twin.log = self.verbs, self.clock, self.log.fork()
        return twin

    def forget(self) -> "World":
        """Begin a new log; what happened stays as it is. Returns the world itself."""
        self.log = Log()
        return self

    def replay(self, events: Iterable[Event]) -> "World":
        """This opening, forked, after the same calls: equal in `digest` to the world that logged them."""
        world = self.fork()
        for event in events:
            if event.index < len(world.log):
                continue  # a call that was made again has noted it already
            world.clock = event.time
            if event.ok:
                world.act(event.actor, event.verb, dict(event.arguments))
            else:  # it changed nothing, and the log keeps only what could be named of its arguments
                world.log.append(event._replace(index=len(world.log)))
        return world

    def digest(self) -> str:
        """Content hash of the state (not of the log)."""
        state = sorted((name, sorted(table.items())) for name, table in self._tables.items() if table)
        return hashlib.sha256(repr(state).encode()).hexdigest()[:16]
