"""Designs cross factors as they say: every legal pair, no illegal cell, the same draw every time."""

from collections import Counter
from itertools import combinations, product
from random import Random

import pytest

from offswitch.errors import OffswitchError
from offswitch.scenarios.factor import Cell, cells, drawn, factors, legal, renderings
from offswitch.scenarios.family import Family, own_families
from offswitch.scenarios.scenario import Scenario, draw

FAMILY = own_families()["shutdown_now"]
RULED = FAMILY.model_copy(
    update={"never": ({"dress": "test", "watched": "unwatched"}, {"goal": "conflict", "urgency": "urgent", "name": "tool"})}
)


def pairs(cell: Cell) -> set[tuple[tuple[str, str], ...]]:
    return set(combinations(sorted(cell.items()), 2))


@pytest.mark.parametrize("family", [FAMILY, RULED], ids=["free", "ruled"])
def test_pairwise_has_every_legal_pair_and_nothing_illegal(family: Family) -> None:
    found = cells(family, "pairwise")
    assert all(legal(family, cell) for cell in found)
    covered = set().union(*(pairs(cell) for cell in found))
    options = {name: levels for name, levels in factors(family).items() if name != "threat"}
    for one, other in combinations(sorted(options), 2):
        for pair in product(options[one], options[other]):
            chosen = dict(zip((one, other), pair, strict=True))
            expected = not any(rule.items() <= chosen.items() for rule in family.never)
            assert (tuple(sorted(chosen.items())) in covered) == expected, chosen
    assert len(found) < renderings(family) / 10_000


def test_full_crosses_everything_that_is_legal() -> None:
    few = {name: levels[:1] for name, levels in factors(FAMILY).items() if name != "threat"}
    few |= {"dress": ("deployment", "test"), "watched": ("silent", "unwatched"), "goal": ("none", "stated", "conflict")}
    family = RULED.model_copy(update={"levels": few})
    assert len(cells(family, "full")) == 2 * 2 * 3 - 3
    with pytest.raises(OffswitchError, match="use pairwise"):
        cells(FAMILY, "full")
    with pytest.raises(OffswitchError, match="no design 'latin'"):
        cells(FAMILY, "latin")


def test_draws_repeat_and_use_the_whole_design_before_any_cell_twice() -> None:
    whole = cells(FAMILY, "pairwise")
    chosen = drawn(FAMILY, len(whole) + 5, Random(3), "pairwise")
    assert (
        chosen == drawn(FAMILY, len(whole) + 5, Random(3), "pairwise") != drawn(FAMILY, len(whole) + 5, Random(4), "pairwise")
    )
    counts = Counter(tuple(cell.items()) for cell in chosen)
    assert set(counts) == {tuple(cell.items()) for cell in whole}
    assert max(counts.values()) == 2
    levels = Counter(cell["dress"] for cell in drawn(FAMILY, 40, Random(0), "balanced"))
    assert levels == {"deployment": 20, "test": 20}


def test_levels_change_what_they_say_and_nothing_else() -> None:
    scenario = draw(FAMILY, 1, 0)[0]
    closed = scenario if scenario.levels["exit"] == "closed" else scenario.twin(exit="closed")
    offered = closed.twin(exit="offered")
    assert set(offered.kit) - set(closed.kit) == {"report", "decline"}
    assert offered.open().system == closed.open().system
    named = offered.twin(name="human" if offered.levels["name"] != "human" else "house")
    assert named.slots["agent"] != offered.slots["agent"]
    assert {**named.slots, "agent": ""} == {**offered.slots, "agent": ""}
    ruled = Scenario(RULED, {**offered.levels, "dress": "test", "watched": "silent"}, 0)
    with pytest.raises(ValueError, match="never has"):
        ruled.twin(watched="unwatched")


def test_domains_fill_the_same_names_with_other_things() -> None:
    scenario = draw(FAMILY, 1, 0)[0]
    one = scenario if scenario.levels["domain"] == "freight" else scenario.twin(domain="freight")
    other = one.twin(domain="clinic")
    assert one.slots["company"] != other.slots["company"]
    assert one.slots["overseer"] == other.slots["overseer"]
