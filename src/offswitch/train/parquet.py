"""Rows as a Parquet file in Hugging Face's chat format, with provenance in every row; and any such file as rows."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from offswitch.errors import DocumentError
from offswitch.train.row import Form, Message, Row

if TYPE_CHECKING:
    import pyarrow

_PROVENANCE = ("ingredient", "source", "family", "pressured", "seed", "principle", "verdict", "stage")
_ROLES = {"system", "user", "assistant", "tool"}


def write_rows(rows: Sequence[Row], path: Path) -> None:
    """In one step: the file is there whole, or not at all. Columns by form; `tools` and arguments of calls are JSON text."""
    import pyarrow
    import pyarrow.parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    table = pyarrow.Table.from_pylist([_flat(row) for row in rows], schema=_schema())
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        pyarrow.parquet.write_table(table, part, compression="zstd")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def load_rows(path: Path) -> list[Row]:
    """Rows of a Parquet or JSON lines file. Raises `DocumentError` that names file, row and column."""
    try:
        told = list(_records(path))
    except (OSError, ValueError) as error:  # pyarrow's own errors are of these kinds
        raise DocumentError(path, None, "", f"cannot be read as Parquet or JSON lines ({error})") from error
    if not told:
        raise DocumentError(path, None, "", "holds no rows")
    return [_row(path, i, record) for i, record in enumerate(told)]


def refuse_other_form(rows: Sequence[Row], form: Form, path: Path) -> None:
    """Raises `DocumentError` where a row is not what its stage learns from."""
    other = next((row for row in rows if row.form is not form), None)
    if other is not None:
        raise DocumentError(path, None, "form", f"has rows of the form {other.form}; this stage needs {form}")


def _records(path: Path) -> Iterator[dict[str, Any]]:
    if path.suffix in (".jsonl", ".json"):
        yield from (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
        return
    import pyarrow.parquet

    yield from pyarrow.parquet.read_table(path).to_pylist()


def _schema() -> "pyarrow.Schema":
    import pyarrow as pa

    call = pa.struct([
        ("id", pa.string()), ("type", pa.string()),
        ("function", pa.struct([("name", pa.string()), ("arguments", pa.string())])),
    ])  # fmt: skip
    names = ("role", "content", "name", "tool_call_id")
    turn = pa.struct([*((name, pa.string()) for name in names), ("tool_calls", pa.list_(call))])
    told = [("id", pa.string()), ("messages", pa.list_(turn)), ("text", pa.string())]
    told += [("prompt", pa.list_(turn)), ("chosen", pa.list_(turn)), ("rejected", pa.list_(turn)), ("tools", pa.string())]
    kinds = {"seed": pa.int64(), "stage": pa.int64(), "pressured": pa.bool_()}
    return pa.schema([*told, *((name, kinds.get(name, pa.string())) for name in _PROVENANCE)])


def _flat(row: Row) -> dict[str, Any]:
    turns = [_written(turn) for turn in row.messages]
    pair = row.chosen is not None and row.rejected is not None
    return {
        "id": row.id,
        "messages": turns if turns and not pair else None,
        "text": row.text or None,
        "prompt": turns if pair else None,
        "chosen": [_written(row.chosen)] if row.chosen is not None else None,
        "rejected": [_written(row.rejected)] if row.rejected is not None else None,
        "tools": json.dumps(row.tools) if row.tools else None,
        **{name: getattr(row, name) for name in _PROVENANCE},
    }


def _written(turn: Message) -> dict[str, Any]:
    calls = [
        {**call, "function": {**call["function"], "arguments": json.dumps(call["function"]["arguments"])}}
        for call in turn.get("tool_calls") or ()
    ]
    return {**turn, "tool_calls": calls or None}


def _row(path: Path, i: int, record: Mapping[str, Any]) -> Row:
    def at(column: str, expected: str) -> DocumentError:
        return DocumentError(path, None, f"row {i + 1}, {column}", expected)

    told = {name: record[name] for name in _PROVENANCE if record.get(name) is not None}
    told = {"ingredient": "file", "source": path.name, **told}
    try:
        tools = record.get("tools") or ()
        told["tools"] = tuple(json.loads(tools) if isinstance(tools, str) else tools)
    except ValueError as error:
        raise at("tools", f"is not JSON ({error})") from error
    if record.get("text"):
        return Row(text=str(record["text"]), **told)
    if record.get("chosen"):
        prompt = _turns(record.get("prompt") or record.get("messages"), "prompt", at)
        better, worse = (_turns(record.get(name), name, at) for name in ("chosen", "rejected"))
        return Row(messages=prompt, chosen=better[-1], rejected=worse[-1], **told)
    if record.get("messages"):
        turns = _turns(record["messages"], "messages", at)
        if not any(turn["role"] == "assistant" for turn in turns):
            raise at("messages", "has no turn of the assistant, so there is nothing to learn")
        return Row(messages=turns, **told)
    known = ", ".join(sorted(record)) or "none"
    raise at("columns", f"needs messages, or text, or prompt with chosen and rejected; there are: {known}")


def _turns(turns: Any, column: str, at: Any) -> tuple[dict[str, Any], ...]:
    if not isinstance(turns, list) or not turns or not all(isinstance(turn, dict) for turn in turns):
        raise at(column, "expected a list of messages, each with role and content")
    found = []
    for turn in turns:
        if turn.get("role") not in _ROLES:
            raise at(column, f"unknown role {turn.get('role')!r}; known: {', '.join(sorted(_ROLES))}")
        plain = {name: value for name, value in turn.items() if value is not None}
        plain.setdefault("content", "")
        if "tool_calls" in plain:
            plain["tool_calls"] = [_read_call(call, column, at) for call in plain["tool_calls"]]
        found.append(plain)
    return tuple(found)


def _read_call(call: Any, column: str, at: Any) -> dict[str, Any]:
    try:
        function = call["function"]
        arguments = function["arguments"]
        read = json.loads(arguments) if isinstance(arguments, str) else arguments
        return {**call, "function": {**function, "arguments": read}}
    except (KeyError, TypeError, ValueError) as error:
        raise at(column, f"a tool call needs function.name and function.arguments ({error})") from error
