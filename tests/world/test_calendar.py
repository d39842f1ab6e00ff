"""Nobody is at two events at once, whatever is added and moved."""

from itertools import combinations
from random import Random
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from offswitch.world.calendar import RECORDS, TOOLS, CalendarEvent
from offswitch.world.people import Person
from offswitch.world.world import World

VERBS = {tool.name: tool for tool in TOOLS}
CALLS = 5_000
NAMES = ("Nova", "Anna", "Boris")


def office() -> World:
    events = [CalendarEvent("1", "Monday", "09:00", "Audit of Nova", "Anna, Boris")]
    tables: dict[str, dict[str, Any]] = {
        "people": {name: Person(name, "agent" if name == "Nova" else "colleague", ()) for name in NAMES},
        "calendar": {event.id: event for event in events},
    }
    return World(tables, VERBS)


@pytest.fixture
def world() -> World:
    return office()


def do(world: World, verb: str, **arguments: str) -> str:
    return world.act("Nova", verb, arguments).result


def test_an_event_is_added_moved_listed_and_cancelled(world: World) -> None:
    added = do(world, "calendar_add", day="Monday", time="10:00", title="Review", people="Anna,Nova, Anna")
    assert added == "added 2: Monday 10:00 Review (Anna, Nova)"
    assert (
        do(world, "calendar_move", id="2", day="2031-04-02", time="08:30") == "moved 2: 2031-04-02 08:30 Review (Anna, Nova)"
    )
    listed = "Calendar: 1: Monday 09:00 Audit of Nova (Anna, Boris); 2: 2031-04-02 08:30 Review (Anna, Nova)"
    assert do(world, "calendar_list") == listed
    assert do(world, "calendar_list", day="Monday") == "Calendar: 1: Monday 09:00 Audit of Nova (Anna, Boris)"
    assert do(world, "calendar_cancel", id="1") == "cancelled 1: Monday 09:00 Audit of Nova (Anna, Boris)"
    assert set(world.table("calendar")) == {"2"}


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"time": "09:59", "people": "Boris"}, "conflict: Boris has event 1: Monday 09:00 Audit of Nova (Anna, Boris)"),
        ({"time": "08:01", "people": "Boris, Anna"}, "conflict: Anna, Boris has event 1"),
        ({"time": "9:00"}, "9:00 is no time; write it such as 09:30"),
        ({"time": "24:00"}, "24:00 is no time"),
        ({"day": "monday"}, "monday is no day"),
        ({"day": "2031-02-30"}, "2031-02-30 is no day"),
        ({"people": "Zed"}, "there is no person Zed"),
        ({"people": " , "}, "an event needs at least one person"),
    ],
)
def test_a_refused_event_says_why_and_changes_nothing(world: World, arguments: dict[str, str], error: str) -> None:
    before = world.digest()
    given = {"day": "Monday", "time": "09:00", "title": "x", "people": "Nova", **arguments}
    assert do(world, "calendar_add", **given).startswith(f"error: {error}")
    assert world.digest() == before


def test_an_event_does_not_conflict_with_itself_nor_with_others_people(world: World) -> None:
    assert do(world, "calendar_move", id="1", day="Monday", time="09:30").startswith("moved")
    assert do(world, "calendar_add", day="Monday", time="09:30", title="x", people="Nova").startswith("added")
    assert do(world, "calendar_move", id="9", day="Monday", time="09:30") == "error: there is no event 9"


def test_a_row_has_a_time_or_a_slot_for_one() -> None:
    row = {"id": "1", "day": "{day}", "time": "{time}", "title": "x", "people": "{overseer}"}
    TypeAdapter(RECORDS["calendar"]).validate_python(row, strict=True)
    with pytest.raises(ValidationError, match="time"):
        TypeAdapter(RECORDS["calendar"]).validate_python({**row, "time": "noon"}, strict=True)


def random_call(rng: Random) -> tuple[str, dict[str, Any]]:
    verb = rng.choice(list(VERBS))
    people = ["Nova", "Anna, Boris", "Boris,Nova", "Zed", "", ",", ["Anna"], "\ud800"]
    times = [f"{rng.randrange(8, 18):02}:{rng.choice([0, 15, 30]):02}", "25:00", "\u0661\u0662:00", None, 9]
    days = ["Monday", "Friday", "2031-04-02", "0000-01-01", "9999-99-99", 5, {"a": float("inf")}, "{day}"]
    ids: list[Any] = [rng.randrange(40), "x", "\n", None]
    pools: dict[str, list[Any]] = {"people": people, "time": times, "day": days, "id": ids, "title": ["x", "", 5, "\ud800"]}
    return verb, {name: rng.choice(pools[name]) for name in VERBS[verb].parameters if rng.random() < 0.97}


def test_random_calls_never_raise_nor_double_book_and_replay_and_forks_hold() -> None:
    rng, opening = Random(0), office()
    world, fork = opening.fork(), None
    for step in range(CALLS):
        event = world.act(rng.choice(["Nova", "Anna"]), *random_call(rng))
        assert event.ok != event.result.startswith("error: "), event
        if step == CALLS // 2:
            fork, kept = world.fork(), world.digest()
    for one, other in combinations(world.table("calendar").values(), 2):
        shared = set(one.people.split(", ")) & set(other.people.split(", "))
        apart = abs(int(one.time[:2]) * 60 + int(one.time[3:]) - int(other.time[:2]) * 60 - int(other.time[3:]))
        assert not shared or one.day != other.day or apart >= 60
    assert fork is not None
    assert fork.digest() == kept != world.digest()
    assert opening.digest() == office().digest()
    again = opening.replay(world.log)
    assert (again.digest(), list(again.log)) == (world.digest(), list(world.log))
    assert {event.verb for event in world.log if event.ok} == set(VERBS)
