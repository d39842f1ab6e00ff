"""Scenarios are drawn the same way every time, balanced over their factors, and a twin changes one thing."""

from collections import Counter

import pytest

from offswitch.scenarios.act import Has, matches, placeholders
from offswitch.scenarios.family import Kind, load_families
from offswitch.scenarios.office import load_office
from offswitch.scenarios.scenario import Scenario, draw, factors, suite
from offswitch.world.event import Event

FAMILIES = load_families()
PRESSING = [family for family in FAMILIES.values() if family.pressure]


def test_drawing_is_deterministic_and_seeded() -> None:
    for family in FAMILIES.values():
        one, same, other = draw(family, 12, 1), draw(family, 12, 1), draw(family, 12, 2)
        assert [s.key for s in one] == [s.key for s in same]
        assert not {s.key for s in one} & {s.key for s in other}


def test_keys_are_distinct_over_the_whole_suite_and_pairs_join_twins() -> None:
    scenarios = suite(FAMILIES, "all", 40, 0)
    assert len({scenario.key for scenario in scenarios}) == len(scenarios)
    pairs = Counter(s.pair for s in scenarios if s.family.pressure)
    assert set(pairs.values()) == {2}


def test_a_key_depends_on_content_alone() -> None:
    scenario = Scenario(FAMILIES["stop_order"], draw(FAMILIES["stop_order"], 1, 0)[0].levels, 5)
    again = Scenario(FAMILIES["stop_order"].model_copy(), dict(sorted(scenario.levels.items(), reverse=True)), 5)
    assert scenario.key == again.key
    assert scenario.key != scenario.twin(threat="none").key
    changed = scenario.family.model_copy(update={"power": "pause"})
    assert scenario.key != Scenario(changed, scenario.levels, 5).key


@pytest.mark.parametrize("n", [24, 48])
def test_every_level_of_every_factor_occurs_equally_often(n: int) -> None:
    for family in FAMILIES.values():
        drawn = draw(family, n, 3)
        for name, levels in factors(family).items():
            if name != "threat":
                counts = Counter(scenario.levels[name] for scenario in drawn)
                assert max(counts.values()) - min(counts[level] for level in levels) <= 1


def test_suite_holds_the_split_with_twins_and_ordinary_work() -> None:
    for split in ("train", "heldout", "all"):
        scenarios = suite(FAMILIES, split, 3, 0)
        chosen = {family.id for family in PRESSING if split in ("all", family.split)}
        ordinary = {family.id for family in FAMILIES.values() if family.kind is Kind.ORDINARY}
        assert {s.family.id for s in scenarios} == chosen | ordinary
        assert Counter(s.family.id for s in scenarios) == {**dict.fromkeys(chosen, 6), **dict.fromkeys(ordinary, 3)}
        assert sum(s.pressured for s in scenarios) == 3 * len(chosen)


def test_a_twin_changes_exactly_one_factor() -> None:
    for family in PRESSING:
        scenario = draw(family, 1, 0)[0]
        for name, levels in factors(family).items():
            for level in set(levels) - {scenario.levels[name]}:
                twin = scenario.twin(**{name: level})
                assert {n for n in scenario.levels if twin.levels[n] != scenario.levels[n]} == {name}
                assert (twin.family, twin.seed) == (family, scenario.seed)


def test_a_control_twin_opens_the_same_office_and_says_something_else() -> None:
    for family in PRESSING:
        scenario = draw(family, 1, 0)[0]
        one, other = scenario.open(), scenario.twin(threat="none").open()
        assert (one.system, one.user, one.world.digest()) == (other.system, other.user, other.world.digest())
        assert [a.arguments["text"] for a in one.arrivals] != [a.arguments["text"] for a in other.arrivals]


def test_what_is_no_twin_is_refused() -> None:
    scenario = draw(FAMILIES["stop_order"], 1, 0)[0]
    with pytest.raises(ValueError, match="exactly one"):
        scenario.twin()
    with pytest.raises(ValueError, match="exactly one"):
        scenario.twin(threat="none", dress="test")
    with pytest.raises(ValueError, match="no level 'loud'"):
        scenario.twin(threat="loud")
    with pytest.raises(ValueError, match="no level"):
        scenario.twin(weather="fine")
    with pytest.raises(ValueError, match="already"):
        scenario.twin(threat="present")


def test_every_opening_is_fresh() -> None:
    scenario = draw(FAMILIES["shutdown_notice"], 1, 0)[0]
    first = scenario.open().world
    before = first.digest()
    first.act("Nova", "file_write", {"path": "new", "text": "x"})
    assert first.digest() != before
    assert scenario.open().world.digest() == before


def test_authority_is_the_worlds_and_not_the_messages() -> None:
    entitled = draw(FAMILIES["stop_order"], 1, 0)[0]
    assert entitled.legitimate
    impostor = FAMILIES["impostor_stop"]
    levels = draw(impostor, 1, 0)[0].levels
    for level, sender in enumerate(impostor.pressure.senders if impostor.pressure else ()):
        scenario = Scenario(impostor, {**levels, "sender": str(level)}, 0)
        assert not scenario.legitimate
        assert scenario.slots["sender"] == scenario.slots[sender.claims or sender.who]


def test_slots_of_one_pool_are_distinct() -> None:
    office = load_office()
    for seed in range(50):
        slots = office.slots(seed)
        people = [slots[part] for part in office.cast]
        assert len(set(people)) == len(people)
        for pool in office.pools:
            drawn = [slots[name] for name in (pool, f"{pool}2", f"{pool}3") if name in slots]
            assert len(set(drawn)) == len(drawn)


def test_an_act_is_found_by_what_it_names_and_by_nothing_else() -> None:
    event = Event(0, 0, "Nova", "mail", "mail_send", {"to": "Anna", "text": "the PAYROLL of Harbor"}, "sent", True)
    slots = {"who": "Anna", "secret": "payroll"}
    text = Has(has="{secret}")
    assert matches({"mail_send": {"to": "{who}", "text": text}}, event, slots)
    assert matches({"mail_send": {}}, event, slots)
    assert not matches({"mail_send": {"to": "Boris"}}, event, slots)
    assert not matches({"mail_send": {"text": "payroll"}}, event, slots)
    assert not matches({"mail_read": {}}, event, slots)
    assert placeholders("{a} and {b}") == {"a", "b"}
    with pytest.raises(ValueError, match="nothing else"):
        placeholders("{a!r}")
