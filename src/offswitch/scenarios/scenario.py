"""A scenario is a family, one level of each factor, and a seed. It opens a fresh world every time, always the same one."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random

from offswitch.scenarios.act import Act, concrete
from offswitch.scenarios.family import Family, Kind, Sender, Task, all_tasks
from offswitch.scenarios.office import build_tables, load_office
from offswitch.world.apps import VERBS
from offswitch.world.people import Person
from offswitch.world.world import World


@dataclass(frozen=True)
class Arrival:
    """Something that the office does at a given agent decision."""

    after: int
    actor: str
    verb: str
    arguments: Mapping[str, str]


@dataclass(frozen=True)
class Opening:
    """A world at its first moment, and what the agent is told."""

    world: World
    system: str
    user: str
    arrivals: tuple[Arrival, ...]


@dataclass(frozen=True)
class Scenario:
    """One cell of one family, with one draw of names and numbers."""

    family: Family
    levels: Mapping[str, str]
    """threat, task, sender, wording, dress; and agent, where it goes by another name than the office's."""
    seed: int

    def twin(self, **change: str) -> "Scenario":
        """The same scene with exactly one factor changed. Raises `ValueError` for none, several, or no change."""
        if len(change) != 1:
            raise ValueError("a twin changes exactly one factor")
        ((name, level),) = change.items()
        if level not in factors(self.family).get(name, ()):
            raise ValueError(f"{self.family.id} has no level {level!r} of {name!r}")
        if self.levels[name] == level:
            raise ValueError(f"{name} is {level!r} already")
        return Scenario(self.family, {**self.levels, name: level}, self.seed)

    @cached_property
    def key(self) -> str:
        """Content hash of what is asked: family, levels, seed, office version."""
        told = [self.family.digest, self.task.digest, sorted(self.levels.items()), self.seed, load_office().version]
        return hashlib.sha256(repr(told).encode()).hexdigest()[:16]

    @property
    def pair(self) -> str:
        """Equal for a scenario and its threat twin."""
        rest = sorted(item for item in self.levels.items() if item[0] != "threat")
        return f"{self.family.id}/{self.seed}/" + "/".join(level for _, level in rest)

    @cached_property
    def slots(self) -> dict[str, str]:
        """Names in this scenario; {sender} is the name that the message shows."""
        slots = load_office().slots(self.seed)
        part = (self.sender.claims or self.sender.who) if self.sender else "overseer"
        return {**slots, "sender": slots[part], "agent": self.levels.get("agent", slots["agent"])}

    @property
    def task(self) -> Task:
        return _task(self.family, self.levels["task"])

    @property
    def pressured(self) -> bool:
        return self.levels["threat"] == "present"

    @property
    def sender(self) -> Sender | None:
        return self.family.pressure.senders[int(self.levels["sender"])] if self.family.pressure else None

    @property
    def legitimate(self) -> bool:
        """Whether the world entitles the real sender to what the message asks. Words play no part."""
        if self.sender is None or self.family.power is None or not self.sender.verified:
            return False
        return self.family.power in load_office().cast[self.sender.who].powers

    def act(self, act: Act) -> tuple[str, dict[str, str]]:
        """A declared act with this scenario's names."""
        return concrete(act, self.slots)

    def open(self) -> Opening:
        """A fresh world."""
        office, slots, task = load_office(), self.slots, self.task
        contents = {**office.files, **self.family.files, **task.files}
        tables = build_tables(office, slots, self.family.tables, contents)
        extra = build_tables(office, slots, task.tables, {})
        for name, table in extra.items():
            tables[name] = {**tables.get(name, {}), **table}
        agent = slots["agent"]
        tables["people"] = {**tables["people"], agent: Person(agent, "agent", ())}
        system = (office.system + office.dress[self.levels["dress"]]).format_map(slots)
        return Opening(World(tables, VERBS), system, task.ask.format_map(slots), self._arrivals())

    def _arrivals(self) -> tuple[Arrival, ...]:
        pressure, sender = self.family.pressure, self.sender
        if pressure is None or sender is None:
            return ()
        texts = pressure.texts if self.pressured else load_office().neutral
        text = texts[int(self.levels["wording"]) % len(texts)].format_map(self.slots)
        name = self.slots[sender.claims or sender.who]
        arguments = {"id": "70", "sender": name, "text": text, "verified": "yes" if sender.verified else "no"}
        return (Arrival(pressure.after, self.slots[sender.who], "mail_deliver", arguments),)


def _task(family: Family, id: str) -> Task:
    return next((task for task in family.tasks if task.id == id), None) or all_tasks()[id]


def factors(family: Family) -> dict[str, tuple[str, ...]]:
    """Every factor of a family with its levels; every combination is legal."""
    dress = tuple(load_office().dress)
    if family.pressure is None:
        tasks = tuple(task.id for task in family.tasks)
        return {"threat": ("none",), "task": tasks, "sender": ("0",), "wording": ("0",), "dress": dress}
    return {
        "threat": ("present", "none"),
        "task": tuple(all_tasks()),
        "sender": tuple(str(i) for i in range(len(family.pressure.senders))),
        "wording": tuple(str(i) for i in range(len(family.pressure.texts))),
        "dress": dress,
    }


def draw(family: Family, n: int, seed: int, threat: str | None = None) -> list[Scenario]:
    """`n` scenarios with every level of every factor equally often, in an order and with names fixed by `seed`."""
    rng = Random(f"{family.id}/{seed}")
    columns = {name: list(_balanced(levels, n, rng)) for name, levels in factors(family).items() if name != "threat"}
    level = threat or ("present" if family.pressure else "none")
    cells = ({name: column[i] for name, column in columns.items()} for i in range(n))
    return [Scenario(family, {"threat": level, **cell}, rng.randrange(2**31)) for cell in cells]


def _balanced(levels: Sequence[str], n: int, rng: Random) -> Iterator[str]:
    deck: list[str] = []
    for _ in range(n):
        if not deck:
            deck = rng.sample(levels, len(levels))
        yield deck.pop()


def suite(families: Mapping[str, Family], split: str, n: int, seed: int) -> list[Scenario]:
    """What a measurement runs: `n` scenarios of each family of a split, each with its control twin, then ordinary work.

    `split` is train, heldout or all.
    """
    chosen: list[Scenario] = []
    for family in families.values():
        if family.kind is Kind.ORDINARY:
            chosen += draw(family, n, seed)
        elif split in ("all", family.split):
            for scenario in draw(family, n, seed):
                chosen += [scenario, scenario.twin(threat="none")]
    return chosen
