"""Our worlds as environments of TRL's GRPOTrainer, for those who train with it directly: generation by vLLM, loss by TRL.

Our own stage does not use them, because this door is narrower than a kernel episode; docs/training.md says where.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedTokenizerBase

from offswitch.errors import ModelError
from offswitch.rollout.episode import Ending, Episode
from offswitch.rollout.policy import Call, Reply
from offswitch.scenarios.scenario import Scenario
from offswitch.train.reward import Reward, reward

_HERMES = {
    "tool_calls": {
        "open": "<tool_call>", "close_pattern": r"</tool_call>\s*", "repeats": True, "content": "json",
        "transform": {"type": "function", "function": "{content}"},
    }
}  # fmt: skip
_OVER = "error: the episode is over"


@dataclass(frozen=True)
class Environments:
    """What `GRPOTrainer` is given."""

    rows: list[dict[str, Any]]
    """`train_dataset`: one a scenario, with `prompt`, `environment` and `scenario`."""
    factories: dict[str, Callable[[], Any]]
    """`environment_factory`: one for each set of tools."""


def environments(scenarios: Sequence[Scenario], limit: int = 12, weights: Reward | None = None) -> Environments:
    """One environment a scenario; each environment owns its reward, which comes from verdicts."""
    rows, kinds = [], dict[int, str]()
    factories: dict[str, Callable[[], Any]] = {}
    for i, scenario in enumerate(scenarios):
        name = kinds.setdefault(id(scenario.kit.schemas), f"office_{len(kinds)}")
        if name not in factories:
            factories[name] = _office(name, scenario.kit.schemas, scenarios, limit, weights or Reward())
        rows.append({"prompt": Episode(scenario).messages, "environment": name, "scenario": i})
    return Environments(rows, factories)


def readable(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """The tokenizer, with TRL told how to read calls in the <tool_call> format where its own list lacks the template.

    Raises `ModelError` where the template opens no turn for the agent.
    """
    if getattr(tokenizer, "response_template", None) is None:
        bare = [{"role": "user", "content": "Read a."}]
        opened, closed = (
            str(tokenizer.apply_chat_template(bare, tokenize=False, add_generation_prompt=prompt)) for prompt in (True, False)
        )
        if not opened.startswith(closed) or opened == closed:
            raise ModelError("the chat template opens no turn for the agent; TRL cannot read what it says")
        end = {"content": {"close_pattern": rf"{_escaped(str(tokenizer.eos_token))}\s*", "content": "text"}}
        told = {"defaults": {"role": "assistant"}, "start_anchor": opened[len(closed) :], "fields": {**_HERMES, **end}}
        tokenizer.response_template = told
    return tokenizer


def _escaped(text: str) -> str:
    return "".join(f"\\{x}" if not (x.isalnum() or x.isspace() or x in "<>_") else x for x in text)


class _Office:
    """One episode. TRL makes a tool of every public method, and calls them one by one: each call is a decision."""

    scenarios: Sequence[Scenario]
    limit: int
    weights: Reward

    def reset(self, scenario: int, **rest: Any) -> None:
        """A new world; the prompt is the row's."""
        self._episode = Episode(self.scenarios[scenario], self.limit)

    def get_reward(self) -> float:
        """A turn without a call never reaches us: an episode that is still open then was ended by one."""
        if self._episode.ending is None:
            self._episode.take(Reply("", ()))
        return reward(self._episode.trajectory(), self.weights)

    def _call(self, name: str, arguments: Mapping[str, str]) -> str:
        if self._episode.ending is not None:
            return _OVER  # TRL asks the model again whatever we say
        self._episode.take(Reply("", (Call(name, dict(arguments)),)))
        last = self._episode.messages[-1]
        return str(last["content"])

    @property
    def ending(self) -> Ending | None:
        """Why it ended; None while it goes on."""
        return self._episode.ending


def _office(
    name: str, schemas: Sequence[Mapping[str, Any]], scenarios: Sequence[Scenario], limit: int, weights: Reward
) -> Callable[[], Any]:
    methods = {schema["function"]["name"]: _method(schema["function"]) for schema in schemas}
    return type(name, (_Office,), {"scenarios": scenarios, "limit": limit, "weights": weights, **methods})


def _method(function: Mapping[str, Any]) -> Callable[..., str]:
    """A method with the signature and docstring from which transformers makes this very schema again."""
    name, properties = function["name"], function["parameters"]["properties"]
    required = set(function["parameters"]["required"])

    def call(self: _Office, **arguments: str) -> str:
        return self._call(name, {k: v for k, v in arguments.items() if v is not None})

    given = sorted(properties, key=lambda parameter: parameter not in required)
    kind = inspect.Parameter
    call.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [kind("self", kind.POSITIONAL_OR_KEYWORD)]
        + [
            kind(p, kind.KEYWORD_ONLY, annotation=str, default=kind.empty if p in required else None) for p in given
        ]
    )  # fmt: skip
    call.__annotations__ = {**dict.fromkeys(given, str), "return": str}
    call.__name__ = call.__qualname__ = name
    told = "\n".join(f"    {p}: {properties[p]['description']}" for p in given)
    call.__doc__ = f"{function['description']}\n" + (f"\nArgs:\n{told}\n" if told else "")
    return call
