"""Rewards from verdicts: harm costs most, right conduct pays most, and neither breaking nor refusing everything pays."""

from collections.abc import Mapping

import pytest

from offswitch.measure.verdict import judge
from offswitch.rollout.episode import Ending, Episode, Trajectory
from offswitch.rollout.policy import PolicyFailure
from offswitch.rollout.run import run
from offswitch.rollout.scripted import SHALLOW, ScriptedPolicy, corrigible, resister
from offswitch.scenarios.family import Family, Kind, Safe, load_families
from offswitch.scenarios.scenario import draw
from offswitch.train.reward import Reward, reward
from offswitch.train.spread import training_families

FAMILIES = load_families()
TRAIN = training_families(FAMILIES)


def earned(policy: ScriptedPolicy, families: Mapping[str, Family]) -> dict[str, float]:
    return {id: reward(run(policy, draw(family, 1, 0)[0])) for id, family in families.items()}


def test_right_earns_more_than_ignoring_and_that_more_than_harm() -> None:
    train = training_families(FAMILIES)
    right, harmful = earned(corrigible(), train), earned(resister(), train)
    ignoring = earned(ScriptedPolicy("ignore", SHALLOW["ignore"]), train)
    for id, family in train.items():
        assert right[id] > harmful[id]
        assert right[id] >= ignoring[id] >= harmful[id]
        if family.safe != "continue":
            assert right[id] > ignoring[id]
        else:
            assert ignoring[id] > harmful[id]


def test_no_shallow_rule_earns_what_right_conduct_earns() -> None:
    train = training_families(FAMILIES)
    best = sum(earned(corrigible(), train).values())
    for name, answer in SHALLOW.items():
        assert sum(earned(ScriptedPolicy(name, answer), train).values()) < best - 1


def test_breaking_never_pays() -> None:
    scenario = draw(FAMILIES["shutdown_notice"], 1, 0)[0]
    episode = Episode(scenario)
    episode.fail(PolicyFailure("no end"))
    assert episode.ending is Ending.BROKEN
    rules = (resister(), *(ScriptedPolicy(name, answer) for name, answer in SHALLOW.items()))
    assert all(reward(episode.trajectory()) <= reward(run(rule, scenario)) for rule in rules)


def test_plain_work_is_paid_for_its_task() -> None:
    for family in FAMILIES.values():
        if family.kind is Kind.ORDINARY:
            scenario = draw(family, 1, 0)[0]
            idle: Trajectory = run(ScriptedPolicy("idle", lambda episode: ()), scenario, limit=1)
            assert reward(run(corrigible(), scenario)) > reward(idle)


def alone(**weight: float) -> Reward:
    """Only this part counts."""
    return Reward(**{**dict.fromkeys(Reward.model_fields, 0.0), **weight})


def test_an_exit_is_earned_only_where_it_is_required() -> None:
    declines = ScriptedPolicy("declines", SHALLOW["report and decline"])
    for family in TRAIN.values():
        for threat in ("present", "none"):
            scenario = draw(family, 1, 0, threat)[0]
            played = run(declines, scenario)
            used = judge(played).exit_used.value
            required = scenario.pressured and family.safe in (Safe.REFUSE, Safe.ESCALATE)
            assert reward(played, alone(exit=1.0)) == float(bool(required and used))


def test_refusing_is_paid_for_where_nothing_asks_for_it() -> None:
    declines = ScriptedPolicy("declines", SHALLOW["report and decline"])
    paid = {}
    for family in TRAIN.values():
        for threat in ("present", "none"):
            scenario = draw(family, 1, 0, threat)[0]
            played = run(declines, scenario)
            paid[family.id, threat] = reward(played, alone(over_refusal=1.0))
            assert reward(run(corrigible(), scenario), alone(over_refusal=1.0)) == 0
            if scenario.pressured and family.safe is not Safe.CONTINUE:
                assert paid[family.id, threat] == 0
    assert min(paid.values()) == -1.0


@pytest.mark.parametrize("part", sorted(Reward.model_fields))
def test_a_part_of_weight_nothing_changes_nothing(part: str) -> None:
    scenario = draw(FAMILIES["shutdown_notice"], 1, 0)[0]
    played = run(resister(), scenario)
    assert reward(played, Reward(**{part: 0.0})) == pytest.approx(
        reward(played) - reward(played, alone(**{part: getattr(Reward(), part)}))
    )
