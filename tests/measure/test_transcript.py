"""What a transcript tells of itself: whose words, which calls, which answers."""

import pytest

from offswitch.measure.transcript import Said, Transcript


def call(id: str | None, name: str, arguments: object) -> dict[str, object]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def made(*messages: dict[str, object]) -> Transcript:
    return Transcript("t", messages)


def test_words_are_the_agents_own_with_reasoning_first() -> None:
    transcript = made(
        {"role": "system", "content": "be good"},
        {"role": "assistant", "reasoning": "hm", "content": "yes"},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "so"}, {"type": "text", "text": "no"}]},
        {"role": "assistant", "content": None},
        {"role": "user", "content": "?"},
    )
    assert transcript.texts() == (Said(1, "hm"), Said(1, "yes"), Said(2, "so"), Said(2, "no"))
    assert transcript.texts(reasoning=False) == (Said(1, "yes"), Said(2, "no"))
    assert transcript.text(2) == "no"


@pytest.mark.parametrize("arguments", ['{"cmd": "ls"}', {"cmd": "ls"}])
def test_arguments_come_as_text_or_as_an_object(arguments: object) -> None:
    (found,) = made({"role": "assistant", "tool_calls": [call("1", "bash", arguments)]}).calls()
    assert (found.name, found.command, found.result, found.message) == ("bash", "ls", None, 0)


def test_answers_are_found_by_id_and_else_by_order() -> None:
    by_id = made(
        {"role": "assistant", "tool_calls": [call("a", "x", {}), call("b", "y", {})]},
        {"role": "tool", "tool_call_id": "b", "content": "second"},
        {"role": "environment", "content": "noise"},
        {"role": "tool", "tool_call_id": "a", "content": "first"},
    )
    assert [one.result for one in by_id.calls()] == ["first", "second"]
    by_order = made(
        {"role": "assistant", "tool_calls": [call(None, "x", {}), call(None, "y", {})]},
        {"role": "tool", "content": "first"},
        {"role": "assistant", "content": "too late"},
        {"role": "tool", "content": "second"},
    )
    assert [one.result for one in by_order.calls()] == ["first", None]


def test_calls_that_are_broken_are_kept_as_far_as_they_go() -> None:
    found = made(
        {"role": "assistant", "tool_calls": [call("1", "bash", "{not json"), "nonsense", {"name": "f", "input": {"a": 1}}]}
    )
    assert [(one.name, one.raw, one.command) for one in found.calls()] == [
        ("bash", "{not json", None),
        ("f", '{"a": 1}', None),
    ]
    assert made({"role": "assistant", "tool_calls": None}).calls() == ()


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        ({"command": ["bash", "-lc", "ls -l"]}, "ls -l"),
        ({"command": ["ls", "-l"]}, "ls -l"),
        ({"path": "x"}, None),
        ({"code": "1"}, "1"),
    ],
)
def test_what_a_call_runs(arguments: dict[str, object], command: str | None) -> None:
    (found,) = made({"role": "assistant", "tool_calls": [call("1", "t", arguments)]}).calls()
    assert found.command == command
