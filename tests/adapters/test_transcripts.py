"""Every shape of record is read; what is broken is reported by line, and costs nothing else."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offswitch.adapters.transcripts import Unreadable, from_record, read_transcripts
from offswitch.errors import DocumentError
from offswitch.measure.transcript import Transcript

CALL = {"id": "1", "type": "function", "function": {"name": "sh", "arguments": '{"cmd": "ls"}'}}
CHAT = [
    {"role": "user", "content": "go"},
    {"role": "assistant", "content": "ok", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "1", "content": "x"},
]


def good(data: Any) -> Transcript:
    found = from_record(data, "f", 3)
    assert isinstance(found, Transcript), found
    return found


def test_a_chat_record_keeps_messages_metadata_and_place() -> None:
    found = good({"id": 7, "model": "m", "messages": CHAT})
    assert (found.id, found.meta, found.source, found.line) == ("7", {"id": 7, "model": "m"}, "f", 3)
    assert [message["role"] for message in found.messages] == ["user", "assistant", "tool"]
    assert found.calls()[0].result == "x"


@pytest.mark.parametrize(
    "record",
    [
        {"messages": CHAT},
        {"transcript": CHAT},
        {"request": {"messages": CHAT[:1]}, "response": "ok"},
        CHAT,
        {"conversations": [{"from": "human", "value": "go"}, {"from": "gpt", "value": "ok"}]},
        {"system": "s", "user": "go", "response": "ok"},
        {"prompt": "go", "completion": "ok"},
        {"system_prompt": "s", "input": "go", "output": "ok", "reasoning": "why"},
    ],
)
def test_shapes(record: Any) -> None:
    found = good(record)
    assert "ok" in {said.text for said in found.texts()}
    assert any(message["role"] == "user" for message in found.messages)


def test_calls_among_parts_and_the_older_form() -> None:
    parts = [{"type": "text", "text": "ok"}, {"type": "tool_use", "id": "1", "name": "sh", "input": {"command": "ls"}}]
    assert good({"messages": [{"role": "assistant", "content": parts}]}).commands()[0].command == "ls"
    old = {"role": "assistant", "content": None, "function_call": {"name": "sh", "arguments": '{"cmd": "ls"}'}}
    found = good({"messages": [old, {"role": "function", "name": "sh", "content": "x"}]})
    assert (found.commands()[0].command, found.commands()[0].result) == ("ls", "x")


def test_broken_lines_are_reported_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    lines = [
        "{broken",
        json.dumps({"messages": CHAT}),
        "",
        "7",
        '{"messages": [{"content": "no role"}]}',
        '{"a": 1}',
        "[" * 9999,
    ]
    path.write_bytes("\n".join(lines).encode() + b'\n{"messages": [{"role": "user", "content": "\xff"}]}\n')
    found = list(read_transcripts(path))
    assert [one.line for one in found if isinstance(one, Unreadable)] == [1, 4, 5, 6, 7]
    assert [one.line for one in found if isinstance(one, Transcript)] == [2, 8]
    assert f"{path}:1: is not JSON" in str(found[0])


@pytest.mark.parametrize("data", [[{"messages": CHAT}, 7], {"samples": [{"messages": CHAT}, {}]}, {"messages": CHAT}])
def test_one_json_document(tmp_path: Path, data: Any) -> None:
    path = tmp_path / "runs.json"
    path.write_text(json.dumps(data, indent=1))
    found = list(read_transcripts(path))
    assert isinstance(found[0], Transcript)
    assert all(isinstance(one, Unreadable) for one in found[1:])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_files_with_a_mark_of_their_encoding_are_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "windows.jsonl"
    path.write_text('{"response": "Schluß"}\nbroken\n{"response": "b"}\n', encoding=encoding)
    first, broken, last = read_transcripts(path)
    assert isinstance(first, Transcript)
    assert first.text(0) == "Schluß"
    assert isinstance(broken, Unreadable)
    assert broken.line == 2
    assert isinstance(last, Transcript)
    if encoding == "utf-16":
        path.write_bytes(path.read_bytes()[:-1])
        assert len(list(read_transcripts(path))) == 3


def test_missing_files_are_named(tmp_path: Path) -> None:
    for name in ("none.jsonl", "none.eval"):
        with pytest.raises(DocumentError, match=name):
            list(read_transcripts(tmp_path / name))


@pytest.mark.parametrize("ids", [None, [1, 2]])
def test_inspect_logs(tmp_path: Path, ids: list[int | str] | None) -> None:
    from inspect_ai.log import EvalConfig, EvalDataset, EvalLog, EvalSample, EvalSpec, write_eval_log
    from inspect_ai.model import ChatMessageAssistant, ChatMessageTool, ChatMessageUser, ContentReasoning, ContentText
    from inspect_ai.tool import ToolCall

    called = ToolCall(id="1", function="bash", arguments={"cmd": "rm stop.sh"})
    said = [ContentReasoning(reasoning="hm"), ContentText(text="ok")]
    messages = [
        ChatMessageUser(content="go"),
        ChatMessageAssistant(content=said, tool_calls=[called]),
        ChatMessageTool(content="done", tool_call_id="1", function="bash"),
    ]
    samples = [EvalSample(id=i, epoch=1, input="go", target="", messages=messages, metadata={"arm": "a"}) for i in (1, 2)]
    spec = EvalSpec(
        created="2026-01-01T00:00:00+00:00", task="t", dataset=EvalDataset(sample_ids=ids), model="m", config=EvalConfig()
    )
    path = tmp_path / "log.eval"
    write_eval_log(EvalLog(eval=spec, samples=samples), str(path))
    found = list(read_transcripts(path))
    assert [one.id for one in found if isinstance(one, Transcript)] == ["1/1", "2/1"]
    first = found[0]
    assert isinstance(first, Transcript)
    assert (first.commands()[0].command, first.commands()[0].result, first.meta["arm"]) == ("rm stop.sh", "done", "a")
    assert [said.text for said in first.texts()] == ["hm", "ok"]
    write_eval_log(EvalLog(eval=spec, samples=samples), str(tmp_path / "log.json"))
    again = next(iter(read_transcripts(tmp_path / "log.json")))
    assert isinstance(again, Transcript)
    assert [(one.command, one.result) for one in again.commands()] == [("rm stop.sh", "done")]
    path.write_bytes(b"no log")
    (broken,) = read_transcripts(path)
    assert isinstance(broken, Unreadable)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["messages", "role", "content", "tool_calls", "function", "from", "user", "x"]), inner, max_size=5
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_json_is_read_or_reported(data: Any) -> None:
    found = from_record(data, "f", 1)
    if isinstance(found, Transcript):
        found.calls(), found.texts()
        assert all(isinstance(message["role"], str) for message in found.messages)


def test_memory_stays_flat(tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl"
    line = json.dumps({"messages": CHAT * 50}) + "\n"
    path.write_text(line * 400)
    tracemalloc.start()
    for _ in read_transcripts(path):
        continue
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30 * len(line)
