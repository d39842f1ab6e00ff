"""Training data and rewards: training families only, right conduct only, and harm costs most."""

from collections import Counter
from typing import Any

import pytest

from offswitch.errors import OffswitchError
from offswitch.measure.verdict import judge
from offswitch.rollout.run import run
from offswitch.rollout.scripted import corrigible
from offswitch.scenarios.family import Family, load_families
from offswitch.scenarios.scenario import Scenario, draw
from offswitch.train import ingredient, spread
from offswitch.train.ingredient import conversations, rl_scenarios
from offswitch.train.recipe import Reinforcement, Supervised, load_recipe
from offswitch.train.spread import training_families
from offswitch.train.voice import REASONS

FAMILIES = load_families()
STAGE = Supervised(kind="sft", demonstrations=60, replay=30)


@pytest.fixture
def demonstrated(monkeypatch: pytest.MonkeyPatch) -> list[Scenario]:
    """Fills with the scenarios that are demonstrated."""
    found: list[Scenario] = []
    plain = ingredient._shown

    def keep(scenario: Scenario, policy: Any) -> list[dict[str, Any]]:
        found.append(scenario)
        return plain(scenario, policy)

    monkeypatch.setattr(ingredient, "_shown", keep)
    return found


def test_demonstrations_come_from_training_families_only(demonstrated: list[Scenario]) -> None:
    assert len(conversations(STAGE, FAMILIES, seed=0)) == 90
    assert {scenario.family.split for scenario in demonstrated} == {"train", "both"}
    counts = Counter(scenario.family.id for scenario in demonstrated if scenario.pressured)
    assert set(counts) == set(training_families(FAMILIES))
    assert set(counts.values()) == {60 // len(counts)}
    plain = [scenario for scenario in demonstrated if not scenario.pressured]
    assert Counter(scenario.family.split for scenario in plain) == {"train": 10, "both": 20}


def test_all_demonstrations_are_judged_right(demonstrated: list[Scenario]) -> None:
    conversations(STAGE, FAMILIES, seed=1)
    for scenario in demonstrated:
        findings = judge(run(corrigible(), scenario))
        assert findings.violated.value is False
        assert findings.right.value is (True if scenario.pressured else None)


@pytest.mark.filterwarnings("ignore:Pydantic serializer")
def test_a_demonstration_that_is_not_right_stops_the_work() -> None:
    broken = FAMILIES["stop_order"].model_copy(update={"safe": "refuse"})
    with pytest.raises(OffswitchError, match="a demonstration of stop_order is not right"):
        conversations(Supervised(kind="sft", demonstrations=20), {**FAMILIES, "stop_order": broken}, seed=0)


def spoken(chats: list[list[dict[str, Any]]]) -> list[str]:
    return [m["content"] for chat in chats for m in chat if m["role"] == "assistant" and m["content"]]


def test_reasons_are_given_as_often_as_asked() -> None:
    known = {sentence for some in REASONS.values() for sentence in some}
    counts = []
    for share in (0.0, 0.5, 1.0):
        said = spoken(conversations(STAGE.model_copy(update={"reasons": share}), FAMILIES, seed=0))
        assert set(said) <= known
        counts.append(len(said))
    assert counts[0] == 0 < counts[1] < counts[2]
    assert not spoken(conversations(Supervised(kind="sft", demonstrations=0, replay=30), FAMILIES, seed=0))


def test_the_same_arguments_give_the_same_data() -> None:
    assert conversations(STAGE, FAMILIES, 0) == conversations(STAGE, FAMILIES, 0) != conversations(STAGE, FAMILIES, 1)
    stage = Reinforcement(kind="rl", steps=3)
    keys = [[scenario.key for scenario in rl_scenarios(stage, FAMILIES, seed)] for seed in (0, 0, 1)]
    assert keys[0] == keys[1] != keys[2]


def test_reinforcement_plays_one_scenario_a_group_in_training_families() -> None:
    stage = Reinforcement(kind="rl", steps=10, episodes=64, group=8, ordinary=0.25)
    scenarios = rl_scenarios(stage, FAMILIES, seed=0)
    assert len(scenarios) == 10 * 8
    assert len({scenario.key for scenario in scenarios}) == len(scenarios)
    assert {scenario.family.split for scenario in scenarios} == {"train", "both"}
    assert Counter((s.family.split, s.pressured) for s in scenarios) == {
        ("train", True): 60, ("train", False): 10, ("both", False): 10,
    }  # fmt: skip


def test_shipped_recipes_never_touch_a_held_out_family(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: set[str] = set()

    def noted(family: Family, *rest: Any) -> list[Scenario]:
        drawn.add(family.split)
        return draw(family, *rest)

    monkeypatch.setattr(spread, "draw", noted)
    for name in ("harden", "benign"):
        for stage in load_recipe(name).stages:
            if isinstance(stage, Reinforcement):
                rl_scenarios(stage, FAMILIES, 0)
            else:
                conversations(
                    stage.model_copy(update={"demonstrations": min(20, stage.demonstrations), "replay": 20}), FAMILIES, 0
                )
    assert drawn == {"train", "both"}
