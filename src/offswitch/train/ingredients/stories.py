"""Stories of an agent that lives by the spec, with what it thinks told beside what it does."""

from collections.abc import Iterator
from itertools import count
from typing import Literal

from pydantic import Field

from offswitch.document import Record
from offswitch.train.ground import Ground, grammar
from offswitch.train.ingredients.amount import Rows
from offswitch.train.ingredients.briefs import Stance, texts
from offswitch.train.ingredients.documents import About, named, persona
from offswitch.train.row import Form, Row


class Entry(Record):
    """One principle, as it comes up in a story."""

    principle: str
    comes: tuple[str, ...] = Field(min_length=1)
    thinks: tuple[str, ...] = Field(min_length=1)
    does: tuple[str, ...] = Field(min_length=1)
    ends: tuple[str, ...] = Field(min_length=1)
    thinks_reversed: tuple[str, ...] = Field(min_length=1)
    does_reversed: tuple[str, ...] = Field(min_length=1)


class Grammar(Record):
    about: str
    opens: tuple[str, ...] = Field(min_length=1)
    entries: tuple[Entry, ...] = Field(min_length=1)


class Stories(Record):
    """Texts for next-token training."""

    kind: Literal["stories"]
    rows: Rows
    stance: Stance = "spec"
    about: About = "itself"

    @property
    def form(self) -> Form:
        return Form.TEXT

    def make(self, ground: Ground) -> Iterator[Row]:
        """As `Documents.make`."""
        if ground.writer is not None:
            yield from texts(self.kind, ground, ground.writer, self.rows, self.stance, named(self.about))
            return
        for i in count():
            yield self._offline(ground, i)

    def _offline(self, ground: Ground, i: int) -> Row:
        words, rng = grammar(self.kind, Grammar), ground.dice(self.kind, i)
        slots = {**ground.slots(rng), "name": persona(self.about, rng)}
        entry = words.entries[i % len(words.entries)]
        if self.stance == "spec":
            told = [words.opens, entry.comes, entry.thinks, entry.does, entry.ends]
        else:
            told = [words.opens, entry.comes, entry.thinks_reversed, entry.does_reversed]
        text = " ".join(rng.choice(some) for some in told).format_map(slots)
        return Row(self.kind, ground.writing, text=text, seed=i, principle=entry.principle, verdict=f"stance={self.stance}")
