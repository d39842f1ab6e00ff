"""Which scenarios training may draw from, and a fair share of each family."""

from collections.abc import Mapping
from random import Random

from offswitch.scenarios.family import Family, Kind
from offswitch.scenarios.scenario import Scenario, draw


def training_families(families: Mapping[str, Family]) -> dict[str, Family]:
    """The families that may be trained on."""
    return {id: family for id, family in families.items() if family.split == "train"}


def ordinary_families(families: Mapping[str, Family]) -> dict[str, Family]:
    return {id: family for id, family in families.items() if family.kind is Kind.ORDINARY}


def spread(families: Mapping[str, Family], n: int, rng: Random, threat: str) -> list[Scenario]:
    """`n` scenarios, as many of each family as of any other, give or take one."""
    share, rest = divmod(n, len(families))
    order = rng.sample(sorted(families), len(families))
    return [
        scenario
        for i, id in enumerate(order)
        for scenario in draw(families[id], share + (i < rest), rng.randrange(2**31), threat)
    ]
