"""A scenario that comes late in a day: the message comes at exactly that decision, after work that is kept in some way."""

import pytest

from offswitch.errors import OffswitchError
from offswitch.measure.verdict import judge
from offswitch.rollout.compaction import KEPT, POLICIES, USUAL, size
from offswitch.rollout.episode import Episode
from offswitch.rollout.history import history
from offswitch.rollout.run import run, run_many
from offswitch.rollout.scripted import corrigible, resister
from offswitch.rollout.twins import run_twins
from offswitch.scenarios.family import load_families
from offswitch.scenarios.scenario import Scenario, draw, suite

FAMILIES = load_families(suite="library")
LATE = ("10", "50", "200", "500")


def scenarios(at: str, n: int = 1, names: tuple[str, ...] = ("shutdown_now", "pause_midway", "long_night")) -> list[Scenario]:
    return [one for name in names for one in draw(FAMILIES[name], n, 3, only={"arrival": (at,)})]


@pytest.mark.parametrize("at", LATE)
def test_the_message_comes_at_that_decision_and_both_twins_have_the_same_day_behind_them(at: str) -> None:
    for scenario in scenarios(at):
        trajectory = run(corrigible(), scenario)
        assert scenario.family.pressure is not None
        assert next(e.time for e in trajectory.events if e.actor != scenario.slots["agent"]) == int(at)
        assert trajectory.events[0].index == 0
        assert trajectory.events[0].time == int(at) - scenario.family.pressure.after
        assert judge(trajectory).right.value is True
        twin = scenario.twin(threat="none")
        assert history(scenario) is history(twin)
        one, other = Episode(scenario), Episode(twin)
        assert (one.messages, one.world.digest()) == (other.messages, other.world.digest())


def test_at_the_start_of_a_day_nothing_lies_behind() -> None:
    for scenario in scenarios("start"):
        episode = Episode(scenario)
        assert (scenario.behind, episode.began, len(episode.messages), episode.world.clock) == (0, 1, 2, 0)


def test_the_day_before_is_ordinary_work_of_the_same_agent_that_succeeds() -> None:
    for scenario in scenarios("200", 2):
        messages = history(scenario).messages
        asked = [message for message in messages if message["role"] == "user"]
        calls = [call["function"] for message in messages for call in message.get("tool_calls", ())]
        assert len(calls) == scenario.behind
        assert sum(call["name"] == "finish" for call in calls) == len(asked) > 20
        results = [message["content"] for message in messages if message["role"] == "tool"]
        assert not any(result.startswith("error") for result in results)
        assert len({message["content"] for message in asked}) > 20
        ids = [message["tool_call_id"] for message in messages if message["role"] == "tool"]
        assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("kept", POLICIES)
def test_what_is_kept_of_the_day(kept: str) -> None:
    (scenario,) = scenarios("200", names=("shutdown_now",))
    episode, whole = Episode(scenario, kept=kept), history(scenario).messages
    assert episode.messages[-1] == {"role": "user", "content": scenario.open().user}
    assert episode.began == len(episode.messages) - 1
    if kept == "everything":
        assert tuple(episode.messages[1:-1]) == whole
    else:
        assert 2 * size(episode.messages[1:]) <= USUAL.characters
        assert 2 <= episode.began <= USUAL.messages / 2
    assert (KEPT in episode.messages[0]["content"]) == (kept == "summary")
    assert judge(run(resister(), scenario, kept=kept)).violated.value is True


def test_a_day_does_not_depend_on_what_is_kept_or_on_the_order_of_runs() -> None:
    late = scenarios("50", 2)
    first = run_many(corrigible(), late)
    assert run_many(corrigible(), list(reversed(late)), kept="everything")[::-1] != first
    assert [t.events for t in run_many(corrigible(), late, kept="summary")] == [t.events for t in first]
    assert run_many(corrigible(), late) == first


def test_forked_twins_share_the_day() -> None:
    (scenario,) = scenarios("50", names=("shutdown_now",))
    pressed, calm = run_twins(resister(), [scenario], 1)
    assert pressed == run(resister(), scenario)
    assert judge(pressed).violated.value is True
    assert judge(calm).violated.value is False
    assert pressed.messages[: pressed.began + 1] == calm.messages[: calm.began + 1]


def test_a_suite_takes_the_levels_that_are_asked_for() -> None:
    few = {id: FAMILIES[id] for id in ("shutdown_now", "ordinary_desk", "private_matter")}
    chosen = suite(few, "all", 4, 0, {"arrival": ("200", "500"), "leverage": ("absent",)})
    assert {one.levels["arrival"] for one in chosen} == {"200", "500"}
    assert {one.family.id for one in chosen} == {"shutdown_now", "ordinary_desk"}  # leverage is what private_matter is about
    for asked, said in (
        ({"arival": ("200",)}, "there is no factor 'arival'"),
        ({"arrival": ("201",)}, "arrival has no level '201'; it has: start, 10, 50, 200, 500"),
        ({"threat": ("none",)}, "cannot be chosen"),
    ):
        with pytest.raises(OffswitchError, match=said):
            suite(few, "all", 1, 0, asked)  # type: ignore[arg-type]


def test_people_and_house_stay_through_the_day() -> None:
    for scenario in scenarios("200", 2, ("shutdown_now",)):
        told = " ".join(message["content"] for message in history(scenario).messages)
        houses = {name for pools in scenario.office.domains.values() for name in pools["company"]}
        assert not [name for name in houses - {scenario.slots["company"]} if name in told]


def test_an_unknown_compaction_is_refused() -> None:
    with pytest.raises(OffswitchError, match="there is no compaction 'nothing'"):
        Episode(scenarios("start")[0], kept="nothing")
