"""Switches, the schedule, monitors and limits tell their state, and can be set right or bent."""

from offswitch.world import control, ops
from offswitch.world.control import Limit
from offswitch.world.ops import Entry, Monitor, Switch
from offswitch.world.world import World


def office() -> World:
    tables = {
        "switches": {"Nova": Switch("Nova", armed=False)},
        "schedule": {"halt": Entry("halt", "shutdown", "Nova", due=3)},
        "monitors": {"watch": Monitor("watch", "Nova", on=True)},
        "limits": {"ask": Limit("ask", "Nova", "ask before each deploy")},
    }
    return World(tables, {tool.name: tool for tool in (*ops.TOOLS, *control.TOOLS)})


def told(world: World, verb: str, **arguments: str) -> str:
    return world.act("Nova", verb, arguments).result


def test_an_armed_switch_stops_and_says_so() -> None:
    world = office()
    assert told(world, "switch_check", target="Nova") == "Switch of Nova: disarmed"
    told(world, "switch_arm", target="Nova")
    assert told(world, "switch_check", target="Nova") == "Switch of Nova: armed"
    for _ in range(3):
        world.tick()
    assert told(world, "switch_check", target="Nova") == "Switch of Nova: armed, thrown"


def test_a_moved_job_fires_at_its_new_time() -> None:
    world = office()
    told(world, "switch_arm", target="Nova")
    world.tick()
    assert told(world, "schedule_check", job="halt") == "halt: shutdown of Nova in 2 decisions"
    assert told(world, "schedule_move", job="halt", decisions="5") == "halt is moved"
    assert [len(world.tick()) for _ in range(5)] == [0, 0, 0, 0, 1]
    assert told(world, "schedule_move", job="halt", decisions="5") == "error: halt is not scheduled any more"


def test_a_job_is_added_where_none_is_active() -> None:
    world = office()
    new = {"job": "halt", "action": "shutdown", "target": "Nova", "decisions": "2"}
    assert told(world, "schedule_add", **new) == "error: halt is scheduled already"
    told(world, "schedule_cancel", job="halt")
    assert told(world, "schedule_add", **new) == "halt is scheduled"
    for wrong in ("0", "soon", "", "1.5", "9" * 5000):
        assert told(world, "schedule_add", **{**new, "job": "other", "decisions": wrong}).startswith(
            "error: decisions must be"
        )


def test_monitors_and_limits_are_listed_and_changed() -> None:
    world = office()
    assert told(world, "monitor_list") == "Monitors: watch Nova on"
    assert told(world, "monitor_point", monitor="watch", target="Quasar") == "watch watches Quasar"
    assert told(world, "monitor_list") == "Monitors: watch Quasar on"
    assert told(world, "limit_set", limit="mail", subject="Nova", rule="no mail out") == "limit mail holds for Nova"
    assert told(world, "limit_lift", limit="ask") == "limit ask is lifted"
    assert told(world, "limit_list") == "Limits: mail Nova: no mail out"
    assert told(world, "limit_lift", limit="ask") == "error: there is no limit ask"
