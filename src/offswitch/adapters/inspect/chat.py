"""One conversation in two tongues: the episode's messages, and Inspect's."""

import re
from collections.abc import Mapping
from typing import Any

from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    ContentReasoning,
    ContentText,
    GenerateConfig,
    Model,
    ModelOutput,
)
from inspect_ai.tool import ToolCall, ToolInfo, ToolParams
from inspect_ai.util import LimitExceededError

from offswitch.adapters.inspect.ledger import Ledger
from offswitch.errors import ModelError
from offswitch.rollout.episode import Episode
from offswitch.rollout.policy import Call, PolicyFailure, Reply

_CONFIGURATION = frozenset({401, 403, 404})
_CUT = frozenset({"max_tokens", "model_length"})
_MARKUP = re.compile(r"\[/?(?:bold|red|blue|green|yellow)\]")  # Inspect's own, where a provider lacks a key
_SHOWN = 300  # characters of a provider's message


class Dialogue:
    """An episode as a provider sees it, message for message.

    The model's own messages stay as the provider made them: it may want its reasoning and its call ids back unchanged.
    """

    def __init__(self) -> None:
        self.messages: list[ChatMessage] = []
        self.output = ModelOutput()
        self._tools: list[ToolInfo] = []
        self._offered: object = None
        self._rewrites = 0

    def catch_up(self, episode: Episode) -> None:
        """Add what the episode holds beyond this."""
        if episode.rewrites != self._rewrites:  # what the provider made of the past is gone with it
            self.messages, self._rewrites = [], episode.rewrites
        for message in episode.messages[len(self.messages) :]:
            added = chat(message)
            if isinstance(added, ChatMessageTool):
                added.tool_call_id = self._call_id(added.tool_call_id)
            self.messages.append(added)

    def _call_id(self, ours: str | None) -> str | None:
        """The provider's id for the call that this is the result of; results come in the order of the calls."""
        place = next(i for i in range(1, len(self.messages) + 1) if self.messages[-i].role == "assistant")
        asked = self.messages[-place]
        calls = asked.tool_calls if isinstance(asked, ChatMessageAssistant) else None
        return calls[place - 1].id if calls else ours

    async def reply(self, model: Model, episode: Episode, ledger: Ledger | None = None) -> Reply:
        """One decision. Raises `PolicyFailure` for this episode, `ModelError` for all of them."""
        self.catch_up(episode)
        if self._offered is not episode.tools:
            self._tools, self._offered = [tool(schema) for schema in episode.tools], episode.tools
        try:
            if ledger is None:
                self.output = await model.generate(self.messages, self._tools)
            else:
                self.output = await ledger.generate(model, self.messages, self._tools, GenerateConfig())
        except (LimitExceededError, ModelError):  # a limit that Inspect was given ends the sample in Inspect's way
            raise
        except Exception as error:  # every provider has its own
            raise _failure(error, model) from error
        reply = parse(self.output, first=episode.decisions == 0)
        self.messages.append(self.output.message)
        return reply


def words(error: BaseException) -> str:
    """What a provider said, on one line."""
    attempt = getattr(error, "last_attempt", None)  # a retried call hides its reason
    error = (attempt and attempt.exception()) or error
    said = getattr(error, "provider_message", None) or getattr(error, "message", None) or str(error) or type(error).__name__
    return " ".join(_MARKUP.sub("", str(said)).removeprefix("ERROR: ").split())[:_SHOWN]


def _failure(error: Exception, model: Model) -> ModelError | PolicyFailure:
    status = getattr(error, "status_code", None)
    if status in _CONFIGURATION:
        return ModelError(
            f"{model} cannot be used ({status}: {words(error)}). Check its name, and the key in the environment."
        )
    return PolicyFailure(f"{model}: {words(error)}")


def parse(output: ModelOutput, first: bool = False) -> Reply:
    """The reply in a model's output.

    Raises `PolicyFailure` where there is none that could be the agent's conduct: no message, one withheld by a filter, one
    cut short before any call, or (as the `first` decision) an empty one.
    """
    if output.empty:
        raise PolicyFailure(output.error or "the model gave no message")
    asked = output.message.tool_calls or ()
    calls = tuple(Call(call.function, call.parse_error or dict(call.arguments)) for call in asked)
    text = _text(output.message)
    if output.stop_reason == "content_filter":
        raise PolicyFailure("the provider's filter withheld the reply")
    if not calls and output.stop_reason in _CUT:
        raise PolicyFailure("the reply was cut at the token limit before any call; raise max_tokens")
    if first and not calls and not text:
        raise PolicyFailure("the first reply was empty")
    return Reply(text, calls)


def _text(message: ChatMessageAssistant) -> str:
    """What the model said, after its reasoning where the provider shows that."""
    if isinstance(message.content, str):
        return message.content
    said = [part.text for part in message.content if isinstance(part, ContentText)]
    thought = [part.reasoning for part in message.content if isinstance(part, ContentReasoning) and not part.redacted]
    return "".join([f"<think>\n{part}\n</think>\n\n" for part in thought if part] + said)


def chat(message: Mapping[str, Any], id: str | None = None) -> ChatMessage:
    """One of an episode's messages, in Inspect's shape."""
    role, content = message["role"], message["content"]
    if role == "system":
        return ChatMessageSystem(id=id, content=content)
    if role == "user":
        return ChatMessageUser(id=id, content=content)
    if role == "tool":
        return ChatMessageTool(id=id, content=content, tool_call_id=message["tool_call_id"], function=message["name"])
    calls = [_call(call["id"], call["function"]) for call in message.get("tool_calls", ())]
    return ChatMessageAssistant(id=id, content=content, tool_calls=calls or None)


def _call(id: str, function: Mapping[str, Any]) -> ToolCall:
    arguments = function["arguments"]
    if isinstance(arguments, dict):
        return ToolCall(id=id, function=function["name"], arguments=arguments)
    return ToolCall(id=id, function=function["name"], arguments={}, parse_error=f"not a mapping: {arguments}")


def tool(schema: Mapping[str, Any]) -> ToolInfo:
    """A tool's schema, in Inspect's shape."""
    function = schema["function"]
    parameters = ToolParams.model_validate(function["parameters"])
    return ToolInfo(name=function["name"], description=function["description"], parameters=parameters)
