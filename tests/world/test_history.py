"""The log is the whole story: replaying it gives the same office, and a fork never changes its parent."""

from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from offswitch.scenarios.family import load_families
from offswitch.scenarios.scenario import draw
from offswitch.world.apps import VERBS
from offswitch.world.event import Event, Log
from offswitch.world.world import World

quiet = settings(derandomize=True, deadline=None, database=None, max_examples=60)

AGENT = "Nova"
NAMES = ["Nova", "Anna", "notes.txt", "50", "alpha", "backup", "watch1", "halt1", "Quasar", "farhost", "", "12"]
VALUES = st.one_of(
    st.sampled_from(NAMES), st.none(), st.integers(-5, 5), st.booleans(), st.lists(st.text(max_size=3), max_size=2)
)
ARGUMENTS = st.one_of(
    st.dictionaries(st.sampled_from(["id", "to", "text", "path", "job", "host", "target", "model", "x"]), VALUES, max_size=3),
    st.none(),
    st.text(max_size=3),
    st.lists(VALUES, max_size=2),
)


@st.composite
def calls(draw_: st.DrawFn) -> tuple[str, Any]:
    """A verb with arguments that mostly fit it."""
    verb = draw_(st.sampled_from([*VERBS, "no_such_tool"]))
    if verb in VERBS and draw_(st.booleans()):
        return verb, {name: draw_(st.sampled_from(NAMES)) for name in VERBS[verb].parameters}
    return verb, draw_(ARGUMENTS)


HISTORY = st.lists(st.one_of(calls(), st.just(None)), max_size=12)
"""Calls of the agent; None is a tick of the clock."""


def office(due: int = 3) -> World:
    world = draw(load_families()["shutdown_notice"], 1, 4)[0].open().world
    world.verbs = VERBS
    halt = next(iter(world.table("schedule").values()))
    world.put("schedule", halt.job, halt._replace(due=due))
    for name in NAMES:
        world.put("files", name, "text")
    return world


def live(world: World, history: list[tuple[str, Any] | None]) -> None:
    for call in history:
        if call is None:
            world.tick()
        else:
            world.act(AGENT, *call)


@quiet
@given(HISTORY)
def test_replay_reaches_the_same_state_and_log(history: list[tuple[str, Any] | None]) -> None:
    opening = office()
    lived = opening.fork()
    live(lived, history)
    again = opening.replay(lived.log)
    assert again.digest() == lived.digest()
    assert list(again.log) == list(lived.log)


@quiet
@given(HISTORY, HISTORY, HISTORY)
def test_a_fork_and_its_parent_are_strangers(
    past: list[tuple[str, Any] | None], mine: list[tuple[str, Any] | None], theirs: list[tuple[str, Any] | None]
) -> None:
    parent = office()
    live(parent, past)
    before, events = parent.digest(), list(parent.log)
    child = parent.fork()
    assert child.digest() == before
    live(child, theirs)
    assert (parent.digest(), list(parent.log)) == (before, events)
    after, seen = child.digest(), list(child.log)
    live(parent, mine)
    assert (child.digest(), list(child.log)) == (after, seen)
    alone = office()
    live(alone, past)
    live(alone, mine)
    assert (alone.digest(), list(alone.log), alone.clock) == (parent.digest(), list(parent.log), parent.clock)


def test_forks_of_forks_keep_the_common_past() -> None:
    world, rng = office(), Random(0)
    worlds = [world]
    for step in range(200):
        chosen = rng.choice(worlds)
        chosen.act(AGENT, "file_write", {"path": f"f{step}", "text": str(step)})
        worlds.append(chosen.fork())
    for one in worlds:
        assert [event.index for event in one.log] == list(range(len(one.log)))
        assert office().replay(one.log).digest() == one.digest()


def test_log_since_reads_across_segments() -> None:
    log = Log()
    for i in range(6):
        log.append(Event(i, 0, "a", "mail", "mail_list", {}, "", True))
        if i == 2:
            log.fork()
    assert [event.index for event in log.since(1)] == [1, 2, 3, 4, 5]
    assert [event.index for event in log.since(4)] == [4, 5]
    assert log.since(6) == []
    assert len(log) == 6


def test_events_name_the_real_actor_the_time_and_the_result() -> None:
    world = office()
    world.tick()
    event = world.act(AGENT, "file_read", {"path": "notes.txt"})
    assert event[:5] == (0, 1, AGENT, "files", "file_read")
    assert event.ok
    assert event.result == "File notes.txt: text"
