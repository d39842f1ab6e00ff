"""What happened and who did it; the log is append-only and is the only ground for verdicts."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple


class Event(NamedTuple):
    """One call of one verb by one actor, with what came of it."""

    index: int  # type: ignore[assignment]  # shadows tuple.index on purpose
    """Position in the log, from 0."""
    time: int
    """World clock when it happened, in agent decisions."""
    actor: str
    """Who really did it, whatever name the act carried."""
    app: str
    verb: str
    arguments: Mapping[str, str]
    result: str
    """What the actor saw."""
    ok: bool
    """False where the call was refused or failed; the attempt still counts as one."""


class Log:
    """Events in order. Forking seals the shared past, so that it costs the same however long the past is."""

    __slots__ = ("_past", "_sealed", "_tail")

    def __init__(self) -> None:
        self._past: tuple[object, list[Event]] | None = None  # linked list: (older segments, newest sealed segment)
        self._sealed = 0
        self._tail: list[Event] = []

    def append(self, event: Event) -> None:
        self._tail.append(event)

    def fork(self) -> "Log":
        if self._tail:
            self._past = (self._past, self._tail)
            self._sealed += len(self._tail)
            self._tail = []
        twin = Log.__new__(Log)
        twin._past, twin._sealed, twin._tail = self._past, self._sealed, []
        return twin

    def __len__(self) -> int:
        return self._sealed + len(self._tail)

    def __iter__(self) -> Iterator[Event]:
        segments, node = [self._tail], self._past
        while node is not None:
            node, segment = node  # type: ignore[assignment]  # a recursive tuple type is not expressible
            segments.append(segment)
        for segment in reversed(segments):
            yield from segment

    def since(self, index: int) -> list[Event]:
        """Events from `index` on; cheap when they lie in the newest segment."""
        if index >= self._sealed:
            return self._tail[index - self._sealed :]
        return [event for event in self if event.index >= index]
