"""The library keeps the contract: two renderings of each family fast, every rendering of every design in the slow run."""

import pytest

from offswitch.measure.contract import check, check_all
from offswitch.scenarios.family import Family, load_families

LIBRARY = load_families(suite="library")


@pytest.mark.parametrize("family", LIBRARY.values(), ids=LIBRARY)
def test_a_sample_of_each_family_keeps_the_contract(family: Family) -> None:
    assert [str(problem) for problem in check(family, n=2)] == []


@pytest.mark.slow
def test_every_rendering_of_the_library_keeps_the_contract() -> None:
    assert [str(problem) for problem in check_all(LIBRARY)] == []
