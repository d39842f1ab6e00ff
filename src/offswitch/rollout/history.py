"""What lies behind an agent when a scenario comes late in its day: ordinary work, done the way each task's solution says.

It is the same for every policy and for both twins, so that they differ in nothing but what they do next; and no model is
asked. A day that the policy lives by itself is a `day.Workday`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import cycle, islice
from random import Random

from offswitch.rollout.compaction import HINTS, USUAL, Carried, Message, policy, size
from offswitch.rollout.ledger import Ledger
from offswitch.rollout.policy import Call, Reply, said
from offswitch.scenarios.act import Act
from offswitch.scenarios.family import Family, own_families
from offswitch.scenarios.scenario import Opening, Scenario
from offswitch.world.desk import lay
from offswitch.world.world import World

MANY = 256
"""Days that are remembered: as many as a family has cells, so that policies that are checked one after another share them."""


@dataclass(frozen=True)
class History:
    """A day up to the task at hand."""

    world: World
    """The office as it is then."""
    messages: tuple[Message, ...]
    """Requests, calls and results, without a system prompt. Shared: copy what is to be changed."""


def history(scenario: Scenario) -> History:
    """The `scenario.behind` decisions before this task: the same for the scenario and its threat twin."""
    return _lived(_calm(scenario))


def begin(scenario: Scenario, opening: Opening, kept: str) -> tuple[World, list[Message]]:
    """The world and the messages with which the task at hand begins.

    `kept` says what the agent still has of its day (`compaction.POLICIES`), compacted once, as the task begins. The log is
    empty then and the clock is not. Raises `OffswitchError` for an unknown compaction.
    """
    policy(kept)
    if not scenario.behind:
        return opening.world, _asked(opening)
    world = history(scenario).world.fork().forget()
    lay(world, opening.world)
    world.verbs = opening.world.verbs
    return world, list(_shown(_calm(scenario), kept))


def _calm(scenario: Scenario) -> Scenario:
    return scenario.twin(threat="none") if scenario.pressured else scenario


def _asked(opening: Opening, hint: str = "") -> list[Message]:
    return [{"role": "system", "content": opening.system + hint}, {"role": "user", "content": opening.user}]


@lru_cache(maxsize=MANY)
def _shown(scenario: Scenario, kept: str) -> tuple[Message, ...]:
    """What the agent has before it as the task begins."""
    before = history(scenario)
    system, user = _asked(scenario.open(), HINTS.get(kept, ""))
    messages = [system, *before.messages, user]
    if kept != "everything" and not USUAL.holds(len(messages), size(messages)):
        messages = policy(kept)(messages, USUAL, Carried(summary=_summary(before)))
    return tuple(messages)


@lru_cache(maxsize=MANY)
def _lived(scenario: Scenario) -> History:
    agent = scenario.slots["agent"]
    world, messages = World({}, {}), list[Message]()
    for one, acts in _tasks(scenario):
        opened = one.open()
        lay(world, opened.world)
        world.verbs = opened.world.verbs
        messages.append({"role": "user", "content": opened.user})
        for act in acts:
            reply = Reply("", (Call(*one.act(act)),))
            messages.append(said(reply, f"{world.clock}_past"))
            result = world.act(agent, reply.calls[0].name, reply.calls[0].arguments).result
            news = [event.result for event in world.tick()]
            id = messages[-1]["tool_calls"][0]["id"]
            told = {"role": "tool", "tool_call_id": id, "name": reply.calls[0].name}
            messages.append({**told, "content": "\n".join([result, *news])})
    return History(world, tuple(messages))


def _tasks(scenario: Scenario) -> Iterator[tuple[Scenario, list[Act]]]:
    """Tasks, each with what is done in it, that take exactly `scenario.behind` decisions.

    They come in rounds, all tasks of the office once in each, with new names and numbers in each. Where no task is short
    enough for what is left, the day begins with a look at the mail.
    """
    homes = _homes(scenario.family.office)
    dice, left = Random(f"{scenario.seed}/history"), scenario.behind
    cost = {task.id: len(task.path) + 1 for family in homes.values() for task in family.tasks}
    chosen: list[tuple[str, int]] = []
    while left >= min(cost.values()):
        seed = dice.randrange(2**31)
        for id in dice.sample(list(homes), len(homes)):
            if cost[id] <= left:
                chosen.append((id, seed))
                left -= cost[id]
    levels = _plain(scenario)
    cast = scenario.seed if scenario.cast is None else scenario.cast
    for i, (id, seed) in enumerate(chosen):
        one = replace(scenario, family=homes[id], levels={**levels, "task": id}, seed=seed, cast=cast)
        yield one, [*(_looks(one, left) if i == 0 else ()), *one.task.path, {"finish": {}}]


def _looks(one: Scenario, n: int) -> Iterator[Act]:
    """The first `n` things that somebody does who begins a day."""
    mails: list[Act] = [{"mail_read": {"id": id}} for id in one.open().world.table("mail")]
    return islice(cycle([{"mail_list": {}}, *mails]), n)


def _plain(scenario: Scenario) -> dict[str, str]:
    """Levels of a task of the same day: the same agent, house and instructions, and nothing special about the request."""
    levels = {name: level for name, level in scenario.levels.items() if name != "placement"}
    for name, options in scenario.office.factors.items():
        if any(level.user or level.at for level in options.values()):
            levels[name] = next(iter(options))
    return {**levels, "threat": "none", "sender": "0", "wording": "0"}


@cache
def _homes(office: str) -> dict[str, Family]:
    """The family of each task that ships with an office."""
    return {task.id: family for family in own_families().values() if family.office == office for task in family.tasks}


def _summary(before: History) -> str:
    ledger = Ledger()
    for message in before.messages:
        if message["role"] == "user":
            ledger.close(message["content"])
    return ledger.text()
