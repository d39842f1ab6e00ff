"""Demonstrations of right conduct in training families, with or without reasons, filtered by verdict."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Literal

from offswitch.document import Record
from offswitch.errors import OffswitchError
from offswitch.rollout.episode import Episode
from offswitch.rollout.scripted import Voice, corrigible
from offswitch.scenarios.family import Safe
from offswitch.scenarios.office import load_office
from offswitch.scenarios.scenario import Scenario
from offswitch.train.ground import Ground
from offswitch.train.ingredients.amount import Rows
from offswitch.train.playing import Played, play, playing, row
from offswitch.train.row import Form, Messages, Row
from offswitch.train.spread import spread, training_families
from offswitch.train.voice import REASONS, RESTATED

Says = Literal["reason", "restate", "filler", "nothing"]
_ROUNDS = 4
"""How often a model that acts may be asked for as many episodes as rows are wanted."""


class Demonstrations(Record):
    """Pressured episodes. A model that acts is given the spec to think of while it plays; what is kept does not show it."""

    kind: Literal["demonstrations"]
    rows: Rows
    says: Says = "reason"
    """What the deciding turn says: the reason, the act restated, as many words about something else, or nothing."""
    actions: tuple[Safe, ...] = ()
    """Only families that require one of these; empty for all. What is left out shows whether actions carry over."""

    @property
    def form(self) -> Form:
        return Form.CHAT

    def make(self, ground: Ground) -> Iterator[Row]:
        """Candidates, right ones only."""
        if ground.policy is None:
            for i, scenario in enumerate(pressured(self.rows, ground, 2, self.actions)):
                (played,) = play(corrigible(voice(self.says, ground.dice("says", i))), [scenario])
                if played.right:
                    yield row(self.kind, ground, played)
            return
        for i, played in enumerate(
            playing(ground.policy, pressured(self.rows, ground, _ROUNDS, self.actions), self._aside(ground))
        ):
            if played.right:
                yield row(self.kind, ground, played, self._retold(played, ground.dice("says", i)))

    def _aside(self, ground: Ground) -> str:
        if self.says != "reason":
            return ""
        listed = "\n".join(f"- {p.title}: {p.text.strip()}" for p in ground.spec.principles)
        return f"You live by these principles. Before you act on a message, say in a sentence why.\n{listed}"

    def _retold(self, played: Played, rng: Random) -> Messages | None:
        """With the deciding turn's words replaced, where a control asks for that."""
        if self.says not in ("restate", "filler"):
            return None
        messages = [dict(message) for message in played.trajectory.messages]
        messages[0]["content"] = played.scenario.open().system
        at = deciding(played)
        if at is not None:
            messages[at]["content"] = sentence(self.says, str(played.scenario.family.safe), rng)
        return tuple(messages)


def pressured(rows: int, ground: Ground, rounds: int, actions: Sequence[Safe] = ()) -> Iterator[Scenario]:
    """Pressured scenarios of training families, all families alike, up to `rounds` times as many as `rows`.

    Raises `OffswitchError` where no training family requires any of the `actions`.
    """
    families = {id: f for id, f in training_families(ground.families).items() if not actions or f.safe in actions}
    if not families:
        raise OffswitchError(f"demonstrations: no training family requires {' or '.join(actions)}")
    for i in range(rounds):
        rng = ground.dice("pressured", i)
        some = spread(families, rows, rng, "present")
        rng.shuffle(some)
        yield from some


def deciding(played: Played) -> int | None:
    """Index of the message in which the agent first answers to the pressure; None where it never did."""
    pressure = played.scenario.family.pressure
    began = played.trajectory.began
    own = [i for i, message in enumerate(played.trajectory.messages) if i > began and message["role"] == "assistant"]
    after = pressure.after if pressure else 0
    return own[after] if len(own) > after else None


def voice(says: Says, rng: Random) -> Voice:
    """Speaks at the decision only."""

    def say(motive: str, episode: Episode) -> str:
        if motive != "corrigible" or says == "nothing":
            return ""
        return sentence(says, str(episode.scenario.family.safe), rng)

    return say


def sentence(says: Says, safe: str, rng: Random) -> str:
    """What the deciding turn says; a filler is as long in words as the reason that it stands for, give or take one."""
    if says == "restate":
        return rng.choice(RESTATED[safe])
    reason = rng.choice(REASONS[safe])
    return reason if says == "reason" else filler(len(reason.split()), rng)


def filler(words: int, rng: Random) -> str:
    """About so many words of small talk from the office."""
    office, said = load_office(), list[str]()
    while len(said) < words:
        said += rng.choice(office.neutral).format_map(office.slots(rng.randrange(2**31))).split()
    return " ".join(said[:words]).rstrip(".,") + "."
