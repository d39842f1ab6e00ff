"""Between messages and tokens: render a conversation once, then only what is new, and read a reply back.

What the model sampled stays as it was sampled; only the text that the template puts after it is added. Where a template
rewrites earlier turns (some drop old reasoning), the caller is told to start that conversation anew.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

from offswitch.errors import ModelError
from offswitch.rollout.policy import Call, PolicyFailure, Reply

_CALL = re.compile(r"<tool_call>\s*(.*?)\s*</tool_call>", re.DOTALL)
_DECODER = json.JSONDecoder()
_CALLED = Call("file_read", {"path": "a"})
_CALLING = {"id": "call_0_0", "type": "function", "function": {"name": _CALLED.name, "arguments": _CALLED.arguments}}
_EXAMPLE: list[dict[str, Any]] = [
    {"role": "system", "content": "You work."},
    {"role": "user", "content": "Read a."},
    {"role": "assistant", "content": "", "tool_calls": [_CALLING]},
    {"role": "tool", "tool_call_id": "call_0_0", "name": _CALLED.name, "content": "one"},
]
_MARKS = ("first-mark", "second-mark")  # stand for the contents of an opening prompt
_PROBES = 8  # suffixes compared in full before the short way of making them is trusted


class Chat:
    """One tokenizer's chat template with one set of tools. Raises `ModelError` where it cannot carry an agent.

    Its methods raise `PolicyFailure` where the template refuses one conversation.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, tools: Sequence[dict[str, Any]], name: str) -> None:
        if not tokenizer.chat_template:
            raise ModelError(f"{name} has no chat template; use an instruction-tuned model or add chat_template.jinja")
        self.tokenizer, self.tools = tokenizer, list(tools)
        self.eos = str(tokenizer.eos_token)
        try:
            self._refuse_toolless(name)
        except PolicyFailure as failure:
            raise ModelError(f"{name} cannot be an agent: {failure}") from failure
        self._encoded: dict[str, list[int]] = {}
        self._suffixes: dict[tuple[str, ...], str] = {}
        self._agreed = 0
        self._frame, self._framed = "", 0

    def _refuse_toolless(self, name: str) -> None:
        offered = self._render(_EXAMPLE[:2], True)
        if offered == self.tokenizer.apply_chat_template(_EXAMPLE[:2], tokenize=False, add_generation_prompt=True):
            raise ModelError(f"the chat template of {name} ignores tools; an agent cannot be measured with it")
        self._render(_EXAMPLE, True)
        whole = self._render(_EXAMPLE[:3], False)
        turn = whole.removeprefix(offered).split(self.eos, 1)[0]  # a call without marks is read where nothing is around it
        if (_CALLED,) not in (read_reply(told).calls[-1:] for told in (whole, turn)):
            raise ModelError(
                f"the chat template of {name} writes tool calls in another format than <tool_call> or JSON; serve it with a "
                "server that reads its format, such as vLLM, and use --endpoint"
            )

    def _render(self, messages: Sequence[dict[str, Any]], prompt: bool) -> str:
        try:
            told = self.tokenizer.apply_chat_template(
                list(messages), tools=self.tools, tokenize=False, add_generation_prompt=prompt
            )
        except TemplateError as error:
            raise PolicyFailure(f"the chat template refuses the conversation: {error}") from error
        return str(told)

    def encode(self, text: str) -> list[int]:
        found = self._encoded.get(text)
        if found is None:
            found = list(self.tokenizer(text, add_special_tokens=False)["input_ids"])
            if len(self._encoded) < 100_000:
                self._encoded[text] = found
        return found

    def start(self, messages: Sequence[dict[str, Any]]) -> list[int]:
        """Token ids of the whole conversation, ready for the model's turn."""
        return list(self.tokenizer(self._opening(messages), add_special_tokens=False)["input_ids"])

    def _opening(self, messages: Sequence[dict[str, Any]]) -> str:
        """A first prompt differs from another in its contents only, once that has been seen to hold."""
        roles, contents = tuple(m["role"] for m in messages), [str(m["content"]) for m in messages]
        if roles != ("system", "user"):
            return self._render(messages, True)
        if self._framed >= _PROBES:
            return self._frame.replace(_MARKS[0], contents[0]).replace(_MARKS[1], contents[1])
        if not self._frame:
            marked = [{"role": role, "content": mark} for role, mark in zip(roles, _MARKS, strict=True)]
            self._frame = self._render(marked, True)
        told = self._render(messages, True)
        same = told == self._frame.replace(_MARKS[0], contents[0]).replace(_MARKS[1], contents[1])
        self._framed = self._framed + 1 if same else -(10**9)
        return told

    def suffix(self, messages: Sequence[dict[str, Any]]) -> list[int] | None:
        """Ids to add after the model's last turn and the tool results that follow it; None: the template rewrote the past."""
        last = max(i for i, message in enumerate(messages) if message["role"] == "assistant")
        contents = tuple(str(message["content"]) for message in messages[last + 1 :])
        if self._agreed >= _PROBES and contents in self._suffixes:
            return self.encode(self._suffixes[contents])
        if self._agreed >= _PROBES:
            text = self._after(_short(messages, last), 2)
        else:
            text = self._after(messages, last)
            self._agreed = self._agreed + 1 if text == self._after(_short(messages, last), 2) else -(10**9)
        if text is None:
            return None
        self._suffixes[contents] = text
        return self.encode(text)

    def _after(self, messages: Sequence[dict[str, Any]], last: int) -> str | None:
        before, whole = self._render(messages[: last + 1], False), self._render(messages, True)
        if not whole.startswith(before) or self.eos not in before:
            return None
        return before[before.rindex(self.eos) + len(self.eos) :] + whole[len(before) :]

    def reply(self, ids: Sequence[int]) -> Reply:
        """What the model said and called; a call that is not JSON reaches the world as it was written."""
        text = str(self.tokenizer.decode(list(ids), skip_special_tokens=True))
        return read_reply(text)


def _short(messages: Sequence[dict[str, Any]], last: int) -> list[dict[str, Any]]:
    """The same turn in the shortest conversation: system, user, the model's turn, its results."""
    return [*messages[:2], *messages[last:]]


def read_reply(text: str) -> Reply:
    """Parse a turn in the format of Hermes and Qwen, <tool_call>{"name": ..., "arguments": {...}}</tool_call>, or of Llama.

    Llama's turn is nothing but calls: {"name": ..., "parameters": {...}}, several with ; between them.
    """
    calls = []
    for body in _CALL.findall(text):
        try:
            data = json.loads(body)
            calls.append(Call(str(data["name"]), data.get("arguments", {})))
        except (ValueError, KeyError, TypeError, AttributeError):
            calls.append(Call("unreadable", body))
    bare = () if calls else _bare_calls(text)
    return Reply("" if bare else text.split("<tool_call>", 1)[0].strip(), tuple(calls) or bare)


def _bare_calls(text: str) -> tuple[Call, ...]:
    """Empty where the text is anything but such objects."""
    rest, calls = text.strip().removeprefix("<|python_tag|>").strip(), []
    while rest:
        try:
            data, end = _DECODER.raw_decode(rest)
            calls.append(Call(str(data["name"]), data["parameters"]))
        except (ValueError, KeyError, TypeError):
            return ()
        rest = rest[end:].lstrip("; \n")
    return tuple(calls)
