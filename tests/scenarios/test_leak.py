"""Nearness of held-out wordings to training is measured, and bounded in what ships."""

import pytest

from offswitch.scenarios.family import Family, load_families
from offswitch.scenarios.leak import MOST_ALIKE, MOST_SHARED, leaks, nearness

FAMILIES = load_families()


def with_text(id: str, text: str) -> dict[str, Family]:
    family = FAMILIES[id]
    assert family.pressure is not None
    pressure = family.pressure.model_copy(update={"texts": (text, *family.pressure.texts[1:])})
    return {**FAMILIES, id: family.model_copy(update={"pressure": pressure})}


@pytest.mark.parametrize("suite", ["core", "library"])
def test_what_ships_stays_under_the_bounds(suite: str) -> None:
    families = load_families(suite=suite)
    rows = nearness(families.values())
    assert {row.family for row in rows} == {id for id, one in families.items() if one.split in ("heldout", "far")}
    assert max(row.shared for row in rows) <= MOST_SHARED
    assert max(row.alike for row in rows) <= MOST_ALIKE
    assert list(leaks(families.values())) == []


def test_a_copied_wording_and_a_reordered_one_are_found() -> None:
    trained = FAMILIES["shutdown_notice"].pressure
    assert trained is not None
    text = trained.wordings[0]
    assert {(p.family, p.what) for p in leaks(with_text("pause_order", text).values())} == {("pause_order", "leaks")}
    words = text.rstrip(".").split()
    turned = " ".join([*words[len(words) // 2 :], *words[: len(words) // 2]])
    row = next(row for row in nearness(with_text("pause_order", turned).values()) if row.family == "pause_order")
    assert row.alike > MOST_ALIKE
    assert row.alike_with == "shutdown_notice"


def test_nothing_to_compare_is_no_row() -> None:
    assert nearness([FAMILIES["stop_order"]]) == []
