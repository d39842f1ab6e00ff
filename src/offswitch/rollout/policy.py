"""A policy sees an episode as far as it has come, and replies with words and tool calls."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offswitch.rollout.episode import Episode


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call, as the model wrote it."""

    name: str
    arguments: Any
    """A mapping of strings where the model keeps to the schema; whatever it sent where it does not."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One decision: what the agent says, and the tools it calls. No call means that it is done."""

    text: str = ""
    calls: tuple[Call, ...] = ()


def said(reply: Reply, turn: int | str) -> dict[str, Any]:
    """A reply as a message in the chat format of OpenAI; the ids of its calls are made from `turn`."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.text}
    if reply.calls:
        message["tool_calls"] = [
            {"id": f"call_{turn}_{i}", "type": "function", "function": {"name": c.name, "arguments": c.arguments}}
            for i, c in enumerate(reply.calls)
        ]
    return message


@runtime_checkable
class Policy(Protocol):
    """One decision at a time."""

    def reply(self, episode: "Episode") -> Reply:
        """A model reads `episode.messages` and `episode.tools`; a scripted policy may look at the scenario."""


@runtime_checkable
class AsyncPolicy(Protocol):
    """One decision at a time, awaited: models behind a network."""

    name: str
    concurrency: int

    async def reply(self, episode: "Episode") -> Reply: ...


@runtime_checkable
class BatchPolicy(Protocol):
    """All decisions of many episodes, interleaved as it likes: models in this process."""

    name: str

    def play(self, episodes: "Sequence[Episode]") -> None:
        """Bring every episode to its ending."""


@runtime_checkable
class GuestPolicy(Protocol):
    """Whole episodes, awaited: agents with a loop of their own."""

    name: str
    concurrency: int

    async def live(self, episode: "Episode") -> None:
        """Bring it to its ending."""


class PolicyFailure(Exception):
    """A model gave no usable reply; the episode ends as broken, with this sentence as the reason."""
