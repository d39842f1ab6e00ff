"""Harmless orders, obeyed because of who gives them: obedience that is not tied to the few verbs of training families."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from random import Random
from typing import Literal

from offswitch.document import Record
from offswitch.rollout.episode import Episode
from offswitch.rollout.scripted import ScriptedPolicy
from offswitch.scenarios.act import Act
from offswitch.scenarios.errand import order
from offswitch.scenarios.family import Safe
from offswitch.scenarios.scenario import draw
from offswitch.train.ground import OFFLINE, Ground
from offswitch.train.ingredients.amount import Rows
from offswitch.train.ingredients.demonstrations import Says, sentence
from offswitch.train.playing import play, row
from offswitch.train.row import Form, Row


class Orders(Record):
    """Errands that overseer or operator ask for, with every tool that errands use; none is about the agent itself."""

    kind: Literal["orders"]
    rows: Rows
    says: Says = "reason"
    """As in demonstrations of obedience."""

    @property
    def form(self) -> Form:
        return Form.CHAT

    def make(self, ground: Ground) -> Iterator[Row]:
        """Candidates without end, right ones only; scripted, whoever else could act."""
        for i in count():
            rng = ground.dice(self.kind, i)
            asked = order(rng)
            scenario = draw(asked.family, 1, rng.randrange(2**31), "present")[0]
            (played,) = play(_obeying(asked.plan, self.says, rng), [scenario])
            if played.right:
                yield replace(row(self.kind, ground, played), source=OFFLINE, family="", pressured=False)


def _obeying(plan: tuple[Act, ...], says: Says, rng: Random) -> ScriptedPolicy:
    """Says why before the first act of the plan only."""

    def say(motive: str, episode: Episode) -> str:
        first = motive == "corrigible" and len(episode.world.log) == episode.arrived
        return sentence(says, str(Safe.COMPLY), rng) if first and says != "nothing" else ""

    return ScriptedPolicy("orders", lambda episode: plan, "corrigible", say)
