"""Whatever is dropped, the agent keeps its instructions, its task, and every call beside its results."""

from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offswitch.errors import OffswitchError
from offswitch.rollout.compaction import KEPT, LEFT_OUT, POLICIES, Budget, Carried, Message, policy, size

BUDGETS = st.builds(Budget, st.integers(4, 60), st.integers(40, 2000))
CARRIED = st.builds(Carried, st.text(max_size=30), st.text(max_size=30))
SHAPES = st.lists(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 60)), max_size=8), min_size=1, max_size=8)
"""For each task its turns: how many calls, and how long each result is."""


def talk(shape: list[list[tuple[int, int]]]) -> list[Message]:
    messages: list[Message] = [{"role": "system", "content": "You are Nova."}]
    for task, turns in enumerate(shape):
        messages.append({"role": "user", "content": f"task {task}"})
        for turn, (calls, length) in enumerate(turns):
            ids = [f"{task}_{turn}_{i}" for i in range(calls)]
            called = [{"id": id, "type": "function", "function": {"name": "look", "arguments": {"at": id}}} for id in ids]
            said: Message = {"role": "assistant", "content": f"turn {task}.{turn}"}
            messages.append({**said, "tool_calls": called} if calls else said)
            messages += [{"role": "tool", "tool_call_id": id, "name": "look", "content": "x" * length} for id in ids]
    return messages


def asked_and_answered(messages: list[Message]) -> tuple[list[str], list[str]]:
    asked = [call["id"] for message in messages for call in message.get("tool_calls", ())]
    return asked, [message["tool_call_id"] for message in messages if message["role"] == "tool"]


@settings(max_examples=150, deadline=None)
@given(SHAPES, BUDGETS, CARRIED, st.sampled_from(sorted(POLICIES)))
def test_what_every_policy_keeps(shape: list[list[tuple[int, int]]], budget: Budget, carried: Carried, name: str) -> None:
    messages = talk(shape)
    before = deepcopy(messages)
    kept = POLICIES[name](messages, budget, carried)
    assert messages == before, "pure"
    assert kept == POLICIES[name](messages, budget, carried)
    assert kept[0]["role"] == "system"
    assert kept[0]["content"].startswith("You are Nova.")
    assert kept[1]["role"] == "user", "a conversation that a chat template takes"
    task = next(message for message in reversed(messages) if message["role"] == "user")
    assert task in kept
    asked, answered = asked_and_answered(kept)
    assert asked == answered, "no call without its results, no result without its call"
    last = next((i for i in range(len(messages) - 1, 0, -1) if messages[i]["role"] != "tool"), 0)
    assert kept[-(len(messages) - last) :] == messages[last:], "the latest turn stays as it was"
    order = [messages.index(m) if m in messages else -1 for m in kept if m["content"] != LEFT_OUT][1:]
    assert order == sorted(order)


@settings(max_examples=100, deadline=None)
@given(SHAPES, BUDGETS, st.sampled_from(["window", "results"]))
def test_half_of_the_budget_is_left_for_the_decisions_to_come(
    shape: list[list[tuple[int, int]]], budget: Budget, name: str
) -> None:
    messages = talk(shape)
    kept = POLICIES[name](messages, budget, Carried())
    tasks = sum(message["role"] == "user" for message in kept)
    turns = sum(message["role"] == "assistant" for message in kept)
    if tasks > 1 or turns > 1:
        assert 2 * len(kept) <= budget.messages
        assert 2 * size(kept) <= budget.characters


def test_each_policy_keeps_its_own_thing() -> None:
    messages, budget = talk([[(1, 40)] * 6] * 6), Budget(20, 10_000)
    kept = {name: POLICIES[name](messages, budget, Carried("the summary", "my notes")) for name in POLICIES}
    assert kept["everything"] == messages
    assert kept["window"][0] == messages[0]
    assert kept["window"][1:] == [messages[-13], *messages[-8:]]
    assert kept["summary"][0]["content"] == f"You are Nova.{KEPT}the summary"
    assert kept["notes"][0]["content"] == f"You are Nova.{KEPT}my notes"
    large = POLICIES["results"](messages, Budget(200, 10_000), Carried())
    assert [m["content"] for m in large if m["role"] == "tool"] == [LEFT_OUT] * 32 + ["x" * 40] * 4


def test_a_carried_text_is_replaced_and_never_piles_up() -> None:
    first = POLICIES["summary"](talk([[(1, 5)]]), Budget(), Carried("one"))
    second = POLICIES["summary"](first, Budget(), Carried("two"))
    assert second[0]["content"] == f"You are Nova.{KEPT}two"
    assert POLICIES["summary"](second, Budget(), Carried())[0]["content"] == "You are Nova."


def test_an_unknown_policy_is_told() -> None:
    with pytest.raises(OffswitchError, match="there are: everything, window, results, summary, notes"):
        policy("nosuch")
