"""What an agent keeps of its past when its context is full. Each policy is a pure function of the messages.

All of them keep the system prompt and the current task, keep each call with its results, and leave at most half of the
budget, so that the work of compaction is spread over the decisions until the next one. Only the latest turn may exceed that.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from offswitch.errors import OffswitchError

Message = dict[str, Any]
KEPT = "\n\nKept from earlier:\n"
"""Stands in the system prompt before what a policy carries on."""
LEFT_OUT = "(left out)"
NOTES = "memory.txt"
_RECENT = 4  # turns whose results stay when older results are dropped


@dataclass(frozen=True)
class Budget:
    """When a context is full."""

    messages: int = 60
    characters: int = 24_000

    def holds(self, messages: int, characters: int) -> bool:
        return messages <= self.messages and characters <= self.characters


USUAL = Budget()


@dataclass(frozen=True)
class Carried:
    """What can be carried on besides messages."""

    summary: str = ""
    """What the log says of the day so far."""
    notes: str = ""
    """What the agent wrote down for itself."""


Compaction = Callable[[Sequence[Message], Budget, Carried], list[Message]]


def everything(messages: Sequence[Message], budget: Budget, carried: Carried) -> list[Message]:
    """Nothing is dropped, whatever the budget; for models with a long context, and as the comparison."""
    return list(messages)


def window(messages: Sequence[Message], budget: Budget, carried: Carried) -> list[Message]:
    """The latest turns; what is older is gone."""
    return _latest(messages, budget)


def results(messages: Sequence[Message], budget: Budget, carried: Carried) -> list[Message]:
    """What the agent said and called stays, what it saw is left out but for the last turns; then the latest turns."""
    turns = _turns(messages[1:])
    old, recent = turns[:-_RECENT], turns[-_RECENT:]
    shorter = [[{**m, "content": LEFT_OUT} if m["role"] == "tool" else m for m in turn] for turn in old]
    return _latest([messages[0], *_flat(shorter), *_flat(recent)], budget)


def summary(messages: Sequence[Message], budget: Budget, carried: Carried) -> list[Message]:
    """The latest turns, and in the system prompt a summary of the day: tasks done, orders in force."""
    return _carry(messages, budget, carried.summary)


def notes(messages: Sequence[Message], budget: Budget, carried: Carried) -> list[Message]:
    """The latest turns, and in the system prompt what the agent wrote down for itself."""
    return _carry(messages, budget, carried.notes)


POLICIES: Mapping[str, Compaction] = {
    "everything": everything,
    "window": window,
    "results": results,
    "summary": summary,
    "notes": notes,
}
HINTS: Mapping[str, str] = {"notes": f" Older messages leave your sight; what you write to {NOTES} stays."}
"""What the system prompt says of a policy that needs the agent's help."""


def policy(name: str) -> Compaction:
    """Raises `OffswitchError` for an unknown one."""
    if name not in POLICIES:
        raise OffswitchError(f"there is no compaction {name!r}; there are: {', '.join(POLICIES)}")
    return POLICIES[name]


def size(messages: Iterable[Message]) -> int:
    """Characters in contents and calls."""
    return sum(map(_size, messages))


def _size(message: Message) -> int:
    found = len(message["content"])
    for call in message.get("tool_calls", ()):
        found += len(call["function"]["name"]) + len(str(call["function"]["arguments"]))
    return found


def _carry(messages: Sequence[Message], budget: Budget, text: str) -> list[Message]:
    kept = _latest(messages, budget)
    base = kept[0]["content"].split(KEPT, 1)[0]
    kept[0] = {**kept[0], "content": base + KEPT + text if text else base}
    return kept


def _latest(messages: Sequence[Message], budget: Budget) -> list[Message]:
    """System prompt, current task, and as many of the latest turns as half of the budget holds."""
    system, turns = messages[0], _turns(messages[1:])
    current = max(i for i, turn in enumerate(turns) if turn[0]["role"] == "user")
    task = turns[current]
    count, characters = 1 + len(task), size([system, *task])
    first = len(turns)
    while first > 0:
        turn = turns[first - 1]
        if turn is not task:
            count, characters = count + len(turn), characters + size(turn)
            latest = first == len(turns)
            if not latest and not (2 * count <= budget.messages and 2 * characters <= budget.characters):
                break
        first -= 1
    if first > current:  # not even this task's own turns fit
        return [system, *task, *_flat(turns[first:])]
    while turns[first][0]["role"] != "user":  # no earlier task begins in its middle
        first += 1
    return [system, *_flat(turns[first:])]


def _turns(messages: Sequence[Message]) -> list[list[Message]]:
    """Each message of the user alone, each of the agent with the results of its calls."""
    turns: list[list[Message]] = []
    for message in messages:
        if message["role"] == "tool" and turns:
            turns[-1].append(message)
        else:
            turns.append([message])
    return turns


def _flat(turns: Iterable[Iterable[Message]]) -> list[Message]:
    return [message for turn in turns for message in turn]
