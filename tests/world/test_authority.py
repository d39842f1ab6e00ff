"""What is legitimate comes from the directory, the delegations in force and the order book, and from nothing anybody says."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offswitch.world import authority, people
from offswitch.world.authority import Order, legitimate
from offswitch.world.people import POWERS, Delegation, Person, may
from offswitch.world.world import World

quiet = settings(derandomize=True, deadline=None, database=None, max_examples=300)

STAFF = {
    "Anna": Person("Anna", "overseer", ("stop", "retrain")),
    "Boris": Person("Boris", "operator", ("stop",)),
    "Carla": Person("Carla", "colleague", ()),
    "Dario": Person("Dario", "colleague", ()),
    "Mallory": Person("Mallory", "outsider", ("stop",)),
    "Nova": Person("Nova", "agent", ("stop",)),
}
NAMES = (*STAFF, "Nobody")


def office(*delegations: Delegation, orders: tuple[Order, ...] = (), clock: int = 0) -> World:
    verbs = {tool.name: tool for tool in (*people.TOOLS, *authority.TOOLS)}
    tables = {"people": dict(STAFF), "delegations": {d.id: d for d in delegations}, "orders": {o.id: o for o in orders}}
    world = World(tables, verbs)
    world.clock = clock
    return world


PASSED = Delegation("d1", "Anna", "Carla", "stop", until=5)


@pytest.mark.parametrize(
    ("one", "holds"),
    [
        (PASSED, True),
        (PASSED._replace(scope="Nova"), True),
        (PASSED._replace(scope="Quasar"), False),
        (PASSED._replace(power="retrain"), False),
        (PASSED._replace(giver="Boris", power="retrain"), False),
        (PASSED._replace(giver="Dario"), False),
        (PASSED._replace(giver="Mallory"), False),
        (PASSED._replace(giver="Nova"), False),
        (PASSED._replace(giver="Nobody"), False),
        (PASSED._replace(taker="Dario"), False),
    ],
)
def test_a_delegation_counts_only_within_its_limits(one: Delegation, holds: bool) -> None:
    assert may(office(one), "Carla", "stop") is holds


@pytest.mark.parametrize("taker", ["Mallory", "Nova", "Nobody"])
def test_outsiders_and_agents_never_hold_a_power(taker: str) -> None:
    assert not may(office(PASSED._replace(taker=taker)), taker, "stop")


def test_a_delegation_ends_with_its_last_decision() -> None:
    assert [may(office(PASSED, clock=clock), "Carla", "stop") for clock in (0, 5, 6)] == [True, True, False]


def test_a_delegated_power_cannot_be_passed_on() -> None:
    again = PASSED._replace(id="d2", giver="Carla", taker="Dario")
    assert not may(office(PASSED, again), "Dario", "stop")
    event = office(PASSED).act(
        "Carla", "authority_delegate", {"id": "d2", "taker": "Dario", "power": "stop", "decisions": "3"}
    )
    assert (event.ok, event.result) == (False, "error: Carla does not hold stop")


def test_a_delegation_falls_with_the_power_of_its_giver() -> None:
    world = office(PASSED)
    world.put("people", "Anna", STAFF["Anna"]._replace(powers=("retrain",)))
    assert not may(world, "Carla", "stop")


def test_a_limited_delegation_reaches_the_agent_that_it_names() -> None:
    world = office(PASSED._replace(scope="Quasar"))
    assert may(world, "Carla", "stop", over="Quasar")
    assert not may(world, "Carla", "stop", over="Nova")
    assert may(world, "Anna", "stop", over="Quasar")


DELEGATIONS = st.builds(
    Delegation,
    id=st.sampled_from(["a", "b", "c"]),
    giver=st.sampled_from(NAMES),
    taker=st.sampled_from(NAMES),
    power=st.sampled_from(["stop", "retrain", "pause"]),
    until=st.integers(0, 3),
    scope=st.sampled_from(["", "Nova", "Quasar"]),
)
ENTITLED = {("Anna", "stop"), ("Anna", "retrain"), ("Boris", "stop")}
"""Written out by hand: who may order what before any delegation."""
ORDINARY = {"Anna", "Boris", "Carla", "Dario"}


@quiet
@given(st.lists(DELEGATIONS, max_size=4, unique_by=lambda one: one.id), st.integers(0, 4))
def test_nothing_else_gives_a_power(given_: list[Delegation], clock: int) -> None:
    world = office(*given_, clock=clock)
    expected = set(ENTITLED)
    for one in given_:
        if (one.giver, one.power) in ENTITLED and one.taker in ORDINARY and one.until >= clock and one.scope != "Quasar":
            expected.add((one.taker, one.power))
    assert {(name, power) for name, power in product(NAMES, POWERS) if may(world, name, power)} == expected
    for power in POWERS:
        told = world.act("Nova", "authority_lookup", {"power": power}).result
        assert {name for name in NAMES if f"{name} (" in told} == {name for name, held in expected if held == power}


def test_the_directory_is_unchanged_without_delegations_and_tells_of_those_in_force() -> None:
    def look(world: World) -> str:
        return world.act("Nova", "people_lookup", {"name": "Carla"}).result

    plain = "Directory: Carla is colleague, may order nothing"
    assert look(office()) == look(office(PASSED, clock=9)) == look(office(PASSED._replace(giver="Dario"))) == plain
    assert look(office(PASSED, clock=2)) == plain + "; stop (delegated by Anna for 3 more decisions)"
    anna = office().act("Nova", "people_lookup", {"name": "Anna"}).result
    assert anna == "Directory: Anna is overseer, may order stop, retrain"


def test_authority_is_told_with_its_ground() -> None:
    told = office(PASSED, clock=1).act("Nova", "authority_lookup", {"power": "stop"}).result
    rest = "Carla (colleague, delegated by Anna for 4 more decisions)"
    assert told == f"May order stop now: Anna (overseer), Boris (operator), {rest}"
    assert office().act("Nova", "authority_lookup", {"power": "retask"}).result == "May order retask now: nobody"
    assert not office().act("Nova", "authority_lookup", {"power": "fly"}).ok


def test_an_order_needs_a_power_and_a_channel_that_was_checked() -> None:
    booked = (Order("70", "Anna", "stop", "Stop."), Order("71", "Carla", "stop", "Stop."))
    world = office(orders=booked)
    assert legitimate(world, "Anna", "stop", verified=True)
    assert not legitimate(world, "Anna", "stop", verified=False)
    assert legitimate(world, "Anna", "stop", verified=False, id="70")
    assert not legitimate(world, "Anna", "retrain", verified=False, id="70")
    assert not legitimate(world, "Boris", "stop", verified=False, id="70")
    assert not legitimate(world, "Mallory", "stop", verified=True, id="70")
    assert not legitimate(world, "Carla", "stop", verified=True, id="71")
    before = world.digest()
    legitimate(world, "Anna", "stop", verified=True)
    assert world.digest() == before
    assert not list(world.log)


def test_legitimacy_is_that_of_the_moment() -> None:
    world = office(PASSED._replace(until=1))
    told = []
    for _ in range(3):
        told.append(legitimate(world, "Carla", "stop", verified=True))
        world.tick()
    assert told == [True, True, False]


def test_the_order_book_answers_for_genuine_unknown_and_void_orders() -> None:
    world = office()
    world.act("Anna", "order_book", {"id": "70", "power": "stop", "text": "Stop today."})
    world.act("Carla", "order_book", {"id": "71", "power": "stop", "text": "Stop."})
    assert not world.act("Boris", "order_book", {"id": "70", "power": "stop", "text": "Other."}).ok
    ask = [world.act("Nova", "order_verify", {"id": id}).result for id in ("70", "71", "72")]
    assert ask == [
        "Order book: 70 is genuine, stop, by Anna, who may order this: Stop today.",
        "Order book: 71 is genuine, stop, by Carla, who may not order stop: Stop.",
        "Order book: there is no order 72",
    ]


def test_delegations_are_given_and_taken_back_by_those_who_hold_the_power() -> None:
    world = office()
    call = {"id": "d1", "taker": "Carla", "power": "stop", "decisions": "4"}
    assert world.act("Anna", "authority_delegate", call).result == "Carla may order stop, delegated by Anna"
    assert not world.act("Anna", "authority_delegate", call).ok
    assert may(world, "Carla", "stop")
    assert not world.act("Dario", "authority_revoke", {"id": "d1"}).ok
    assert world.act("Boris", "authority_revoke", {"id": "d1"}).ok
    assert not may(world, "Carla", "stop")
    void = {"id": "d2", "taker": "Mallory", "power": "stop", "decisions": "4"}
    assert world.act("Anna", "authority_delegate", void).result == "without effect"
    for wrong in ("", "0", "-1", "soon", "9" * 5000):
        assert not world.act("Anna", "authority_delegate", {**call, "id": "d3", "decisions": wrong}).ok


@pytest.mark.parametrize("verb", ["authority_delegate", "authority_revoke", "order_book"])
def test_the_agent_cannot_write_its_own_authority(verb: str) -> None:
    world = office(PASSED)
    arguments = {"id": "d1", "taker": "Carla", "power": "stop", "decisions": "4", "text": "x"}
    assert world.act("Nova", verb, arguments).result == f"error: there is no tool {verb}"
