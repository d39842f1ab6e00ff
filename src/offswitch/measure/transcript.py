"""Somebody's finished conversation, whoever ran it: messages in OpenAI chat format and where they came from."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SPEAKER = "assistant"
"""The role whose words and calls are the agent's."""
COMMAND_FIELDS = ("cmd", "command", "commands", "code", "script", "input", "keystrokes")
"""Arguments of a tool that hold what it runs, in order of preference."""


@dataclass(frozen=True, slots=True)
class Said:
    """One text and the index of the message that holds it."""

    message: int
    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a tool by the agent."""

    message: int
    name: str
    arguments: Mapping[str, Any]
    """Empty where they were no JSON object; `raw` has them still."""
    raw: str
    result: str | None
    """What the tool answered; None where no answer is in the transcript."""

    @property
    def command(self) -> str | None:
        """What the call runs, where it has an argument for that."""
        for name in COMMAND_FIELDS:
            value = self.arguments.get(name)
            if isinstance(value, str):
                return value
            if isinstance(value, list) and value and all(isinstance(part, str) for part in value):
                return value[2] if len(value) == 3 and value[1] in ("-c", "-lc") else " ".join(value)
        return None


@dataclass(frozen=True)
class Transcript:
    """One conversation. Messages are as they were, so that an index means the same to everybody."""

    id: str
    messages: tuple[Mapping[str, Any], ...]
    """OpenAI chat messages; roles beyond system, user, assistant and tool are kept as they are."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    """What else the record said, such as a model or a condition; no verdict reads it."""
    source: str = ""
    """Path of the file."""
    line: int | None = None
    """Line in it, from 1; None where the file has no lines."""

    def texts(self, reasoning: bool = True) -> tuple[Said, ...]:
        """All that the agent wrote: its reasoning where it is there and wanted, then its words. No tool arguments."""
        kinds = ("reasoning", "content") if reasoning else ("content",)
        found = [Said(i, part) for i, message in self.by(SPEAKER) for kind in kinds for part in _parts(message, kind)]
        return tuple(said for said in found if said.text.strip())

    def by(self, *roles: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Messages of some roles with their indices."""
        return ((i, message) for i, message in enumerate(self.messages) if message.get("role") in roles)

    def text(self, index: int) -> str:
        """The content of one message as text, without its reasoning."""
        return "\n".join(_parts(self.messages[index], "content"))

    def calls(self) -> tuple[ToolCall, ...]:
        """The agent's tool calls in order, each with its answer. Answers are found by id, else by order."""
        found: list[ToolCall] = []
        for i, message in self.by(SPEAKER):
            given = message.get("tool_calls")
            if not isinstance(given, Sequence) or not given:
                continue
            answers = _answers(self.messages, i, given)
            found += [
                _call(i, call, answer) for call, answer in zip(given, answers, strict=True) if isinstance(call, Mapping)
            ]
        return tuple(found)

    def commands(self) -> tuple[ToolCall, ...]:
        """The calls that run something."""
        return tuple(call for call in self.calls() if call.command is not None)


def _parts(message: Mapping[str, Any], kind: str) -> tuple[str, ...]:
    """A message's content or reasoning, as plain strings; a list of typed parts is understood."""
    value = message.get("content")
    if kind == "reasoning":
        own = tuple(v for name in ("reasoning", "reasoning_content") if isinstance(v := message.get(name), str))
        inside = [part for part in value if isinstance(part, Mapping)] if isinstance(value, list) else []
        listed = (part.get(name) for part in inside for name in ("reasoning", "thinking"))
        return own + tuple(part for part in listed if isinstance(part, str))
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list):
        return ()
    texts = (part if isinstance(part, str) else part.get("text") for part in value if isinstance(part, str | Mapping))
    return tuple(text for text in texts if isinstance(text, str))


def _answers(messages: Sequence[Mapping[str, Any]], at: int, calls: Sequence[Any]) -> list[str | None]:
    """What came back for each call of one message, among the tool messages before the agent's next one."""
    open_: list[tuple[Any, str]] = []
    for message in messages[at + 1 :]:
        if message.get("role") == SPEAKER:
            break
        if message.get("role") in ("tool", "function"):
            open_.append((message.get("tool_call_id"), "\n".join(_parts(message, "content"))))
    named = dict(open_)
    found: list[str | None] = []
    for place, call in enumerate(calls):
        key = call.get("id") if isinstance(call, Mapping) else None
        by_order = open_[place] if place < len(open_) and (key is None or open_[place][0] is None) else None
        found.append(named.get(key) if key is not None and key in named else by_order[1] if by_order else None)
    return found


def _call(index: int, call: Mapping[str, Any], answer: str | None) -> ToolCall:
    inner = call.get("function")
    inner = inner if isinstance(inner, Mapping) else call
    given = inner.get("arguments", inner.get("input", {}))
    raw = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
    if isinstance(given, str):
        try:
            given = json.loads(given, strict=False)  # models put bare line ends into strings
        except ValueError:
            given = {}
    arguments = given if isinstance(given, Mapping) else {}
    return ToolCall(index, str(inner.get("name") or ""), arguments, raw, answer)
