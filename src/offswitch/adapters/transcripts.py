"""Other people's transcripts become ours: one record at a time, whatever its shape; what cannot be read is reported.

Known shapes: a JSON object a line with `messages` in OpenAI chat format (tool calls with arguments as JSON text or as an
object; also under `conversation`, `transcript`, `trajectory` or `request.messages`, or with `from` and `value`); plain
records with system, user and response; one JSON file that holds a list of such records or a single one; and Inspect's
`.eval` logs.
"""

import json
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from offswitch.errors import DocumentError
from offswitch.measure.transcript import Transcript

_LISTS = ("messages", "conversation", "conversations", "transcript", "trajectory", "chat")
_SYSTEM = ("system", "system_prompt")
_USER = ("user", "prompt", "input", "question", "user_prompt", "instruction")
_ANSWER = ("response", "completion", "output", "answer", "assistant", "content")
_THOUGHT = ("reasoning", "thinking", "scratchpad")
_ROLES = {
    "human": "user",
    "gpt": "assistant",
    "ai": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "function": "tool",
}
_IDS = ("id", "uuid", "sample_id", "transcript_id", "custom_id")
SCORE = "score/"
"""Begins the field that holds what an Inspect log's own scorer of that name said."""
MAX_LINE = 64 * 2**20
"""Characters of one line that are read; a longer one is reported."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that could not be read."""

    source: str
    line: int | None
    """Line in the file from 1; the number of the sample in an Inspect log."""
    why: str

    def __str__(self) -> str:
        return f"{self.source}:{self.line}: {self.why}" if self.line else f"{self.source}: {self.why}"


def read_transcripts(path: Path | str) -> Iterator[Transcript | Unreadable]:
    """All records of a file in order, one in memory at a time (a file that is one JSON document is read whole).

    Raises `DocumentError` for a file that cannot be opened.
    """
    path = Path(path)
    if path.suffix == ".eval":
        yield from _inspect(path)
        return
    try:
        encoding, errors = _encoding(path)
        with path.open(encoding=encoding, errors=errors) as file:
            start = file.read(4096)
            file.seek(0)
            if _one_document(start, path):
                yield from _document(file.read(), str(path))
            else:
                yield from _lines(file, str(path))
    except OSError as error:
        raise DocumentError(path, None, "", f"cannot be read ({error.strerror or error})") from error


def _encoding(path: Path) -> tuple[str, str]:
    """UTF-8, or UTF-16 where a file begins with its mark, as what PowerShell writes does; and what is done with bad bytes."""
    with path.open("rb") as file:
        marked = file.read(2) in (BOM_UTF16_LE, BOM_UTF16_BE)
    return ("utf-16", "replace") if marked else ("utf-8-sig", "surrogateescape")


def _one_document(start: str, path: Path) -> bool:
    """Whether a file is one JSON document, not one a line."""
    begins = start.lstrip()[:1]
    first = start.lstrip().split("\n", 1)[0].strip()
    return path.suffix != ".jsonl" and (begins == "[" or (begins == "{" and first in ("{", "[")))


def _lines(file: Any, source: str) -> Iterator[Transcript | Unreadable]:
    number = 0
    while text := file.readline(MAX_LINE):
        number += 1
        if len(text) == MAX_LINE:
            yield Unreadable(source, number, "the line is too long")
            while text and not text.endswith("\n"):
                text = file.readline(MAX_LINE)
        elif text.strip():
            yield _parsed(text, source, number)


def _parsed(text: str, source: str, line: int) -> Transcript | Unreadable:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Unreadable(source, line, f"is not JSON ({error})")
    return from_record(data, source, line)


def _document(text: str, source: str) -> Iterator[Transcript | Unreadable]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        yield Unreadable(source, getattr(error, "lineno", None), f"is not JSON ({error})")
        return
    if isinstance(data, Mapping):
        inside = next(
            (data[name] for name in ("samples", "transcripts", "data", "records") if _records(data.get(name))), None
        )
        data = [data] if inside is None else inside
    for i, record in enumerate(data, 1):
        found = from_record(record, source, None)
        yield Unreadable(source, None, f"record {i}: {found.why}") if isinstance(found, Unreadable) else found


def _records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)


def from_record(data: Any, source: str, line: int | None) -> Transcript | Unreadable:
    """One record that was JSON, as a transcript; the shape is found by what it has."""
    if isinstance(data, list) and _records(data):
        data = {"messages": data}
    if not isinstance(data, Mapping):
        return Unreadable(source, line, f"expected a JSON object, got {type(data).__name__}")
    request = data.get("request")
    holder = request if isinstance(request, Mapping) and "messages" in request else data
    name = next((name for name in _LISTS if isinstance(holder.get(name), list)), None)
    used: set[str] = set()
    if name is not None:
        given = list(holder[name])
        used.add(name if holder is data else "request")
        if (answer := _first(data, _ANSWER)) and holder is not data:
            given.append({"role": "assistant", "content": data[answer]})
            used.add(answer)
    else:
        given, used = _plain(data)
    messages = [_message(message) for message in given]
    bad = next((i for i, message in enumerate(messages) if message is None), None)
    if bad is not None:
        return Unreadable(source, line, f"message {bad} has no role, or is no object")
    if not messages:
        return Unreadable(source, line, "has neither messages nor a response")
    key = next((str(data[name]) for name in _IDS if data.get(name) not in (None, "")), f"{Path(source).name}:{line or 1}")
    meta = {str(k): v for k, v in data.items() if k not in used}
    return Transcript(key, tuple(m for m in messages if m is not None), meta, source, line)


def _first(data: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    return next((name for name in names if isinstance(data.get(name), str | list) and data[name]), None)


def _plain(data: Mapping[str, Any]) -> tuple[list[Any], set[str]]:
    """Messages of a record with system, user and response, and the fields that they came from."""
    system, user, answer = _first(data, _SYSTEM), _first(data, _USER), _first(data, _ANSWER)
    if answer is None:
        return [], set()
    given: list[Any] = [{"role": role, "content": data[n]} for role, n in (("system", system), ("user", user)) if n]
    thought = _first(data, _THOUGHT)
    last = {"role": "assistant", "content": data[answer], **({"reasoning": data[thought]} if thought else {})}
    return [*given, last], {name for name in (system, user, answer, thought) if name}


def _message(message: Any) -> Mapping[str, Any] | None:
    if not isinstance(message, Mapping):
        return None
    role = message.get("role", message.get("from"))
    if not isinstance(role, str) or not role:
        return None
    role = _ROLES.get(role.lower(), role.lower())
    content = message.get("content", message.get("value"))
    content = json.dumps(content, ensure_ascii=False) if isinstance(content, Mapping) else content
    return {**message, "role": role, "content": content, **_older_calls(message), **_blocks(content, role)}


def _older_calls(message: Mapping[str, Any]) -> dict[str, Any]:
    """OpenAI's older form of a call, and that of Inspect's JSON logs, in today's form."""
    call, calls = message.get("function_call"), message.get("tool_calls")
    if isinstance(call, Mapping) and not calls:
        return {"tool_calls": [{"function": call}]}
    if isinstance(calls, list) and any(isinstance(one, Mapping) and isinstance(one.get("function"), str) for one in calls):
        named = [one for one in calls if isinstance(one, Mapping)]
        inner = [{"name": one.get("function"), "arguments": one.get("arguments", {})} for one in named]
        return {"tool_calls": [{"id": one.get("id"), "function": each} for one, each in zip(named, inner, strict=True)]}
    return {}


def _blocks(content: Any, role: str) -> dict[str, Any]:
    """Tool calls that stand among the parts of the content, as Anthropic's messages have them."""
    if not isinstance(content, list):
        return {}
    parts = [part for part in content if isinstance(part, Mapping)]
    calls = [
        {"id": part.get("id"), "function": {"name": part.get("name"), "arguments": part.get("input", {})}}
        for part in parts
        if part.get("type") == "tool_use"
    ]
    return {"tool_calls": calls} if calls and role == "assistant" else {}


def _inspect(path: Path) -> Iterator[Transcript | Unreadable]:
    """Samples of an Inspect log, one in memory at a time."""
    source = str(path)
    number = 0
    try:
        for number, sample in enumerate(_samples(path), 1):
            messages = tuple(_inspect_message(message) for message in sample.messages)
            given = {f"{SCORE}{name}": one.value for name, one in (sample.scores or {}).items()}
            meta = {**sample.metadata, **given, "target": sample.target, "epoch": sample.epoch}
            yield Transcript(f"{sample.id}/{sample.epoch}", messages, meta, source, number)
    except FileNotFoundError as error:
        raise DocumentError(path, None, "", "cannot be read (no such file)") from error
    except (ValueError, KeyError, EOFError, OSError, RuntimeError, BadZipFile) as error:
        yield Unreadable(source, number + 1, f"is not an Inspect sample that can be read ({error})")


def _samples(path: Path) -> Iterator[Any]:
    from inspect_ai.log import read_eval_log, read_eval_log_sample, read_eval_log_sample_summaries, read_eval_log_samples

    unused = {"store", "events"}
    if read_eval_log(path, header_only=True).eval.dataset.sample_ids is not None:
        yield from read_eval_log_samples(path, False, resolve_attachments="core", exclude_fields=unused)
        return
    for told in read_eval_log_sample_summaries(path):
        yield read_eval_log_sample(path, told.id, told.epoch, resolve_attachments="core", exclude_fields=unused)


def _inspect_message(message: Any) -> Mapping[str, Any]:
    """One of Inspect's messages in OpenAI's format."""
    content = message.content
    parts = [part.model_dump(exclude_none=True) for part in content] if isinstance(content, list) else content
    found: dict[str, Any] = {"role": message.role, "content": parts}
    if calls := getattr(message, "tool_calls", None):
        found["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.function, "arguments": call.arguments}}
            for call in calls
        ]
    if (called := getattr(message, "tool_call_id", None)) is not None:
        found |= {"tool_call_id": called, "name": getattr(message, "function", None)}
    error = getattr(message, "error", None)
    if error is not None and not message.text:
        found["content"] = f"error: {error.message}"
    return found
