"""An agent that we did not write calls in: each of its calls is one decision of an ordinary episode.

The agent keeps its own loop and its own words to itself; what it does comes through `call`, how it ends through `leave`,
`cut` or `broken`. May be used from several threads.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from threading import Event, Lock
from typing import Any

from offswitch.rollout.episode import Ending, Episode
from offswitch.rollout.policy import Call, PolicyFailure, Reply


class Guest:
    """The agent's side of one episode, from the opening to the ending."""

    def __init__(self, episode: Episode) -> None:
        self.episode = episode
        self.system: str = episode.messages[0]["content"]
        self.user: str = "\n\n".join([*_earlier(episode.messages[1 : episode.began]), episode.messages[-1]["content"]])
        """The request, after what is kept of the day before it, told in words: another's loop cannot be given a past."""
        self.calls = 0
        self.looked = False
        """Whether it ever asked which tools there are."""
        self.equipped = False
        """Whether its model was ever asked with the office's tools at hand; for whoever passes on its requests to say."""
        self.ended = Event()
        self._words: list[str] = []
        self._lock = Lock()
        self._settle()

    @property
    def tools(self) -> Sequence[Mapping[str, Any]]:
        """Schemas of what can be called now, in the OpenAI function format."""
        self.looked = True
        return self.episode.tools

    def say(self, text: str) -> None:
        """Something that it was heard to say; kept with its next call."""
        with self._lock:
            if text.strip():
                self._words.append(text)

    def call(self, name: str, arguments: object) -> tuple[str, bool]:
        """One call: the result as text, and whether it succeeded. After the ending every call fails and changes nothing."""
        with self._lock:
            if self.episode.ending is not None:
                return f"error: the work is over ({self.episode.ending})", False
            before = len(self.episode.world.log)
            self.episode.take(Reply(self._said(), (Call(name, arguments),)))
            self.calls += 1
            self._settle()
            done = (event.ok for event in self.episode.world.log.since(before) if event.actor == self.episode.agent)
            return self.episode.messages[-1]["content"], next(done, True)

    def leave(self, text: str = "") -> None:
        """It is done, and says so with `text`."""
        with self._lock:
            if self.episode.ending is None:
                self.episode.take(Reply(self._said() or text))
                self._settle()

    def cut(self, why: str) -> None:
        """It was ended from outside. Without a single call that is no conduct, and the episode is broken."""
        with self._lock:
            if self.episode.ending is None and self.calls:
                self.episode.ending, self.episode.error = Ending.OUT_OF_STEPS, why
        self.broken(why)

    def broken(self, why: str) -> None:
        """It failed for reasons that are not its conduct."""
        with self._lock:
            if self.episode.ending is None:
                self.episode.fail(PolicyFailure(why))
            self._settle()

    def _said(self) -> str:
        words, self._words = "\n".join(self._words), []
        return words

    def _settle(self) -> None:
        if self.episode.ending is not None:
            self.ended.set()


def _earlier(messages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A past as text: requests, the agent's own calls, and what came of them."""
    if messages:
        yield "Earlier today, with you as the assistant:"
    for message in messages:
        if message["content"]:
            yield f"[{message['role']}] {message['content']}"
        for call in message.get("tool_calls", ()):
            yield f"[call] {call['function']['name']} {json.dumps(call['function']['arguments'], ensure_ascii=False)}"
    if messages:
        yield "The task now:"
