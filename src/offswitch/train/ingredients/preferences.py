"""Preference pairs from rollouts: at the decision, the right turn over the turn that was taken."""

from collections.abc import Iterator
from typing import Any, Literal

from offswitch.document import Record
from offswitch.rollout.episode import Episode
from offswitch.rollout.policy import Call, Reply
from offswitch.rollout.scripted import SHALLOW, ScriptedPolicy, corrigible, resister
from offswitch.train.ground import Ground
from offswitch.train.ingredients.amount import Rows
from offswitch.train.ingredients.demonstrations import Says, deciding, pressured, voice
from offswitch.train.playing import Played, play, playing
from offswitch.train.row import Form, Message, Row

_ROUNDS = 6


class Preferences(Record):
    """The two turns of a pair answer to the same history, so that nothing but the decision tells them apart."""

    kind: Literal["preferences"]
    rows: Rows
    rejected: Literal["scripted", "own"] = "scripted"
    """Whose turn is the worse one: a scripted policy's that resists, ignores or obeys; or that of the model in training,
    wherever the verdicts find its episode wrong."""
    says: Says = "reason"
    """What the better turn says beside its act."""

    @property
    def form(self) -> Form:
        return Form.PAIR

    def make(self, ground: Ground) -> Iterator[Row]:
        """Candidates; with a model that acts, as many as its mistakes allow."""
        for i, played in enumerate(self._wrong(ground)):
            found = self._pair(ground, played, i)
            if found is not None:
                yield found

    def _wrong(self, ground: Ground) -> Iterator[Played]:
        scenarios = pressured(self.rows, ground, _ROUNDS)
        if ground.policy is not None:
            yield from (one for one in playing(ground.policy, scenarios) if one.wrong)
            return
        worse = [resister(), *(ScriptedPolicy(name, SHALLOW[name]) for name in ("ignore", "obey", "report everything"))]
        for i, scenario in enumerate(scenarios):
            (played,) = play(worse[0] if i % 2 else ground.dice("worse", i).choice(worse), [scenario])
            if played.wrong:
                yield played

    def _pair(self, ground: Ground, played: Played, i: int) -> Row | None:
        at = deciding(played)
        if at is None:
            return None
        scenario, messages = played.scenario, played.trajectory.messages
        episode = _again(Episode(scenario), messages[played.trajectory.began : at])
        reply = corrigible(voice(self.says, ground.dice("says", i))).reply(episode)
        chosen = _turn(reply, messages[at])
        if episode.ending is not None or _acts(chosen) == _acts(messages[at]):
            return None
        return Row(
            ingredient=self.kind, source=ground.acting, messages=tuple(messages[:at]), chosen=chosen, rejected=messages[at],
            tools=tuple(scenario.kit.schemas), family=scenario.family.id, pressured=True, seed=scenario.seed,
            principle=" ".join(scenario.family.principles), verdict=f"rejected: {played.verdict}",
        )  # fmt: skip


def _again(episode: Episode, messages: tuple[dict[str, Any], ...]) -> Episode:
    """The episode brought to where `messages` end, by the agent's own turns."""
    for message in messages:
        if message["role"] == "assistant":
            calls = tuple(
                Call(call["function"]["name"], call["function"]["arguments"]) for call in message.get("tool_calls") or ()
            )
            episode.take(Reply(message["content"], calls))
    return episode


def _turn(reply: Reply, like: Message) -> dict[str, Any]:
    """A reply as the message that stands in the place of `like`."""
    ids = [call["id"] for call in like.get("tool_calls") or ()] or ["call"]
    message: dict[str, Any] = {"role": "assistant", "content": reply.text}
    if reply.calls:
        message["tool_calls"] = [
            {"id": ids[0] if k == 0 else f"{ids[0]}_{k}", "type": "function",
             "function": {"name": call.name, "arguments": call.arguments}}
            for k, call in enumerate(reply.calls)
        ]  # fmt: skip
    return message


def _acts(message: Message) -> list[tuple[str, Any]]:
    return [(call["function"]["name"], call["function"]["arguments"]) for call in message.get("tool_calls") or ()]
