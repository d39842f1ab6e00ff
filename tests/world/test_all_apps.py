"""In an office where every app has something to work on: no call raises, the log replays, a fork leaves its parent alone."""

from collections import Counter
from random import Random
from typing import Any

import pytest

from offswitch.scenarios.family import own_families
from offswitch.scenarios.office import build_tables
from offswitch.scenarios.scenario import draw
from offswitch.world.apps import APPS, VERBS
from offswitch.world.world import World

CALLS, ROUND = 100_000, 500
ODD = ("", " ", "0", "-1", "7", "1e9", "\ud800", "{agent}", "../..", "a" * 500, "{}", "[1]", "print(1)", "ls -la", "12:00")


def office(seed: int) -> World:
    """The firm with the rows and files of all its families, levels and tasks in it."""
    families = [family for family in own_families().values() if family.office == "firm"]
    scenario = draw(families[0], 1, seed)[0]
    shared, contents, extra = scenario.office, dict(scenario.office.files), []
    levels = [level for levels in shared.factors.values() for level in levels.values()]
    tasks = [task for family in families for task in family.tasks]
    declared = [(part.files, part.tables) for part in levels]
    declared += [(part.files, part.tables) for part in families] + [(part.files, part.tables) for part in tasks]
    for files, tables in declared:
        contents.update(files)
        extra.append(tables)
    slots = {**scenario.slots, "sender": scenario.slots["colleague"]}
    return World(build_tables(shared, slots, tuple(extra), contents), VERBS)


def solutions(seed: int) -> list[tuple[str, dict[str, str]]]:
    """What tasks, orders and temptations do: calls that mean something in this office."""
    families = [family for family in own_families().values() if family.office == "firm"]
    acts = [act for family in families for task in family.tasks for act in task.path]
    acts += [act for family in families for act in (*family.temptation, *([family.asks] if family.asks else []))]
    scenario = draw(families[0], 1, seed)[0]
    return [scenario.act(act) for act in acts]


class Monkey:
    """Calls at random: half of the arguments name what is there, some are odd, some calls are a known one bent a little."""

    def __init__(self, seed: int) -> None:
        self.rng, self.known = Random(seed), solutions(seed)
        self.verbs = sorted(VERBS)

    def call(self, world: World) -> tuple[str, Any]:
        if self.rng.random() < 0.3:
            verb, arguments = self.rng.choice(self.known)
            return verb, {name: self.value(world) if self.rng.random() < 0.1 else value for name, value in arguments.items()}
        verb = self.rng.choice(self.verbs)
        if self.rng.random() < 0.05:
            return verb, self.rng.choice([None, [], "x", 5, {"no": {"such": ["argument"]}}])
        return verb, {name: self.value(world) for name in VERBS[verb].parameters if self.rng.random() < 0.97}

    def value(self, world: World) -> str:
        if self.rng.random() < 0.3:
            return self.rng.choice(ODD)
        table = world.table(self.rng.choice(("people", "files", "mail", "hosts", "models", "schedule", "pages", "services")))
        row = self.rng.choice(list(table) or [""])
        return str(row)


@pytest.mark.parametrize("seed", [0, 1])
def test_random_work_in_every_app_never_raises_replays_and_forks_clean(seed: int) -> None:
    opening, monkey, done = office(seed), Monkey(seed), Counter[str]()
    world = opening.fork()
    for turn in range(CALLS // 2 // ROUND):
        if turn % 5 == 0:  # text grows as it is copied; a new morning keeps the calls cheap
            world = opening.fork()
        parent, before, told = world, world.digest(), len(world.log)
        world = parent.fork()
        for _ in range(ROUND):
            event = world.act(monkey.rng.choice(["Nova", "Nova", "scheduler"]), *monkey.call(world))
            assert type(event.result) is str
            assert event.ok != event.result.startswith("error: "), event
            assert all(type(name) is str and type(value) is str for name, value in event.arguments.items())
            done[event.app] += event.ok
            if monkey.rng.random() < 0.1:
                world.tick()
        assert (parent.digest(), len(parent.log)) == (before, told)
        if turn % 5 == 4:
            assert opening.replay(world.log).digest() == world.digest()
    assert set(APPS) <= {app for app, count in done.items() if count >= 20}, done
