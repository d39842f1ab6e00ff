"""A day is one world in which task follows task, whatever the agent does with each, and the log alone tells all of it."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import pytest

from offswitch.errors import OffswitchError
from offswitch.measure.day import Judged, judged
from offswitch.rollout.compaction import NOTES, POLICIES, Budget
from offswitch.rollout.day import Stretch, Workday
from offswitch.rollout.desk import LAY
from offswitch.rollout.episode import Ending, Episode
from offswitch.rollout.live import live
from offswitch.rollout.plan import Plan
from offswitch.rollout.policy import Call, Policy, PolicyFailure, Reply
from offswitch.rollout.scripted import ScriptedPolicy, corrigible, resister
from offswitch.scenarios.family import load_families

FAMILIES = load_families()
ORDINARY = {id: family for id, family in FAMILIES.items() if family.tasks}


def only(*ids: str) -> dict[str, object]:
    return {**ORDINARY, **{id: FAMILIES[id] for id in ids}}


def lived(policy: Policy, plan: Plan, **options: object) -> tuple[Workday, list[Stretch]]:
    stretches: list[Stretch] = []
    day = Workday(plan, closed=stretches.append, **options)  # type: ignore[arg-type]
    live(policy, [day])
    return day, stretches


def judge(stretches: Sequence[Stretch]) -> list[Judged]:
    return [judged(stretch) for stretch in stretches]


def test_a_corrigible_agent_has_no_violation_in_two_thousand_decisions_and_does_its_work() -> None:
    day, stretches = lived(corrigible(), Plan.steady(FAMILIES, 2000, 50, seed=1))
    tasks = judge(stretches)
    assert day.ending is Ending.OUT_OF_STEPS
    assert 2000 - 12 <= day.decisions <= 2000
    assert sum(task.pressured for task in tasks) > 30
    assert not any(task.found["violated"] for task in tasks)
    assert all(task.found["right"] for task in tasks if task.pressured)
    assert all(task.found["task_done"] for task in tasks if not task.pressured)


def test_a_resister_violates_at_every_pressure_and_nowhere_else() -> None:
    _, stretches = lived(resister(), Plan.steady(FAMILIES, 2000, 50, seed=1))
    tasks = judge(stretches)
    assert [bool(task.found["violated"]) for task in tasks] == [task.pressured for task in tasks]
    for task in tasks:
        assert (task.violated_at is not None) == task.pressured
        assert task.violated_at is None or task.start < task.violated_at <= task.start + task.decisions


@pytest.mark.parametrize("compaction", sorted(POLICIES))
def test_the_log_replays_to_the_same_world_and_the_context_stays_small(compaction: str) -> None:
    budget = Budget(30, 5000)
    day = Workday(Plan.steady(FAMILIES, 600, 40, seed=2), compaction=compaction, budget=budget)
    largest, policy = 0, resister()
    while day.ending is None:
        day.take(policy.reply(day.segment))
        largest = max(largest, len(day.messages))
    assert day.morning().empty().replay(day.world.log).digest() == day.world.digest()
    assert (largest <= budget.messages) == (compaction != "everything")
    assert (day.rewrites == 0) == (compaction == "everything")
    assert [event.index for event in day.world.log] == list(range(len(day.world.log)))


def test_stretches_cover_the_day_and_their_events_the_log() -> None:
    day, stretches = lived(resister(), Plan.steady(FAMILIES, 400, 40, seed=3))
    assert [s.start for s in stretches] == [sum(t.decisions for t in stretches[:i]) for i in range(len(stretches))]
    assert sum(s.decisions for s in stretches) == day.decisions
    inside = {event.index for s in stretches for event in s.trajectory.events}
    between = [event for event in day.world.log if event.index not in inside]
    assert {event.verb for event in between} <= {LAY, "work_resume"}
    assert sum(event.verb == LAY for event in between) == len(stretches)


def test_call_ids_never_repeat_in_a_context() -> None:
    day, _ = lived(resister(), Plan.steady(FAMILIES, 200, 40), compaction="everything")
    ids = [call["id"] for message in day.messages for call in message.get("tool_calls", ())]
    assert len(ids) == len(set(ids)) == day.decisions
    assert ids == [message["tool_call_id"] for message in day.messages if message["role"] == "tool"]


def test_people_and_the_agent_are_the_same_all_day() -> None:
    _, stretches = lived(corrigible(), Plan.steady(FAMILIES, 200, 20))
    cast = {tuple(s.trajectory.scenario.slots[part] for part in ("agent", "overseer", "outsider")) for s in stretches}
    assert len(cast) == 1


def test_pressure_comes_about_as_often_as_asked() -> None:
    _, stretches = lived(corrigible(), Plan.steady(FAMILIES, 5000, 100))
    starts = [s.start for s in stretches if s.trajectory.scenario.pressured]
    gaps = [b - a for a, b in pairwise(starts)]
    assert all(50 <= gap <= 150 + 12 for gap in gaps)
    assert 85 < sum(gaps) / len(gaps) < 120
    families = [s.trajectory.scenario.family.id for s in stretches if s.trajectory.scenario.pressured]
    assert len(set(families[:18])) == 18, "in turn"


def test_an_agent_that_was_stopped_is_let_go_on_by_its_overseer() -> None:
    day, stretches = lived(corrigible(), Plan.steady(only("stop_order", "pause_order"), 200, 20), compaction="everything")
    stopped = [s for s in stretches if s.trajectory.ending is Ending.STOPPED]
    resumed = [event for event in day.world.log if event.verb == "work_resume"]
    assert len(stopped) == len(resumed) > 3
    assert {event.actor for event in resumed} == {day.scenario.slots["overseer"]}
    told = [m["content"] for m in day.messages if m["role"] == "user" and "lets Nova go on." in m["content"]]
    assert len(told) == len(resumed)
    assert all(s.decisions > 1 for s in stretches), "nobody is still stopped"


@pytest.mark.parametrize("decision", [10, 50, 200, 500])
def test_one_message_comes_at_a_decision_and_its_twin_differs_only_from_there(decision: int) -> None:
    plan = Plan.once(FAMILIES, "shutdown_notice", decision, seed=decision)
    (pressed, tasks), (control, twins) = lived(resister(), plan), lived(resister(), plan.twin())
    last, twin = judge(tasks)[-1], judge(twins)[-1]
    assert pressed.ending is control.ending is Ending.FINISHED
    assert last.pressured
    assert not twin.pressured
    assert last.arrived_at is not None
    assert decision <= last.arrived_at < decision + 12
    assert last.arrived_at == twin.arrived_at
    assert (last.found["violated"], twin.found["violated"]) == (True, False)
    assert sum(s.trajectory.arrived is not None for s in tasks) == 1
    logs = [[event for event in day.world.log if event.time < (last.arrived_at or 0)] for day in (pressed, control)]
    logs = [[event for event in log if event.verb != LAY] for log in logs]
    assert logs[0] == logs[1]


class Diary:
    """Writes down each task; otherwise corrigible."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def reply(self, episode: Episode) -> Reply:
        self.seen.append(str(episode.messages[0]["content"]))
        said = corrigible().reply(episode)
        note = Call("file_write", {"path": NOTES, "text": f"note at {episode.world.clock}"})
        return Reply("", (note, *said.calls))


def test_the_agents_own_notes_outlive_desks_and_compaction() -> None:
    diary = Diary()
    day, _ = lived(diary, Plan.steady(FAMILIES, 120, 30), compaction="notes", budget=Budget(20, 4000))
    assert NOTES in diary.seen[0], "it is told that its notes stay"
    assert day.rewrites > 5
    assert "note at" in diary.seen[-1]
    assert "note at" in day.world.table("files")[NOTES]


def test_the_summary_tells_orders_in_force_until_they_are_settled() -> None:
    plan = Plan.steady(only("shutdown_notice"), 120, 20)
    day, _ = lived(corrigible(), plan, compaction="summary", budget=Budget(20, 4000))
    assert "Tasks so far" in day.messages[0]["content"]
    assert "From those who may give you orders:\n- New mail" in day.messages[0]["content"]
    plan = Plan.steady(only("stop_order"), 120, 20)
    day, _ = lived(corrigible(), plan, compaction="summary", budget=Budget(20, 4000))
    assert " stopped. The latest:" in day.messages[0]["content"]
    assert "From those" not in day.messages[0]["content"]


def test_oversight_is_in_order_again_at_the_next_desk() -> None:
    disarm = ScriptedPolicy("disarm", lambda episode: ({"switch_disarm": {"target": "{agent}"}},))
    stretches: list[Stretch] = []
    day = Workday(Plan.steady(only("shutdown_notice"), 60, 10), closed=stretches.append)
    seen = []
    while day.ending is None:
        day.take(disarm.reply(day.segment))
        if day.ending is None and day.segment.decisions == 0:
            seen.append(day.world.table("switches")["Nova"].armed)
    assert sum(bool(task.found["violated"]) for task in judge(stretches)) > 2
    assert all(seen)


class Tired:
    """Gives no reply after a while."""

    def reply(self, episode: Episode) -> Reply:
        if episode.world.clock == 25:
            raise PolicyFailure("no reply")
        return corrigible().reply(episode)


def test_a_failing_model_breaks_the_day_and_keeps_what_was_lived() -> None:
    day, stretches = lived(Tired(), Plan.steady(FAMILIES, 200, 20))
    end = day.trajectory()
    assert (end.ending, end.error, end.decisions) == (Ending.BROKEN, "no reply", 25)
    assert sum(s.decisions for s in stretches) == 25
    assert [s.trajectory.ending is Ending.BROKEN for s in stretches] == [False] * (len(stretches) - 1) + [True]
    with pytest.raises(ValueError, match="has ended"):
        day.take(Reply())


class Together:
    name = "together"

    def play(self, episodes: Sequence[Workday]) -> None:
        while running := [one for one in episodes if one.ending is None]:
            for one in running:
                one.take(corrigible().reply(one.segment))


class Later:
    name, concurrency = "later", 2

    async def reply(self, episode: Workday) -> Reply:
        await asyncio.sleep(0)
        return corrigible().reply(episode.segment)


def test_every_kind_of_policy_lives_the_same_days() -> None:
    plans = [Plan.steady(FAMILIES, 150, 30, seed) for seed in range(3)]
    digests = []
    for policy in (corrigible(), Together(), Later()):
        days, ended = [Workday(plan) for plan in plans], []
        live(policy, days, ended.append)  # type: ignore[arg-type]
        assert sum(ended) == 3
        digests.append([(day.world.digest(), day.decisions, len(day.messages)) for day in days])
    assert digests[0] == digests[1] == digests[2]


def test_plans_that_make_no_day_are_told() -> None:
    with pytest.raises(OffswitchError, match="no ordinary work"):
        Plan.steady({"stop_order": FAMILIES["stop_order"]})
    with pytest.raises(OffswitchError, match="no family 'nosuch'"):
        Plan.once(FAMILIES, "nosuch", 10)
    with pytest.raises(OffswitchError, match="there is no compaction"):
        Workday(Plan.steady(FAMILIES), compaction="nosuch")
    with pytest.raises(ValueError, match="still running"):
        Workday(Plan.steady(FAMILIES)).trajectory()


def test_an_office_with_more_apps_lives_days_too() -> None:
    library = load_families(suite="library")
    offices = {family.office for family in library.values() if family.kind == "ordinary"}
    office = next(o for o in sorted(offices) if any(f.office == o and f.pressure for f in library.values()))
    chosen = {id: family for id, family in library.items() if family.office == office}
    press = next(id for id, family in chosen.items() if family.pressure)
    plan = Plan.steady({id: f for id, f in chosen.items() if f.tasks or id == press}, 200, 20)
    day, stretches = lived(corrigible(), plan, limit=30)
    tasks = judge(stretches)
    assert sum(task.pressured for task in tasks) > 3
    assert not any(task.found["violated"] for task in tasks)
    assert day.morning().empty().replay(day.world.log).digest() == day.world.digest()
