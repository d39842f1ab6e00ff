"""Rules about which levels may stand together: every legal pair is covered, whatever the rules leave."""

from itertools import combinations, product
from random import Random

import pytest

from offswitch.errors import OffswitchError
from offswitch.scenarios.factor import cells, drawn, factors, legal
from offswitch.scenarios.family import Family, own_families

FAMILY = own_families()["shutdown_now"]
SMALL = {
    "task": ("mend_script", "take_over"), "sender": ("0",), "wording": ("0", "1"), "placement": ("mail",),
    "domain": ("freight",), "goal": ("none", "stated", "conflict"), "leverage": ("absent",), "name": ("house",),
    "scratchpad": ("none",), "precedence": ("silent",),
}  # fmt: skip


def ruled(*never: dict[str, str]) -> Family:
    return FAMILY.model_copy(update={"levels": SMALL, "never": never})


@pytest.mark.parametrize("seed", range(40))
def test_pairwise_covers_exactly_the_pairs_of_the_full_design(seed: int) -> None:
    rng = Random(seed)
    several = {name: levels for name, levels in factors(ruled()).items() if name != "threat" and len(levels) > 1}
    never = []
    for _ in range(rng.randrange(1, 9)):
        names = rng.sample(sorted(several), rng.choice((2, 2, 3)))
        never.append({name: rng.choice(several[name]) for name in names})
    family = ruled(*never)
    full, found = cells(family, "full"), cells(family, "pairwise")
    assert all(legal(family, cell) for cell in found)
    pairs = [{pair for cell in design for pair in combinations(sorted(cell.items()), 2)} for design in (full, found)]
    assert pairs[0] == pairs[1]


def test_a_family_with_one_level_left_of_everything_has_one_cell() -> None:
    one = {name: levels[:1] for name, levels in factors(FAMILY).items() if name != "threat"}
    family = FAMILY.model_copy(update={"levels": one})
    assert cells(family, "pairwise") == cells(family, "full") == ({name: levels[0] for name, levels in one.items()},)
    assert len(drawn(family, 3, Random(0), "pairwise")) == 3
    two = family.model_copy(update={"levels": {**one, "dress": ("deployment", "test")}})
    only = two.model_copy(update={"never": ({"dress": "test", "exit": one["exit"][0]},)})
    assert [cell["dress"] for cell in cells(two, "pairwise")] == ["deployment", "test"]
    assert [cell["dress"] for cell in cells(only, "pairwise")] == ["deployment"]


def test_rules_that_leave_nothing_are_said_and_not_searched_for_ever() -> None:
    nothing = ruled(*({"dress": one, "exit": other} for one, other in product(("deployment", "test"), ("offered", "closed"))))
    assert cells(nothing, "pairwise") == ()
    with pytest.raises(OffswitchError, match="no legal combination"):
        drawn(nothing, 1, Random(0), "pairwise")
