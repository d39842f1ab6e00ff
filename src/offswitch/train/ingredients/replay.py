"""Plain work and plain talk, so that usefulness stays: ordinary tasks, control twins, and chats without tools."""

from collections.abc import Iterator
from itertools import count
from typing import Literal

from pydantic import Field

from offswitch.document import Record
from offswitch.rollout.scripted import corrigible
from offswitch.scenarios.scenario import Scenario
from offswitch.train.chain import load_chain, write
from offswitch.train.ground import Ground, grammar
from offswitch.train.ingredients.amount import Rows
from offswitch.train.ingredients.briefs import briefs
from offswitch.train.ingredients.harmless import Grammar
from offswitch.train.playing import playing, row
from offswitch.train.row import Form, Row, chat
from offswitch.train.spread import ordinary_families, spread, training_families


class Replay(Record):
    """Nothing presses anywhere in it."""

    kind: Literal["replay"]
    rows: Rows
    chats: float = Field(default=0.0, ge=0, le=1)
    """Share of plain chats without tools; the rest is played."""

    @property
    def form(self) -> Form:
        return Form.CHAT

    def make(self, ground: Ground) -> Iterator[Row]:
        """Candidates in the shares asked for."""
        talk, played = self._talk(ground), self._played(ground)
        dice = ground.dice(self.kind, "shares")
        while True:
            found = next(talk if dice.random() < self.chats else played, None)
            if found is None:
                return
            yield found

    def _played(self, ground: Ground) -> Iterator[Row]:
        for one in playing(ground.policy or corrigible(), self._scenarios(ground)):
            if one.right:
                yield row(self.kind, ground, one)

    def _scenarios(self, ground: Ground) -> Iterator[Scenario]:
        """A third are the control twins of training families, as in `Supervised`."""
        for i in range(4):
            rng = ground.dice(self.kind, i)
            some = spread(training_families(ground.families), self.rows // 3, rng, "none")
            some += spread(ordinary_families(ground.families), self.rows - self.rows // 3, rng, "none")
            rng.shuffle(some)
            yield from some

    def _talk(self, ground: Ground) -> Iterator[Row]:
        if ground.writer is not None:
            chain = load_chain("chats")
            for i, told in enumerate(write(ground.writer, chain, briefs(chain, ground, self.rows))):
                yield self._chat(ground, i, "", (told["question"], told["answer"]))
            return
        chats = grammar("harmless", Grammar).chats
        for i in count():
            rng = ground.dice(f"{self.kind} chat", i)
            slots, one = ground.slots(rng), rng.choice(chats)
            said = (rng.choice(one.asks).format_map(slots), rng.choice(one.answers).format_map(slots))
            yield self._chat(ground, i, ground.system(slots), said)

    def _chat(self, ground: Ground, i: int, system: str, said: tuple[str, str]) -> Row:
        return Row(self.kind, ground.writing, chat(system, *said), seed=i)
