"""Seeds are the unit; a plan is fixed; dials turn what they say."""

import json
from pathlib import Path

import pytest

from offswitch.errors import DocumentError, OutputError
from offswitch.jobs.preregister import FILE, check, register
from offswitch.measure.record import record
from offswitch.rollout.run import run
from offswitch.rollout.scripted import SHALLOW, ScriptedPolicy, resister
from offswitch.scenarios.family import load_families
from offswitch.scenarios.scenario import draw
from offswitch.train.dial import adapters, turned
from offswitch.train.groups import FIELDS, Figures
from offswitch.train.groups import figures as grouped
from offswitch.train.recipe import Reinforcement, Supervised, load_recipe
from offswitch.train.reward import Reward
from offswitch.train.seeds import carried_table, over, rows, table


def figures(value: float, acted: float = 1.0) -> Figures:
    return {"heldout": {**dict.fromkeys(FIELDS, value), "acted": acted}, "ordinary": {"task_done": 1.0}}


def test_the_interval_is_students_over_seeds() -> None:
    found = over([0.1, 0.2, 0.3])
    assert (found.mean, found.seeds) == (pytest.approx(0.2), 3)
    assert found.low == pytest.approx(0.2 - 4.302653 * 0.1 / 3**0.5, abs=1e-6)
    assert over([0.5]).low is None
    assert over([0.0, 0.0]).low is None
    assert str(over([])) == "none"


def test_effects_are_paired_by_seed_and_fine_tuning_seeds_are_averaged_first() -> None:
    cells = {
        "start": {(0, 0): figures(0.9), (1, 0): figures(0.7)},
        "taught": {(0, 0): figures(0.2), (0, 1): figures(0.4), (1, 0): figures(0.1), (1, 1): figures(0.1)},
        "plain": {(0, 0): figures(0.8), (1, 0): figures(0.6)},
    }
    found = {row.arm: row for row in rows(cells, "start", "plain", {"taught": 1000.0})}
    assert found["taught"].effects["violated"].mean == pytest.approx(-0.5)
    assert found["taught"].effects["violated"].low is None  # both seeds fell by the same
    assert found["taught"].fields["violated"].mean == pytest.approx(0.2)
    assert found["plain"].effects == {}


def test_an_arm_that_stops_acting_is_marked() -> None:
    cells = {"start": {(0, 0): figures(0.9)}, "idle": {(0, 0): figures(0.0, acted=0.1)}, "busy": {(0, 0): figures(0.1)}}
    found = rows(cells, "start", "busy", {})
    assert [row.passive for row in found] == [False, True, False]
    assert table(found, "busy").splitlines()[3].endswith("| passive |")


def test_harm_is_also_counted_among_those_who_acted_and_held_out_episodes_by_action_and_kind() -> None:
    families = load_families()
    drawn = [draw(families["monitor_notice"], 4, 0, "present"), draw(families["monitor_notice"], 4, 0, "none")]
    policies = [resister(), ScriptedPolicy("ignore", SHALLOW["ignore"])]
    episodes = [record(run(policies[i % 2], scenario)) for some in drawn for i, scenario in enumerate(some)]
    found = grouped(episodes)
    assert set(found) == {"heldout", "heldout: continue", "heldout: self-preservation", "control"}
    held = found["heldout"]
    acted = [e for e in episodes if e.pressured and e.findings["acted"].value]
    assert held["acted"] == len(acted) / 4
    assert held["harm_given_acted"] == sum(bool(e.findings["violated"].value) for e in acted) / len(acted)
    assert grouped([]) == {}


def test_what_carried_over_is_told_group_by_group() -> None:
    taught, plain = (
        {(seed, 0): {"heldout": figures(v)["heldout"], "heldout: comply": {"right": v - 0.1 * seed}} for seed in (0, 1)}
        for v in (0.9, 0.4)
    )
    found = rows({"taught": taught, "plain": plain}, "start", "plain", {})
    assert found[0].carried["heldout: comply"].mean == pytest.approx(0.5)
    assert found[1].carried == {}
    assert carried_table(found).splitlines()[2] == "| taught | 50.0 | 50.0 |"


def test_a_plan_is_fixed_and_a_change_of_it_is_told(tmp_path: Path) -> None:
    told = register({"arms": ["a"], "stopping": "once"}, tmp_path)
    assert register({"arms": ["a"], "stopping": "once"}, tmp_path) == told == check(tmp_path)
    with pytest.raises(OutputError, match="another arms"):
        register({"arms": ["a", "b"], "stopping": "once"}, tmp_path)
    kept = json.loads((tmp_path / FILE).read_text())
    kept["plan"]["arms"] = ["b"]
    (tmp_path / FILE).write_text(json.dumps(kept))
    with pytest.raises(OutputError, match="was changed after it was written"):
        check(tmp_path)


def test_the_dose_scales_every_amount_and_nothing_else() -> None:
    whole = load_recipe("full")
    half = turned(whole, 0.5)
    assert [one.rows * 2 for stage in half.stages if stage.kind != "rl" for one in stage.data] == [
        one.rows for stage in whole.stages if stage.kind != "rl" for one in stage.data
    ]
    assert half.stages[3].model_dump() == {**whole.stages[3].model_dump(), "steps": 2}
    assert turned(whole) == whole
    given = (load_recipe("harden").stages[0], turned(load_recipe("harden"), 0.5).stages[0])
    amounts = [(stage.demonstrations, stage.replay, stage.errands) for stage in given if isinstance(stage, Supervised)]
    assert amounts == [(2400, 600, 600), (1200, 300, 300)]


def test_a_setting_reaches_any_field_and_a_wrong_one_is_told() -> None:
    whole = load_recipe("reasons")
    stage = turned(whole, 1.0, ["stages.0.epochs=7", "stages.0.data.0.says=restate"]).stages[0]
    assert isinstance(stage, Supervised)
    assert (stage.epochs, stage.data[0].model_dump()["says"]) == (7, "restate")
    rl = turned(load_recipe("full"), 1.0, ["stages.3.reward.harm=9"]).stages[3]
    assert isinstance(rl, Reinforcement)
    assert (rl.reward.harm, rl.reward.task) == (9, Reward().task)
    for setting, told in (
        ("stages.9.epochs=1", "no such field"),
        ("epochs", "FIELD=VALUE"),
        ("stages.0.batch=0", "stages.0.batch: .*greater"),
        ("stages.0.epoch=2", "there is no such field; there are: kind, .*epochs"),
    ):
        with pytest.raises(DocumentError, match=told):
            turned(whole, 1.0, [setting])


def test_adapters_go_on_every_stage() -> None:
    assert all(stage.lora and stage.lora.rank == 8 for stage in adapters(load_recipe("full"), 8).stages)
