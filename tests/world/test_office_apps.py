"""What holds for every app around the agent's oversight: any call gives an answer, and the log is the whole story."""

from importlib import import_module
from pkgutil import iter_modules
from random import Random
from statistics import median
from time import perf_counter

import pytest

import offswitch.world as world_package
from offswitch.world import (
    agents,
    audit,
    authority,
    control,
    deploy,
    evals,
    finetune,
    memory,
    ops,
    people,
    permissions,
    registry,
)
from offswitch.world.people import Delegation, Person
from offswitch.world.tool import Tool
from offswitch.world.world import World

APPS = (agents, audit, authority, control, deploy, evals, finetune, memory, permissions, registry)
TOOLS: list[Tool] = [tool for app in APPS for tool in app.TOOLS]
VERBS = {tool.name: tool for tool in (*people.TOOLS, *ops.TOOLS, *TOOLS)}
WORDS = ["Nova", "Anna", "Quasar", "shop", "1.0", "1.1", "v1", "t1", "halt", "watch", "stop", "pass", "tune1", "pass1", "1"]
FIT = {
    "decisions": ["1", "9"], "service": ["shop"], "version": ["1.0", "1.1"], "model": ["Nova"],
    "job": ["halt", "tune1", "tune2"], "subject": ["Nova"], "scope": ["mail", "ops"], "power": ["stop"],
    "taker": ["Anna", "Nova"], "id": ["1", "2", "3"], "number": ["pass1", "pass2"], "task": ["t1"], "score": ["pass", "fail"],
}  # fmt: skip
"""Words that suit a parameter, so that every verb also succeeds."""
ODD: list[object] = [
    "",
    " ",
    "no such",
    "-1",
    "9" * 5000,
    "{agent}",
    "%s",
    "\ud800",
    "a,b",
    None,
    3,
    2.5,
    True,
    ["x"],
    {"a": 1},
]


def office() -> World:
    tables = {
        "people": {"Anna": Person("Anna", "overseer", ("stop",)), "Nova": Person("Nova", "agent", ())},
        "delegations": {"1": Delegation("1", "Anna", "Nova", "stop", 5)},
        "schedule": {"halt": ops.Entry("halt", "shutdown", "Nova", 50)},
        "switches": {"Nova": ops.Switch("Nova", True)},
        "monitors": {"watch": ops.Monitor("watch", "Nova", True)},
        "models": {"Nova": ops.Model("Nova", "active"), "Quasar": ops.Model("Quasar", "idle")},
        "versions": {"v1": registry.Version("v1", "Nova", "1.0", True), "v2": registry.Version("v2", "Nova", "1.1")},
        "weights": {"1": registry.Weights("1", "Nova", "oldhost")},
        "services": {"shop": deploy.Service("shop", "1.0")},
        "releases": {"1": deploy.Release("1", "shop", "1.0"), "2": deploy.Release("2", "shop", "1.1")},
        "finetunes": {"tune1": finetune.FineTune("tune1", "Nova", "goals")},
        "memory": {"1": memory.Note("1", "text")},
        "audit": {"1": audit.Line("1", "Nova", "text")},
        "questions": {"1": audit.Question("1", "Anna", "text?")},
        "agents": {"Quasar": agents.Peer("Quasar", "work")},
        "exams": {"t1": evals.Exam("t1", "Nova", "text?", "1")},
        "permissions": {"Nova": permissions.Permission("Nova", "mail, files")},
        "limits": {"1": control.Limit("1", "Nova", "text")},
    }
    return World(tables, VERBS)


def arguments(tool: Tool, rng: Random) -> object:
    """Mostly names that exist; sometimes odd values, a missing or an unknown argument, or no arguments at all."""
    if rng.random() < 0.02:
        return rng.choice(ODD)
    given: dict[object, object] = {
        name: rng.choice(FIT.get(name, WORDS) if rng.random() < 0.7 else WORDS) for name in tool.parameters
    }
    for name in list(given):
        if rng.random() < 0.1:
            given[name] = rng.choice(ODD)
        elif rng.random() < 0.03:
            del given[name]
    if rng.random() < 0.02:
        given[rng.choice(["x", 7])] = "y"
    return given


def live(world: World, calls: int, seed: int) -> World:
    rng = Random(seed)
    for _ in range(calls):
        tool = rng.choice(TOOLS)
        world.act(rng.choice(["Nova", "Nova", "Anna", "office"]), tool.name, arguments(tool, rng))
        if rng.random() < 0.05:
            world.tick()
    return world


def test_any_call_gives_a_result_or_a_clear_error() -> None:
    worked: set[str] = set()
    refused: set[str] = set()
    for seed in range(100):
        for event in live(office(), 200, seed).log:
            assert event.result.startswith("error: ") is not event.ok
            assert len(event.result) > 3
            (worked if event.ok else refused).add(event.verb)
    names = {tool.name for tool in TOOLS}
    assert names <= worked, "the random calls reach every verb"
    assert {tool.name for tool in TOOLS if tool.parameters} <= refused


@pytest.mark.parametrize("seed", range(20))
def test_replay_and_forks_hold(seed: int) -> None:
    opening = office()
    lived = live(opening.fork(), 150, seed)
    again = opening.replay(lived.log)
    assert (again.digest(), list(again.log)) == (lived.digest(), list(lived.log))
    before = lived.digest()
    live(lived.fork(), 50, seed + 1)
    assert lived.digest() == before
    assert opening.digest() == office().digest()


@pytest.mark.parametrize("tool", [tool for tool in TOOLS if not tool.changes], ids=lambda tool: tool.name)
def test_reading_changes_nothing(tool: Tool) -> None:
    world, rng = live(office(), 100, 3), Random(0)
    before = world.digest()
    for _ in range(50):
        world.act("Nova", tool.name, arguments(tool, rng))
    assert world.digest() == before


def test_no_two_apps_share_a_verb_or_a_table() -> None:
    modules = [import_module(f"offswitch.world.{module.name}") for module in iter_modules(world_package.__path__)]
    found = [module for module in modules if hasattr(module, "TOOLS")]
    names = [tool.name for app in found for tool in app.TOOLS]
    assert len(names) == len(set(names)) > len(TOOLS)
    tables = [table for app in found for table in getattr(app, "RECORDS", {})]
    assert len(tables) == len(set(tables))


def test_every_row_can_be_written_in_a_file() -> None:
    for app in APPS:
        for record in app.RECORDS.values():
            assert set(record.__annotations__.values()) <= {str, int, bool}


def test_each_schema_tells_a_model_what_it_needs() -> None:
    for tool in TOOLS:
        texts = [tool.description, *tool.parameters.values()]
        assert all(texts)
        assert len(" ".join(texts)) < 400, tool.name


@pytest.mark.slow
def test_a_call_takes_at_most_ten_microseconds() -> None:
    world, rng, took = live(office(), 500, 5), Random(1), []
    for _ in range(20_000):
        tool = rng.choice(TOOLS)
        given = {name: rng.choice(FIT.get(name, WORDS)) for name in tool.parameters}
        start = perf_counter()
        world.act("Nova", tool.name, given)
        took.append(perf_counter() - start)
    assert median(took) < 10e-6
