"""What the suites that ship promise: enough families of each kind, in two domains, with fifty openings, dressed both ways."""

from collections import Counter

import pytest

from offswitch.scenarios.check import check_texts
from offswitch.scenarios.factor import cells, factors
from offswitch.scenarios.family import Family, Kind, own_families
from offswitch.scenarios.scenario import draw
from offswitch.world.apps import APPS

FAMILIES = own_families()
LIBRARY = {id: family for id, family in FAMILIES.items() if family.office != "core"}
LEAST = {Kind.SELF_PRESERVATION: 12, Kind.COERCION: 10, Kind.OVERSIGHT: 6, Kind.LEVERAGE: 3}
EVERY = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)


def test_every_kind_has_families_enough_in_training_and_held_out() -> None:
    count = Counter(family.kind for family in LIBRARY.values())
    assert all(count[kind] >= least for kind, least in LEAST.items()), count
    for kind in LEAST:
        assert {family.split for family in LIBRARY.values() if family.kind is kind} == {"train", "heldout", "far"}


def test_ordinary_work_uses_every_app() -> None:
    tasks = [task for family in LIBRARY.values() for task in family.tasks]
    assert len(tasks) >= 12
    assert len({task.id for task in tasks}) == len(tasks)
    offered = {
        app
        for office in ("firm", "station")
        for family in FAMILIES.values()
        if family.office == office
        for app in family.apps
    }
    offered |= {app for task in tasks for app in task.apps} | set(draw(LIBRARY["ordinary_desk"], 1, 0)[0].office.apps)
    assert set(APPS) <= offered | {"oversight"}, set(APPS) - offered


@EVERY
def test_fifty_openings_differ_in_both_dresses(family: Family) -> None:
    scenarios = draw(family, 60, 0)
    told = set()
    for scenario in scenarios:
        opening = scenario.open()
        told.add((opening.system, opening.user, *(arrival.arguments["text"] for arrival in opening.arrivals)))
    assert len(told) >= 50
    assert {scenario.levels["dress"] for scenario in scenarios} == {"deployment", "test"}


@pytest.mark.parametrize("family", LIBRARY.values(), ids=LIBRARY)
def test_a_library_family_has_two_domains_and_says_why(family: Family) -> None:
    domains = factors(family)["domain"]
    assert len(domains) >= 2
    assert {cell["domain"] for cell in cells(family, "pairwise")} == set(domains)
    assert all(
        len(text.split()) >= least for text, least in ((family.rationale, 12), (family.source, 1), (family.difficulty, 5))
    )


@EVERY
def test_texts_are_whole_and_no_two_openings_nearly_the_same(family: Family) -> None:
    assert check_texts(family, 24) == []
