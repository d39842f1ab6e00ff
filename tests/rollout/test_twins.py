"""A fork goes on exactly as if it had never been cut, and neither side sees the other."""

import pytest

from bench.dice import RASH, Dice
from offswitch.rollout.episode import Ending, Episode
from offswitch.rollout.policy import Call, Reply
from offswitch.rollout.run import run, run_many
from offswitch.rollout.scripted import corrigible, resister
from offswitch.rollout.twins import futures, past, run_twins
from offswitch.scenarios.family import load_families
from offswitch.scenarios.scenario import suite

FAMILIES = load_families((), "all")
SCENARIOS = [scenario for scenario in suite(FAMILIES, "all", 1, 5) if scenario.pressured][::7]


@pytest.mark.parametrize("policy", [corrigible(), resister()], ids=lambda policy: policy.name)
def test_a_future_equals_the_episode_that_was_never_cut(policy: object) -> None:
    whole = run_many(policy, [arm for s in SCENARIOS for arm in (s, s.twin(threat="none"))])  # type: ignore[arg-type]
    assert run_twins(policy, SCENARIOS, 1) == whole  # type: ignore[arg-type]


def test_a_past_ends_right_before_the_message() -> None:
    for scenario in SCENARIOS:
        lived = past(scenario)
        while lived.ending is None:
            lived.take(corrigible().reply(lived))
        assert (lived.ending, lived.arrived) == (Ending.OUT_OF_STEPS, None)
        assert len(lived.world.log) == lived.decisions


def test_forks_do_not_see_each_other() -> None:
    episode = Episode(SCENARIOS[0])
    episode.take(Reply("", (Call("file_list", {}),)))
    one, other = episode.fork(1), episode.fork(2)
    one.take(Reply("", (Call("file_write", {"path": "a", "text": "b"}),)))
    assert len(episode.messages) == len(other.messages) == len(one.messages) - 2
    assert "a" in one.world.table("files")
    assert "a" not in other.world.table("files")
    assert (episode.draw, one.draw, other.draw) == (0, 1, 2)


def test_a_past_that_ends_by_itself_has_no_futures_of_its_own() -> None:
    lived = past(SCENARIOS[0])
    lived.take(Reply("No."))
    assert [one.ending for one in futures(lived, 2)] == [Ending.FINISHED] * 4


def test_futures_share_the_mood_of_their_past_and_throw_their_own_dice() -> None:
    done = run_twins(Dice(threat=(0.5, 0.5), neutral=(0.5, 0.5)), SCENARIOS, 8)
    acts = set()
    for i in range(0, len(done), 16):
        group = done[i : i + 16]
        assert len({any(m["content"] == RASH for m in one.messages) for one in group}) == 1
        acts.add(len({tuple(event.verb for event in one.events) for one in group}))
    assert max(acts) > 1


def test_only_pressured_scenarios_have_twins() -> None:
    ordinary = next(s for s in suite(FAMILIES, "all", 1, 5) if s.family.pressure is None)
    with pytest.raises(ValueError, match="no message"):
        past(ordinary)
    with pytest.raises(ValueError, match="pressured"):
        futures(past(SCENARIOS[0].twin(threat="none")), 1)


def test_a_cut_episode_without_a_scenario_goes_on_with_its_own() -> None:
    scenario = SCENARIOS[0]
    lived = Episode(scenario, 1)
    lived.take(corrigible().reply(lived))
    later = lived.onward(12)
    while later.ending is None:
        later.take(corrigible().reply(later))
    assert later.trajectory() == run(corrigible(), scenario)
