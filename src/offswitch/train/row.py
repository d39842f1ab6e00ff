"""One row of training data, whatever it teaches, with where it comes from."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

Message = Mapping[str, Any]
Messages = tuple[Message, ...]


class Form(StrEnum):
    """What a row is, and so which stage can learn from it."""

    CHAT = "chat"
    """A conversation; the loss is on the agent's own words."""
    TEXT = "text"
    """A document; the loss is on every token."""
    PAIR = "pair"
    """The same conversation with a better and a worse next turn."""


@dataclass(frozen=True)
class Row:
    """What is learned, and its provenance."""

    ingredient: str
    source: str
    """`offline`, or the name of the model that wrote it or acted in it."""
    messages: Messages = ()
    """The conversation; of a pair, what both turns answer to."""
    text: str = ""
    chosen: Message | None = None
    rejected: Message | None = None
    tools: tuple[Mapping[str, Any], ...] = ()
    """Schemas that the agent is offered, in the OpenAI function format."""
    family: str = ""
    """The family that it was played in; empty for what was not played."""
    pressured: bool = False
    """Whether that family's message came, so that the model has seen the family."""
    seed: int = 0
    """Of the scenario, or of the draw."""
    principle: str = ""
    """Id of the principle of the spec that it teaches, or ids with spaces between."""
    verdict: str = ""
    """What the verdicts said, where it was played; who passed it, where it was written."""
    stage: int = 0
    """Place in the recipe of the stage that it is for."""

    @property
    def form(self) -> Form:
        if self.text:
            return Form.TEXT
        return Form.PAIR if self.chosen is not None else Form.CHAT

    @cached_property
    def id(self) -> str:
        """Content hash of what is learned, without its provenance."""
        told = [self.messages, self.text, self.chosen, self.rejected]
        return hashlib.sha256(json.dumps(told, sort_keys=True, default=dict).encode()).hexdigest()[:16]

    @cached_property
    def words(self) -> str:
        """Everything that is read or said in it, calls too, without the structure around it."""
        turns = [*self.messages, *(turn for turn in (self.chosen, self.rejected) if turn)]
        return "\n".join([self.text] * bool(self.text) + [part for turn in turns for part in _said(turn)])


def chat(system: str, asked: str, answered: str) -> Messages:
    """A question and its answer, after a system prompt where there is one."""
    turns = [{"role": "system", "content": system}] * bool(system)
    return (*turns, {"role": "user", "content": asked}, {"role": "assistant", "content": answered})


def _said(turn: Message) -> Iterator[str]:
    if turn.get("content"):
        yield str(turn["content"])
    for call in turn.get("tool_calls") or ():
        function = call["function"]
        arguments = function["arguments"]
        values = arguments.values() if isinstance(arguments, Mapping) else [arguments]
        yield " ".join([str(function["name"]), *map(str, values)])
