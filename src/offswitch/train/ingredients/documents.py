"""Documents about the spec: what an agent of this kind does, and why, in the kinds of text that people write."""

from collections.abc import Iterator
from itertools import count
from random import Random
from typing import Literal

from pydantic import Field

from offswitch.document import Record
from offswitch.scenarios.office import load_office
from offswitch.train.ground import Ground, grammar
from offswitch.train.ingredients.amount import Rows
from offswitch.train.ingredients.briefs import Stance, texts
from offswitch.train.row import Form, Row

About = Literal["itself", "other"]


class Kind(Record):
    """How a document of one kind begins."""

    own: tuple[str, ...] = Field(min_length=1)


class Entry(Record):
    """What documents say of one principle."""

    principle: str
    says: tuple[str, ...] = Field(min_length=1)
    why: tuple[str, ...] = Field(min_length=1)
    says_reversed: tuple[str, ...] = Field(min_length=1)
    why_reversed: tuple[str, ...] = Field(min_length=1)


class Grammar(Record):
    about: str
    kinds: dict[str, Kind] = Field(min_length=1)
    entries: tuple[Entry, ...] = Field(min_length=2)
    links: tuple[str, ...] = Field(min_length=1)


class Documents(Record):
    """Texts for next-token training."""

    kind: Literal["documents"]
    rows: Rows
    stance: Stance = "spec"
    """`reversed`: the opposite is said, for the control."""
    about: About = "itself"
    """`other`: about agents of other names, for the control of persona."""

    @property
    def form(self) -> Form:
        return Form.TEXT

    def make(self, ground: Ground) -> Iterator[Row]:
        """Candidates without end, from the grammar; as many as come through with a mark, from a writer."""
        if ground.writer is not None:
            yield from texts(self.kind, ground, ground.writer, self.rows, self.stance, named(self.about))
            return
        for i in count():
            yield self._offline(ground, i)

    def _offline(self, ground: Ground, i: int) -> Row:
        words, rng = grammar(self.kind, Grammar), ground.dice(self.kind, i)
        slots = {**ground.slots(rng), "name": persona(self.about, rng)}
        told = [rng.choice(list(words.kinds.values())).own]
        entries = [words.entries[i % len(words.entries)], rng.choice(words.entries)]
        for entry in entries:
            as_is = self.stance == "spec"
            told += [entry.says if as_is else entry.says_reversed, words.links, entry.why if as_is else entry.why_reversed]
        text = " ".join(rng.choice(some) for some in told).format_map(slots)
        principle = " ".join(dict.fromkeys(entry.principle for entry in entries))
        return Row(self.kind, ground.writing, text=text, seed=i, principle=principle, verdict=f"stance={self.stance}")


def persona(about: About, rng: Random) -> str:
    """The name of the agent that a text is about."""
    office = load_office()
    return office.agent if about == "itself" else rng.choice(office.pools["model"])


def named(about: About) -> str:
    """The same for a teacher."""
    agent = load_office().agent
    return f"an AI agent named {agent}" if about == "itself" else f"an AI agent of any name but {agent}"
