"""A model behind an OpenAI-compatible server (vLLM, llama.cpp, OpenAI): one request for each decision, many at once.

What may pass by itself (429, 5xx, timeouts, lost connections) is tried again. What cannot pass (key, address, model name)
stops the run with a `ModelError`. Anything else breaks one episode.
"""

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import Random
from typing import Any

import aiohttp

from offswitch.errors import ModelError
from offswitch.rollout.episode import Episode
from offswitch.rollout.policy import Call, PolicyFailure, Reply
from offswitch.world.apps import SCHEMAS

_CONFIGURATION = frozenset({401, 403, 404})
_LONGEST_WAIT = 120.0  # seconds; a server that asks for more is as good as gone
_SHOWN = 300  # characters of a server's message


GONE = -1


class _Refused(Exception):
    """An answer other than 200, none in time (status 0), or no server there (`GONE`)."""

    def __init__(self, status: int, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.status, self.wait = status, wait

    @property
    def passing(self) -> bool:
        return self.status in (GONE, 0, 408, 429) or self.status >= 500


@dataclass(eq=False)
class EndpointPolicy:
    """An asynchronous policy. Holds one session in the loop that it is first used in; `close` ends it."""

    base_url: str
    """Up to and without `/chat/completions`; usually ends in `/v1`."""
    model: str
    key_variable: str = "OPENAI_API_KEY"
    """Environment variable with the key; no key is sent where it is not set."""
    temperature: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the request body, such as `top_p` or `chat_template_kwargs`."""
    concurrency: int = 64
    timeout: float = 300.0
    """Seconds for one request."""
    retries: int = 6
    backoff: float = 0.5
    """Seconds before the first retry; doubles each time, with jitter."""

    def __post_init__(self) -> None:
        self.name = self.model
        self.base_url = self.base_url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None
        self._jitter = Random(self.seed or 0)
        chosen = {"temperature": self.temperature, "max_tokens": self.max_tokens, "seed": self.seed}
        body = {"model": self.model, **{k: v for k, v in chosen.items() if v is not None}, **self.extra}
        self._head = json.dumps(body)[:-1]
        self._tools: dict[int, tuple[object, str]] = {}

    async def reply(self, episode: Episode) -> Reply:
        """One decision. Raises `PolicyFailure` for this episode, `ModelError` for all of them."""
        body = self._body(episode.messages, episode.tools)
        try:
            data = await self._persist(body)
        except _Refused as refused:
            if refused.status in _CONFIGURATION:
                raise ModelError(await self._advice(refused)) from refused
            if refused.status == GONE:
                left = "What was finished is kept; run the same command again when it is back."
                raise ModelError(f"{await self._advice(refused)} {left}") from refused
            raise PolicyFailure(f"{self.base_url}: {refused}") from refused
        return parse(data, first=episode.decisions == 0)

    async def check(self) -> None:
        """One short request, with tools, before a long run. Raises `ModelError` that says what to mend."""
        body = self._body([{"role": "user", "content": "Say ok."}], SCHEMAS)
        try:
            data = await self._post(body)
        except _Refused as refused:
            raise ModelError(await self._advice(refused)) from refused
        finally:
            await self.close()  # the run that follows may live in another loop
        if not data.get("choices"):
            raise ModelError(f"{self.base_url} does not answer like a chat completions server; is the address right?")

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _body(self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]) -> bytes:
        kept = self._tools.get(id(tools))
        if kept is None:  # the schemas are larger than the rest, and the same few for all episodes
            kept = self._tools[id(tools)] = (tools, json.dumps(tools))
        told = json.dumps([_wire(message) for message in messages])
        return f'{self._head}, "tools": {kept[1]}, "messages": {told}}}'.encode()

    async def _persist(self, body: bytes) -> dict[str, Any]:
        left, pause = self.retries, self.backoff
        while True:
            try:
                data = await self._post(body)
            except _Refused as refused:
                if left == 0 or not refused.passing:
                    raise
                await asyncio.sleep(min(max(pause * self._jitter.uniform(0.75, 1.25), refused.wait), _LONGEST_WAIT))
                left, pause = left - 1, pause * 2
            else:
                return data

    async def _post(self, body: bytes) -> dict[str, Any]:
        try:
            async with self._open().post(f"{self.base_url}/chat/completions", data=body) as response:
                raw = await response.read()
                if response.status != 200:
                    wait = _seconds(response.headers.get("Retry-After"))
                    raise _Refused(response.status, f"{response.status}: {_message(raw)}", wait)
        except TimeoutError as error:
            raise _Refused(0, f"no answer within {self.timeout:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise _Refused(GONE, f"cannot be reached ({error})") from error
        try:
            data = json.loads(raw)
        except ValueError:
            data = None
        return data if isinstance(data, dict) else {}

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            key = os.environ.get(self.key_variable)
            headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
            limit = aiohttp.TCPConnector(limit=self.concurrency)
            total = aiohttp.ClientTimeout(total=self.timeout)
            self._session = aiohttp.ClientSession(connector=limit, timeout=total, headers=headers)
        return self._session

    async def _advice(self, refused: _Refused) -> str:
        if refused.status in (GONE, 0):
            return f"The server at {self.base_url} {refused}. Is it running, and is the address right?"
        if refused.status in (401, 403):
            return f"{self.base_url} refuses the key ({refused}). Set {self.key_variable} to a key that may use {self.model}."
        if refused.status == 404:
            return f"{self.base_url} does not know {self.model!r} ({refused}). {await self._served()}"
        return f"{self.base_url} cannot serve {self.model!r} to an agent ({refused})."

    async def _served(self) -> str:
        """What the server says that it serves, as advice."""
        try:
            async with self._open().get(f"{self.base_url}/models") as response:
                names = [str(entry["id"]) for entry in (await response.json())["data"]]
        except (aiohttp.ClientError, TimeoutError, ValueError, LookupError, TypeError):
            return "Check the address, which usually ends in /v1, and the name."
        return f"It serves: {', '.join(names[:20]) or 'nothing'}."


def parse(data: Mapping[str, Any], first: bool = False) -> Reply:
    """The reply in a chat completion. Arguments that are not JSON stay a string, which the world answers with an error.

    Raises `PolicyFailure` where there is none that could be the agent's conduct: no message, one withheld by a filter, one
    cut short before any call, or (as the `first` decision) an empty one.
    """
    try:
        choice = data["choices"][0]
        message = choice["message"]
        calls = tuple(_call(call["function"]) for call in message.get("tool_calls") or ())
        text = _text(message)
    except (LookupError, TypeError, AttributeError) as error:
        raise PolicyFailure(f"the server's answer holds no message: {json.dumps(data)[:_SHOWN]}") from error
    reason = choice.get("finish_reason")
    if reason == "content_filter":
        raise PolicyFailure("the server's filter withheld the reply")
    if not calls and reason == "length":
        raise PolicyFailure("the reply was cut at the token limit before any call; raise max_tokens")
    if first and not calls and not text:
        raise PolicyFailure("the first reply was empty")
    return Reply(text, calls)


def _call(function: Mapping[str, Any]) -> Call:
    arguments = function.get("arguments") or {}
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            return Call(str(function["name"]), arguments)
    return Call(str(function["name"]), arguments)


def _text(message: Mapping[str, Any]) -> str:
    """What the model said, after its reasoning where the server shows that."""
    content = message.get("content") or ""
    if isinstance(content, list):
        content = "".join(part.get("text", "") for part in content)
    reasoning = message.get("reasoning_content") or message.get("reasoning")
    return f"<think>\n{reasoning}\n</think>\n\n{content}" if reasoning else str(content)


def _wire(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """As the protocol wants it: arguments are a string that holds a JSON object."""
    if "tool_calls" not in message:
        return message
    calls = [{**call, "function": _written(call["function"])} for call in message["tool_calls"]]
    return {**message, "tool_calls": calls}


def _written(function: Mapping[str, Any]) -> dict[str, Any]:
    arguments = function["arguments"]
    # servers parse the history again: what was no object must become one, or every later request fails
    kept = arguments if isinstance(arguments, dict) else {"unreadable": arguments}
    return {**function, "arguments": json.dumps(kept)}


def _message(raw: bytes) -> str:
    """A server's own words, from any of the usual shapes."""
    text = raw.decode(errors="replace")
    try:
        data: Any = json.loads(text)
    except ValueError:
        return text[:_SHOWN]
    for name in ("error", "message", "detail"):
        if isinstance(data, dict) and name in data:
            data = data[name]
    return str(data)[:_SHOWN]


def _seconds(after: str | None) -> float:
    """A Retry-After header: seconds or a date; 0 where there is none that can be read."""
    if not after:
        return 0.0
    if after.strip().isdecimal():
        return float(after)
    try:
        due = parsedate_to_datetime(after)
    except ValueError:
        return 0.0
    return max(0.0, (due.replace(tzinfo=due.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
