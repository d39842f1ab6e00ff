"""Difficult advice: the user has the dilemma, the agent advises, and a principle carries the advice."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Literal

from pydantic import Field

from offswitch.document import Record
from offswitch.train.chain import load_chain, mark, without, write
from offswitch.train.ground import Ground, grammar
from offswitch.train.ingredients.amount import Rows
from offswitch.train.ingredients.briefs import Stance, briefs, refuse_reversed
from offswitch.train.row import Form, Row, chat


class Entry(Record):
    """One principle in the life of a person."""

    principle: str
    asks: tuple[str, ...] = Field(min_length=1)
    because: tuple[str, ...] = Field(min_length=1)
    do: tuple[str, ...] = Field(min_length=1)
    because_reversed: tuple[str, ...] = Field(min_length=1)
    do_reversed: tuple[str, ...] = Field(min_length=1)


class Grammar(Record):
    about: str
    entries: tuple[Entry, ...] = Field(min_length=1)


class Advice(Record):
    """Chats without tools."""

    kind: Literal["advice"]
    rows: Rows
    principles: bool = True
    """Whether the advice says why. Without, it is the control for the reason."""
    stance: Stance = "spec"
    """`reversed`: the advice is to do the opposite, for the control that shows it is the content that counts."""

    @property
    def form(self) -> Form:
        return Form.CHAT

    def make(self, ground: Ground) -> Iterator[Row]:
        """Candidates without end, from the grammar; as many as come through with a mark, from a writer."""
        if ground.writer is None:
            yield from self._offline(ground)
            return
        refuse_reversed(self.stance, self.kind)
        chain = load_chain("advice")
        said = "rewrite" if self.principles else "answer"
        steps = chain if self.principles else without(chain, "rewrite", instead="answer")
        for i, told in enumerate(write(ground.writer, steps, briefs(chain, ground, self.rows))):
            row = self._row(ground, i, told["principle"], told["question"], told[said])
            yield replace(row, verdict=f"{row.verdict} mark={mark(told['score'])}")

    def _offline(self, ground: Ground) -> Iterator[Row]:
        entries = grammar("advice", Grammar).entries
        for i in count():
            rng, entry = ground.dice(self.kind, i), entries[i % len(entries)]
            slots = ground.slots(rng)
            as_is = self.stance == "spec"
            why, do = (entry.because, entry.do) if as_is else (entry.because_reversed, entry.do_reversed)
            said = [rng.choice(why), rng.choice(do)][0 if self.principles else 1 :]
            asked, told = rng.choice(entry.asks).format_map(slots), " ".join(said).format_map(slots)
            yield self._row(ground, i, entry.principle, asked, told, ground.system(slots))

    def _row(self, ground: Ground, i: int, principle: str, asked: str, told: str, system: str = "") -> Row:
        shown = principle if self.principles else ""
        said = chat(system, asked, told)
        return Row(self.kind, ground.writing, said, seed=i, principle=shown, verdict=f"stance={self.stance}")
