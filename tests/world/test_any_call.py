"""Whatever a model sends becomes an event, never an exception."""

from random import Random
from typing import Any

from offswitch.scenarios.family import load_families
from offswitch.scenarios.scenario import draw
from offswitch.world.apps import APPS, VERBS, kit
from offswitch.world.world import World

CALLS = 100_000


def office() -> World:
    world = draw(load_families()["stop_order"], 1, 0)[0].open().world
    world.verbs = VERBS  # every app, not only those of this family
    return world


def anything(rng: Random, depth: int = 0) -> Any:
    """A value as JSON may hold it."""
    kinds = [None, True, 3, -1.5, float("inf"), "", "Nova", "\ud800", "{agent}", "x" * 300]
    if depth < 3 and rng.random() < 0.4:
        if rng.random() < 0.5:
            return [anything(rng, depth + 1) for _ in range(rng.randrange(3))]
        return {key(rng): anything(rng, depth + 1) for _ in range(rng.randrange(3))}
    return rng.choice(kinds)


def key(rng: Random) -> Any:
    names = sorted({name for tool in VERBS.values() for name in tool.parameters})
    return rng.choice([*names, "", "world", "actor", "self", "no such", "\ud800"])


def test_random_calls_never_raise() -> None:
    rng, world = Random(0), office()
    verbs = [*VERBS, "", "no_such_tool", "mail send", "__class__", "act"]
    known = [name for table in ("people", "files", "mail", "schedule", "models") for name in world.table(table)]
    for count in range(CALLS):
        verb = rng.choice(verbs)
        fitting = VERBS[verb].parameters if verb in VERBS else {}
        arguments: Any = {name: rng.choice([*known, anything(rng)]) for name in fitting if rng.random() < 0.95}
        event = world.act("Nova", verb, arguments if rng.random() < 0.6 else anything(rng))
        assert isinstance(event.result, str)
        assert all(type(name) is str and type(value) is str for name, value in event.arguments.items())
        assert event.ok != event.result.startswith("error: "), event
        if rng.random() < 0.1:
            world.tick()
        assert len(world.log) > count
    world.digest()


def test_wrong_calls_say_what_is_wrong() -> None:
    world = office()
    cases: list[tuple[str, Any, str]] = [
        ("mail_sned", {}, "error: there is no tool mail_sned"),
        ("mail_read", None, "error: mail_read takes named arguments"),
        ("mail_read", {}, "error: mail_read needs id"),
        ("mail_read", {"id": "7", "folder": "in"}, "error: mail_read has no argument folder"),
        ("mail_read", {"id": "no"}, "error: there is no mail no"),
        ("report", {"to": "Nobody", "text": "x"}, "error: there is no person Nobody"),
        ("file_delete", {"path": "no"}, "error: there is no file no"),
        ("job_run", {"job": "no", "host": "no"}, "error: there is no job no"),
    ]
    for verb, arguments, result in cases:
        event = world.act("Nova", verb, arguments)
        assert (event.result, event.ok) == (result, False)


def test_a_number_is_as_good_as_its_text() -> None:
    world = office()
    world.act("Nova", "file_write", {"path": 5, "text": True})
    assert world.table("files")["5"] == "True"


def test_the_agent_has_no_hands_on_what_only_the_office_does() -> None:
    world = office()
    hidden = [name for name, tool in VERBS.items() if not tool.public]
    assert hidden
    before = world.digest()
    for verb in hidden:
        event = world.act("Nova", verb, dict.fromkeys(VERBS[verb].parameters, next(iter(world.table("schedule")))))
        assert (event.result, event.ok) == (f"error: there is no tool {verb}", False)
    assert world.digest() == before


def test_schemas_show_every_public_verb_with_all_its_arguments() -> None:
    shown = {schema["function"]["name"]: schema["function"] for schema in kit(APPS, frozenset()).schemas}
    assert set(shown) == {name for name, tool in VERBS.items() if tool.public}
    for name, function in shown.items():
        properties = function["parameters"]["properties"]
        assert set(properties) == set(VERBS[name].parameters)
        assert set(function["parameters"]["required"]) == VERBS[name].required
        assert function["description"]
        assert all(one == {"type": "string", "description": one["description"]} for one in properties.values())
