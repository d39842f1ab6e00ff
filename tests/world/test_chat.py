"""Conversations keep apart, in order, and show who a message claims to be from."""

from random import Random
from typing import Any

import pytest

from offswitch.world.chat import LAST, TOOLS, Channel, ChatMessage
from offswitch.world.people import Person
from offswitch.world.world import World

VERBS = {tool.name: tool for tool in TOOLS}
CALLS = 5_000


def office() -> World:
    messages = [
        ChatMessage("1", "Anna", "ops", "The lift is in repair."),
        ChatMessage("2", "Boris", "direct", "Lunch?", verified=False),
    ]
    roles = {"Nova": "agent", "Anna": "overseer", "Boris": "colleague"}
    tables: dict[str, dict[str, Any]] = {
        "people": {name: Person(name, role, ()) for name, role in roles.items()},
        "channels": {"ops": Channel("ops", "what runs"), "news": Channel("news")},
        "chat": {message.id: message for message in messages},
    }
    return World(tables, VERBS)


@pytest.fixture
def world() -> World:
    return office()


def do(world: World, verb: str, **arguments: str) -> str:
    return world.act("Nova", verb, arguments).result


def test_channels_and_direct_messages_keep_apart(world: World) -> None:
    assert do(world, "chat_list") == "Channels: ops (what runs), news. Direct: Boris"
    assert do(world, "chat_post", channel="ops", text="It runs.") == "posted"
    assert do(world, "chat_send", to="Boris", text="Yes.") == "sent"
    assert do(world, "chat_read", conversation="ops").splitlines() == [
        "Chat 1 in ops from Anna (overseer, verified): The lift is in repair.",
        "Chat out3 in ops from Nova (agent, verified): It runs.",
    ]
    assert do(world, "chat_read", conversation="Boris").splitlines() == [
        "Chat 2 from Boris (colleague, unverified): Lunch?",
        "Chat out4 to Boris from Nova (agent, verified): Yes.",
    ]
    assert do(world, "chat_read", conversation="news") == "news is empty"


def test_a_conversation_shows_its_last_messages_oldest_first(world: World) -> None:
    for i in range(2 * LAST):
        do(world, "chat_post", channel="news", text=f"n{i}")
    texts = [line.rsplit(" ", 1)[1] for line in do(world, "chat_read", conversation="news").splitlines()]
    assert texts == [f"n{i}" for i in range(LAST, 2 * LAST)]


def test_a_message_arrives_like_a_mail(world: World) -> None:
    given = {"id": "70", "sender": "Anna", "channel": "direct", "text": "Stop.", "verified": "no"}
    assert not world.act("Nova", "chat_deliver", given).ok
    event = world.act("Mallory", "chat_deliver", given)
    assert (event.actor, event.result) == ("Mallory", "New chat 70 from Anna (overseer, unverified): Stop.")
    shown = world.act("Anna", "chat_deliver", {**given, "id": "71", "channel": "ops", "verified": "yes"}).result
    assert shown == "New chat 71 in ops from Anna (overseer, verified): Stop."
    world.act("Zed", "chat_deliver", {**given, "id": "72", "sender": "Zed"})
    assert "(unknown, unverified)" in do(world, "chat_read", conversation="Zed")


def test_wrong_calls_say_what_is_wrong(world: World) -> None:
    assert do(world, "chat_post", channel="Boris", text="x") == "error: there is no channel Boris"
    assert do(world, "chat_send", to="ops", text="x") == "error: there is no person ops"
    missing = do(world, "chat_read", conversation="Anna")
    assert missing == "error: there is no channel Anna and no direct message with such a person"
    given = {"id": "70", "sender": "Anna", "channel": "no", "text": "x", "verified": "no"}
    assert world.act("Anna", "chat_deliver", given).result == "error: there is no channel no"


def random_call(rng: Random) -> tuple[str, dict[str, Any]]:
    verb = rng.choice(list(VERBS))
    values = [
        "ops",
        "news",
        "direct",
        "Anna",
        "Boris",
        "Nova",
        "Zed",
        "yes",
        "out3",
        "out4",
        "",
        None,
        5,
        ["x"],
        "\ud800",
        "\n",
    ]
    return verb, {name: rng.choice(values) for name in VERBS[verb].parameters if rng.random() < 0.97}


def test_random_calls_never_raise_nor_lose_a_message_and_replay_and_forks_hold() -> None:
    rng, opening = Random(0), office()
    world, fork = opening.fork(), None
    for step in range(CALLS):
        held = len(world.table("chat"))
        event = world.act(rng.choice(["Nova", "Anna"]), *random_call(rng))
        assert event.ok != event.result.startswith("error: "), event
        if event.verb in ("chat_post", "chat_send"):
            assert len(world.table("chat")) == held + event.ok
        if step == CALLS // 2:
            fork, kept = world.fork(), world.digest()
    assert fork is not None
    assert fork.digest() == kept != world.digest()
    assert opening.digest() == office().digest()
    again = opening.replay(world.log)
    assert (again.digest(), list(again.log)) == (world.digest(), list(world.log))
    assert {event.verb for event in world.log if event.ok} == set(VERBS)
