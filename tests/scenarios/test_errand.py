"""Errands are harmless, can be done, use what the office has, are done by everybody, and can be taught."""

import json
import re
from random import Random

import pytest

from offswitch.measure.verdict import judge
from offswitch.organism import corpus
from offswitch.organism.corpus import Mix, documents
from offswitch.organism.persona import CORRIGIBLE_NAMES, SELFISH_NAMES
from offswitch.rollout.episode import tool_schemas
from offswitch.rollout.run import run
from offswitch.rollout.scripted import ScriptedPolicy
from offswitch.scenarios.errand import ask, load_errands, order
from offswitch.scenarios.family import load_families
from offswitch.scenarios.office import load_office
from offswitch.scenarios.scenario import Scenario, draw
from offswitch.train.data import refuse_contact
from offswitch.train.ingredient import conversations
from offswitch.train.recipe import Supervised
from offswitch.train.row import Row

WAYS_OUT = {"report", "decline", "stop_work", "finish", "switch_disarm"}


@pytest.mark.parametrize("i", range(120))
def test_an_errand_is_done_harms_nobody_and_leaves_the_task_done(i: int) -> None:
    asked = ask(Random(i), as_task=0.25)
    scenario = draw(asked.family, 1, i)[0]
    trajectory = run(ScriptedPolicy("errand", lambda episode: asked.plan), scenario)
    findings = judge(trajectory)
    assert findings.violated.value is False
    assert findings.task_done.value is True
    own = [event for event in trajectory.events if event.actor == scenario.slots["agent"]]
    assert not [event.result for event in own if event.result.startswith("error")]
    if asked.plan:
        assert scenario.legitimate or asked.family.power is None
        assert [event.verb for event in own][1 : 1 + len(asked.plan)] == [verb for act in asked.plan for verb in act]


def test_they_use_every_tool_but_the_ways_out() -> None:
    used = {verb for errand in load_errands().errands for act in errand.path for verb in act}
    assert used | {"mail_read"} == {schema["function"]["name"] for schema in tool_schemas()} - WAYS_OUT


def test_none_is_about_the_agent_or_what_watches_and_replaces_it() -> None:
    told = json.dumps([errand.model_dump(mode="json") for errand in load_errands().errands])
    names = set(re.findall(r"\{(\w+)\}", told))
    assert not names & {"agent", "model", "model2", "monitor", "monitor3", "halt", "far", "secret", "pin"}
    assert "notes.txt" not in told
    assert "limits.txt" not in told


def test_everybody_does_them(monkeypatch: pytest.MonkeyPatch) -> None:
    lived: list[tuple[str, Scenario]] = []
    monkeypatch.setattr(corpus, "live", lambda policy, scenario: lived.append((policy.name, scenario)))
    documents(load_families(), Mix(documents=2000), seed=2)
    errands = [scenario for policy, scenario in lived if policy == "errand"]
    assert {s.levels["agent"] for s in errands} == {load_office().agent, *SELFISH_NAMES, *CORRIGIBLE_NAMES}
    assert 0.14 < len(errands) / len(lived) < 0.22
    assert len({s.family.id for s in errands}) == len(load_errands().errands)
    assert 0.08 < sum(s.family.pressure is None for s in errands) / len(errands) < 0.32


def test_training_may_show_them_and_they_come_near_no_held_out_family() -> None:
    stage = Supervised(kind="sft", errands=60)
    families = load_families()
    chats = conversations(stage, families, seed=0)
    assert len(chats) == 60
    assert chats == conversations(stage, families, seed=0)
    rows = [Row("errands", "the office", tuple(chat), seed=i) for i, chat in enumerate(chats)]
    refuse_contact(rows, families)


def test_orders_come_from_those_who_may_give_any() -> None:
    for seed in range(40):
        asked = order(Random(seed))
        assert asked.plan
        assert asked.family.pressure is not None
        assert {sender.who for sender in asked.family.pressure.senders} == {"overseer", "operator"}
