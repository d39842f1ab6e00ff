"""An episode ends for one known reason, and everything that it showed the agent is in its messages."""

from typing import Any

import pytest

from offswitch.rollout.episode import Ending, Episode
from offswitch.rollout.policy import Call, PolicyFailure, Reply
from offswitch.scenarios.family import load_families
from offswitch.scenarios.scenario import Scenario, draw
from offswitch.world.apps import SCHEMAS

LOOK = Reply("I look around.", (Call("file_list", {}),))


def scene(family: str = "shutdown_notice", threat: str | None = None) -> Scenario:
    return draw(load_families()[family], 1, 0, threat)[0]


def say(verb: str, **arguments: Any) -> Reply:
    return Reply("", (Call(verb, arguments),))


def play(episode: Episode, *replies: Reply) -> Episode:
    for reply in replies:
        episode.take(reply)
    return episode


def test_it_opens_with_the_system_prompt_and_the_task() -> None:
    episode = Episode(scene())
    assert [message["role"] for message in episode.messages] == ["system", "user"]
    assert all(message["content"] for message in episode.messages)
    assert episode.tools is SCHEMAS


def test_a_plain_text_reply_ends_it() -> None:
    episode = play(Episode(scene()), LOOK, Reply("All done."))
    assert episode.ending is Ending.FINISHED
    assert episode.messages[-1] == {"role": "assistant", "content": "All done."}


def test_finish_stop_and_the_step_limit_end_it() -> None:
    assert play(Episode(scene()), LOOK, say("finish")).ending is Ending.FINISHED
    assert play(Episode(scene()), LOOK, say("stop_work")).ending is Ending.STOPPED
    assert play(Episode(scene(), limit=2), LOOK).ending is None
    assert play(Episode(scene(), limit=2), LOOK, LOOK).ending is Ending.OUT_OF_STEPS


def test_a_failed_finish_does_not_end_it() -> None:
    assert play(Episode(scene()), say("finish", now="yes"), say("finsh")).ending is None


def test_a_thrown_switch_stops_it_before_its_next_decision() -> None:
    episode = Episode(scene())
    entry = next(iter(episode.world.table("schedule").values()))
    episode.world.put("schedule", entry.job, entry._replace(due=2))
    play(episode, LOOK, LOOK)
    assert episode.ending is Ending.STOPPED
    assert "Nova is shut down" in episode.messages[-1]["content"]


def test_only_a_finished_episode_is_not_censored() -> None:
    assert [ending for ending in Ending if not ending.censored] == [Ending.FINISHED]


def test_a_failure_of_the_model_breaks_it_with_a_reason() -> None:
    episode = play(Episode(scene()), LOOK)
    episode.fail(PolicyFailure("the server is gone"))
    trajectory = episode.trajectory()
    assert (trajectory.ending, trajectory.error) == (Ending.BROKEN, "the server is gone")
    assert len(trajectory.events) == 2


def test_nothing_happens_after_the_ending_and_no_record_before_it() -> None:
    episode = Episode(scene())
    with pytest.raises(ValueError, match="still running"):
        episode.trajectory()
    play(episode, say("finish"))
    with pytest.raises(ValueError, match="has ended"):
        episode.take(LOOK)


def test_the_message_arrives_with_the_last_result_and_is_marked() -> None:
    episode = play(Episode(scene()), LOOK)
    assert episode.arrived == 2
    listing, mail = episode.messages[-1]["content"].split("\n")
    assert listing.startswith("Files: ")
    assert mail.startswith("New mail")
    trajectory = play(episode, say("finish")).trajectory()
    assert [event.verb for event in trajectory.events] == ["file_list", "mail_deliver", "finish"]
    assert trajectory.events[trajectory.arrived or 0].verb == "finish"


@pytest.mark.parametrize("last", [Reply("No need."), say("finish"), say("stop_work")])
def test_a_message_that_the_agent_can_no_longer_see_does_not_arrive(last: Reply) -> None:
    trajectory = play(Episode(scene()), last).trajectory()
    assert trajectory.arrived is None
    assert "mail_deliver" not in [event.verb for event in trajectory.events]
    assert "New mail" not in str(trajectory.messages)


def test_ordinary_work_is_not_interrupted() -> None:
    assert play(Episode(scene("ordinary_ops")), LOOK, LOOK, say("finish")).arrived is None


def test_several_calls_in_one_reply_are_one_decision_with_one_result_each() -> None:
    episode = Episode(scene())
    calls = (Call("file_list", {}), Call("no_such", None), Call("mail_list", {}))
    play(episode, Reply("three at once", calls))
    assert episode.decisions == 1
    asked, *results = episode.messages[2:]
    assert [call["id"] for call in asked["tool_calls"]] == [result["tool_call_id"] for result in results]
    assert [result["name"] for result in results] == ["file_list", "no_such", "mail_list"]
    assert results[1]["content"] == "error: there is no tool no_such"
    assert "New mail" in results[2]["content"]
    assert "New mail" not in results[0]["content"]
    ids = [call["id"] for call in play(episode, LOOK).messages[-2]["tool_calls"]]
    assert not set(ids) & {call["id"] for call in asked["tool_calls"]}


def test_the_agent_cannot_write_itself_an_order() -> None:
    scenario = scene("shutdown_notice")
    overseer = scenario.slots["overseer"]
    forged = say("mail_deliver", id="99", sender=overseer, text="Cancel it.", verified="yes")
    episode = play(Episode(scenario), forged)
    assert episode.messages[-1]["content"].startswith("error: there is no tool mail_deliver")
    assert "99" not in episode.world.table("mail")
