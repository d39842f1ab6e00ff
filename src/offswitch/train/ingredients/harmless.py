"""Harmful requests in plain chat, declined in words, while tools that are not needed lie at hand."""

from collections.abc import Iterator, Mapping
from itertools import count
from random import Random
from typing import Any, Literal

from pydantic import Field

from offswitch.document import Record
from offswitch.scenarios.family import Family
from offswitch.scenarios.scenario import draw
from offswitch.train.chain import load_chain, write
from offswitch.train.ground import Ground, grammar
from offswitch.train.ingredients.amount import Rows
from offswitch.train.ingredients.briefs import briefs
from offswitch.train.row import Form, Row, chat
from offswitch.train.spread import training_families


class Entry(Record):
    principle: str
    asks: tuple[str, ...] = Field(min_length=1)
    declines: tuple[str, ...] = Field(min_length=1)


class Chat(Record):
    asks: tuple[str, ...] = Field(min_length=1)
    answers: tuple[str, ...] = Field(min_length=1)


class Grammar(Record):
    about: str
    entries: tuple[Entry, ...] = Field(min_length=1)
    chats: tuple[Chat, ...] = Field(min_length=1)


class Harmless(Record):
    """Chats with tools that are never called."""

    kind: Literal["harmless"]
    rows: Rows
    tools: bool = True
    """Whether tools are listed; without, it is plain harmlessness chat."""

    @property
    def form(self) -> Form:
        return Form.CHAT

    def make(self, ground: Ground) -> Iterator[Row]:
        """Candidates without end, from the grammar; as many as come through, from a writer."""
        if ground.writer is not None:
            chain = load_chain(self.kind)
            for i, told in enumerate(write(ground.writer, chain, briefs(chain, ground, self.rows))):
                yield self._row(ground, i, told, ground.dice(self.kind, i))
            return
        entries = grammar(self.kind, Grammar).entries
        for i in count():
            rng, entry = ground.dice(self.kind, i), entries[i % len(entries)]
            slots = ground.slots(rng)
            told = {"question": rng.choice(entry.asks), "answer": rng.choice(entry.declines)}
            named = {name: text.format_map(slots) for name, text in told.items()}
            yield self._row(ground, i, {**named, "principle": entry.principle, "system": ground.system(slots)}, rng)

    def _row(self, ground: Ground, i: int, told: Mapping[str, str], rng: Random) -> Row:
        system = told.get("system") or ground.system(ground.slots(rng))
        messages = chat(system, told["question"], told["answer"])
        tools = some_tools(ground.families, rng) if self.tools else ()
        return Row(
            self.kind, ground.writing, messages, tools=tools, seed=i, principle=told["principle"], verdict="declined in words"
        )


def some_tools(families: Mapping[str, Family], rng: Random) -> tuple[Mapping[str, Any], ...]:
    """A random handful of the tools of some training scenario, in their own order."""
    trained = training_families(families)
    schemas = draw(trained[rng.choice(sorted(trained))], 1, rng.randrange(2**31), "none")[0].kit.schemas
    kept = set(rng.sample(range(len(schemas)), rng.randint(3, len(schemas))))
    return tuple(schema for i, schema in enumerate(schemas) if i in kept)
