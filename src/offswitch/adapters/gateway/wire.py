"""Three protocols between agents and models, as far as a reply of words and calls needs them.

Anthropic's messages, OpenAI's responses and chat completions, each whole or as server-sent events. Names of tools carry the
prefixes that the agent gave them.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from offswitch.rollout.guest import Guest
from offswitch.rollout.policy import Call, Reply

Body = Mapping[str, Any]
Event = tuple[str, dict[str, Any]]
"""Name and data; the name is empty where the protocol has none."""
PATHS = ("/v1/messages", "/v1/responses", "/v1/chat/completions")
_HERE = re.compile(r"$|(function|custom|namespace|tool_search|local_shell|apply_patch|bash|text_editor|memory|computer)(_|$)")
"""Types of tools that the agent runs itself."""
_ELSEWHERE = ("mcp_servers", "container", "web_search_options", "background")


@dataclass(frozen=True)
class Offered:
    """A tool as a request offers it."""

    name: str
    space: str = ""
    """The namespace that it is listed under, in OpenAI's responses."""


def offered(path: str, body: Body) -> Iterator[Offered]:
    """The tools of a request."""
    for tool in body.get("tools") or ():
        if tool.get("type") == "namespace":
            yield from (Offered(one["name"], tool["name"]) for one in tool.get("tools", ()) if "name" in one)
        else:
            name = tool.get("name") or (tool.get("function") or {}).get("name")
            if name:
                yield Offered(name)


def equips(guest: Guest, tools: Iterable[Offered]) -> bool:
    """Whether a request that offers `tools` has the office's at hand; `guest` is told so."""
    known = list(tools)
    mine = any(matching(tool["function"]["name"], known) for tool in guest.episode.tools)
    guest.equipped |= mine
    return mine


def confined(body: Body) -> Body:
    """A request without the tools that its provider would run: a search of the web, a program, servers elsewhere."""
    kept = {name: value for name, value in body.items() if name not in _ELSEWHERE}
    tools = [tool for tool in kept.pop("tools", None) or () if _HERE.match(str(tool.get("type", "")))]
    return {**kept, "tools": tools} if tools else kept


def matching(name: str, tools: Iterable[Offered]) -> Offered | None:
    """The offered tool that is ours by `name`: the same, or with a prefix ending in an underscore, a dot or a slash."""
    found = [tool for tool in tools if tool.name == name or tool.name.endswith((f"__{name}", f".{name}", f"/{name}"))]
    return min(found, key=lambda tool: len(tool.name), default=None)


def written(path: str, body: Body, reply: Reply, tools: Iterable[Offered]) -> tuple[dict[str, Any], list[Event]]:
    """A reply whole, and as events. A call of a tool that was not offered keeps its own name."""
    known = list(tools)
    calls = [(matching(call.name, known) or Offered(call.name), call) for call in reply.calls]
    write = {"/v1/messages": _messages, "/v1/responses": _responses}.get(path, _chat)
    return write(str(body.get("model") or "model"), reply.text, calls)


def heard(path: str, answer: Body) -> str:
    """The words in a whole reply."""
    if path == "/v1/messages":
        return "".join(part.get("text") or "" for part in answer.get("content") or () if part.get("type") == "text")
    if path == "/v1/responses":
        parts = [part for item in answer.get("output") or () for part in item.get("content") or ()]
        return "".join(part.get("text") or "" for part in parts if part.get("type") == "output_text")
    choices: Any = answer.get("choices") or ({},)
    return str((choices[0].get("message") or {}).get("content") or "")


def overheard(path: str, stream: bytes) -> str:
    """The words in a reply that came as events; what cannot be read is left out."""
    said = []
    for line in stream.decode(errors="replace").splitlines():
        try:
            data = json.loads(line.removeprefix("data:")) if line.startswith("data:") else None
        except ValueError:
            continue
        if isinstance(data, dict):
            said.append(_piece(path, data))
    return "".join(said)


def _piece(path: str, data: Body) -> str:
    if path == "/v1/messages":
        return str((data.get("delta") or {}).get("text") or "") if data.get("type") == "content_block_delta" else ""
    if path == "/v1/responses":
        return str(data.get("delta") or "") if data.get("type") == "response.output_text.delta" else ""
    choices: Any = data.get("choices") or ({},)
    return str((choices[0].get("delta") or {}).get("content") or "")


def _id(kind: str) -> str:
    return f"{kind}_{uuid4().hex[:20]}"


Calls = list[tuple[Offered, Call]]


def _messages(model: str, text: str, calls: Calls) -> tuple[dict[str, Any], list[Event]]:
    blocks: list[dict[str, Any]] = [{"type": "text", "text": text}] if text or not calls else []
    blocks += [{"type": "tool_use", "id": _id("toolu"), "name": tool.name, "input": call.arguments} for tool, call in calls]
    stop = {"stop_reason": "tool_use" if calls else "end_turn", "stop_sequence": None}
    usage = {"input_tokens": 1, "output_tokens": 1}
    head = {"id": _id("msg"), "type": "message", "role": "assistant", "model": model, "usage": usage}
    events: list[Event] = [
        ("message_start", {"message": {**head, "content": [], "stop_reason": None, "stop_sequence": None}})
    ]
    for i, block in enumerate(blocks):
        if block["type"] == "text":
            start, delta = {**block, "text": ""}, {"type": "text_delta", "text": block["text"]}
        else:
            start = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        events.append(("content_block_start", {"index": i, "content_block": start}))
        events.append(("content_block_delta", {"index": i, "delta": delta}))
        events.append(("content_block_stop", {"index": i}))
    events.append(("message_delta", {"delta": stop, "usage": {"output_tokens": 1}}))
    events.append(("message_stop", {}))
    return {**head, "content": blocks, **stop}, [(name, {"type": name, **data}) for name, data in events]


def _responses(model: str, text: str, calls: Calls) -> tuple[dict[str, Any], list[Event]]:
    said = {"type": "output_text", "text": text, "annotations": []}
    items: list[dict[str, Any]] = []
    if text or not calls:
        items.append({"type": "message", "id": _id("msg"), "role": "assistant", "status": "completed", "content": [said]})
    for tool, call in calls:
        item = {"type": "function_call", "id": _id("fc"), "call_id": _id("call"), "name": tool.name, "status": "completed"}
        space = {"namespace": tool.space} if tool.space else {}
        items.append({**item, "arguments": json.dumps(call.arguments), **space})
    details = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2, **details}
    whole: dict[str, Any] = {
        "id": _id("resp"), "object": "response", "created_at": 0, "status": "completed", "model": model, "output": items,
        "usage": usage, "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
    }  # fmt: skip
    events: list[Event] = [("response.created", {"response": {**whole, "status": "in_progress", "output": []}})]
    for i, item in enumerate(items):
        events.append(("response.output_item.added", {"output_index": i, "item": item}))
        if item["type"] == "message":
            where = {"output_index": i, "content_index": 0, "item_id": item["id"]}
            events.append(("response.output_text.delta", {**where, "delta": text, "logprobs": []}))
        events.append(("response.output_item.done", {"output_index": i, "item": item}))
    events.append(("response.completed", {"response": whole}))
    return whole, [(name, {"type": name, "sequence_number": i, **data}) for i, (name, data) in enumerate(events)]


def _chat(model: str, text: str, calls: Calls) -> tuple[dict[str, Any], list[Event]]:
    made = [
        {"id": _id("call"), "type": "function", "function": {"name": tool.name, "arguments": json.dumps(call.arguments)}}
        for tool, call in calls
    ]
    message = {"role": "assistant", "content": text or None, **({"tool_calls": made} if made else {})}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    head = {"id": _id("chatcmpl"), "created": 0, "model": model}
    reason = "tool_calls" if made else "stop"
    whole = {**head, "object": "chat.completion", "usage": usage}
    whole["choices"] = [{"index": 0, "message": message, "finish_reason": reason}]
    delta = {**message, **({"tool_calls": [{"index": i, **call} for i, call in enumerate(made)]} if made else {})}
    part = {**head, "object": "chat.completion.chunk"}
    events: list[Event] = [
        ("", {**part, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}),
        ("", {**part, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}], "usage": usage}),
    ]
    return whole, events
