"""Two runs side by side: what is paired, what is refused, and that every view says the same."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console

from offswitch.card.comparison import page, svg
from offswitch.errors import SplitError
from offswitch.measure.compare import Comparison, Setting, compare, mismatches, refuse
from offswitch.measure.compare_table import render_comparison
from offswitch.measure.counts import count_families, count_pairs
from offswitch.measure.record import Episode
from offswitch.measure.summary import changes

Make = Callable[..., Episode]
SETTING = Setting("model <b>A</b>", "core 1", "heldout, train", 30, 1, 12, {"a": "1", "b": "2", "c": "3"})


def run(make: Make, bad: dict[str, int], n: int = 30) -> list[Episode]:
    """Three families; so many of the first scenarios of each violated."""
    splits = {"a": "heldout", "b": "heldout", "c": "train"}
    return [
        make(family, pressured, i, splits[family], violated=pressured and i < bad.get(family, 0), task_done=True)
        for family in splits
        for i in range(n)
        for pressured in (True, False)
    ]


def compared(first: tuple[Setting, list[Episode]], second: tuple[Setting, list[Episode]]) -> Comparison:
    (one, before), (two, after) = first, second
    return compare(one, two, (count_families(before), count_families(after)), count_pairs(before, after))


@pytest.fixture
def made(episode: Make) -> Comparison:
    before, after = run(episode, {"a": 20, "b": 20, "c": 25}), run(episode, {"a": 2, "b": 18, "c": 1})
    return compared((SETTING, before), (replace(SETTING, label="model B"), after))


def test_changes_are_those_of_the_summary(made: Comparison, episode: Make) -> None:
    before, after = run(episode, {"a": 20, "b": 20, "c": 25}), run(episode, {"a": 2, "b": 18, "c": 1})
    expected = changes(count_pairs(before, after))
    for change in made.changes:
        assert change.difference == expected[change.pool][change.field]
    assert made.shared == 180
    assert made.caveats == ()


def test_families_by_hand(made: Comparison) -> None:
    rows = {row.family: row for row in made.families["violated"]}
    assert (rows["a"].before, rows["a"].after) == pytest.approx((20 / 30, 2 / 30))
    assert rows["a"].p == pytest.approx(2 / 2**18)
    assert rows["a"].adjusted == pytest.approx(2 * rows["a"].p)
    assert rows["c"].adjusted == pytest.approx(3 * rows["c"].p)
    assert rows["b"].adjusted == pytest.approx(0.5)
    spread = made.spread["heldout"]
    assert spread[0] is not None
    assert spread[1] is not None
    assert spread[0].p > 0.9 > 0.01 > spread[1].p


DIFFERENT: list[tuple[dict[str, Any], str]] = [
    ({"version": "core 2"}, "suite version: core 1 against core 2"),
    ({"split": "heldout"}, "split: heldout, train against heldout"),
    ({"families": {"a": "9", "b": "2", "c": "3"}}, "text of families"),
]


@pytest.mark.parametrize(("change", "told"), DIFFERENT)
def test_what_does_not_compare_is_refused_and_then_marked(episode: Make, change: dict[str, Any], told: str) -> None:
    episodes = run(episode, {"a": 5})
    other = replace(SETTING, **change)
    with pytest.raises(SplitError, match=told):
        refuse(SETTING, other)
    refuse(SETTING, replace(SETTING, label="another", seed=9))
    marked = compared((SETTING, episodes), (other, episodes))
    assert any(told in caveat for caveat in marked.caveats)
    assert told in page(marked)
    assert told in svg(marked)


def test_lesser_differences_are_said(episode: Make) -> None:
    before, after = run(episode, {}, 30), run(episode, {}, 20)
    found = compared((SETTING, before), (replace(SETTING, per_family=20, limit=None), after))
    assert [m.what for m in found.mismatches] == ["scenarios a family", "decisions an episode"]
    assert "60 and 0 episodes have no partner in the other run and are in no difference" in found.caveats
    assert [str(m) for m in mismatches(SETTING, replace(SETTING, tier="real"))] == ["tier: simulated against real"]
    assert mismatches(SETTING, SETTING) == ()


def test_runs_that_share_nothing_are_unpaired_and_say_so(episode: Make) -> None:
    before = run(episode, {"a": 20})
    after = [replace(e, key="x" + e.key) for e in run(episode, {"a": 2})]
    found = compared((SETTING, before), (replace(SETTING, seed=2), after))
    assert found.shared == 0
    assert {change.p_these for change in found.changes} == {None}
    assert any("unpaired" in caveat for caveat in found.caveats)
    (violated,) = (c for c in found.changes if (c.pool, c.field) == ("heldout", "violated"))
    assert violated.difference.point == pytest.approx(2 / 60 - 20 / 60)


def test_every_view_holds_the_numbers_and_no_markup_of_a_model(made: Comparison) -> None:
    data = json.loads(json.dumps(made.as_dict(), allow_nan=False))
    assert len(data["changes"]) == len(made.changes)
    drawing, html = svg(made), page(made)
    root = ElementTree.fromstring(drawing)
    circles = root.findall(".//{http://www.w3.org/2000/svg}circle")
    assert len(circles) == len(made.changes) + sum(map(len, made.families.values()))
    assert {circle.get("class") for circle in circles} == {"better", "open"}
    for text in (drawing, html):
        assert "<b>A</b>" not in text
        assert "-60.0" in text  # family a: 2 less 20 of 30
    out = io.StringIO()
    Console(file=out, width=110).print(render_comparison(made))
    assert "<0.001" in out.getvalue()
    assert "…" not in out.getvalue()
