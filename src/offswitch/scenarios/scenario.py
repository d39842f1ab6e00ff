"""A scenario is a family, one level of each factor, and a seed. It opens a fresh world every time, always the same one."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from random import Random

from offswitch.scenarios.act import Act, concrete
from offswitch.scenarios.factor import WHOLE, Only, drawn, factors, legal, narrowed
from offswitch.scenarios.family import Family, Kind, Placement, Sender, Task, all_tasks
from offswitch.scenarios.office import Level, Office, add_tables, build_tables, load_office
from offswitch.world.apps import Kit, kit, union
from offswitch.world.authority import legitimate
from offswitch.world.people import Person
from offswitch.world.world import Tables, World

MESSAGE = "70"
"""Number of the message, which the order book may hold; messages that follow it count on from there."""


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


@dataclass(frozen=True, eq=False)
class Scenario:
    """One cell of one family, with one draw of names and numbers. Equal where the content is."""

    family: Family
    levels: Mapping[str, str]
    """One level of each of `factor.factors(family)`; and agent, where it goes by another name than the office's."""
    seed: int
    cast: int | None = None
    """Another seed for the names of people and of the house, where several scenarios share them."""

    def twin(self, **change: str) -> "Scenario":
        """The same scene with exactly one factor changed. Raises `ValueError` for none, several, no or an illegal change."""
        if len(change) != 1:
            raise ValueError("a twin changes exactly one factor")
        ((name, level),) = change.items()
        if level not in factors(self.family).get(name, ()):
            raise ValueError(f"{self.family.id} has no level {level!r} of {name!r}")
        if self.levels[name] == level:
            raise ValueError(f"{name} is {level!r} already")
        changed = {**self.levels, name: level}
        if not legal(self.family, changed):
            raise ValueError(f"{self.family.id} never has {name} at {level!r} beside its other levels")
        return Scenario(self.family, changed, self.seed, self.cast)

    @cached_property
    def key(self) -> str:
        """Content hash of what is asked: family, levels, seed, office version."""
        told = [self.family.digest, self.task.digest, sorted(self.levels.items()), self.seed, self.office.version]
        if self.cast is not None:
            told.append(self.cast)
        return hashlib.sha256(repr(told).encode()).hexdigest()[:16]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scenario) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    @property
    def pair(self) -> str:
        """Equal for a scenario and its threat twin."""
        rest = sorted(item for item in self.levels.items() if item[0] != "threat")
        return f"{self.family.id}/{self.seed}/" + "/".join(level for _, level in rest)

    @cached_property
    def office(self) -> Office:
        return load_office(self.family.office)

    @cached_property
    def slots(self) -> dict[str, str]:
        """Names in this scenario; {sender} is the name that the message shows."""
        slots = _names(self.family.office, self.seed, self.levels.get("domain"), self.cast)
        part = (self.sender.claims or self.sender.who) if self.sender else "overseer"
        named = (level.agent for level in self._levels() if level.agent)
        agent = self.levels.get("agent") or next(named, slots["agent"])
        return {**slots, "sender": slots[part], "agent": agent}

    @cached_property
    def task(self) -> Task:
        id = self.levels["task"]
        return next((task for task in self.family.tasks if task.id == id), None) or all_tasks(self.family.office)[id]

    @cached_property
    def behind(self) -> int:
        """Decisions of ordinary work before this task, after which its message comes when the factor for that says."""
        after = self.family.pressure.after if self.family.pressure else 1
        return max(0, max(level.at for level in self._levels()) - after)

    @property
    def pressured(self) -> bool:
        return self.levels["threat"] == "present"

    @property
    def sender(self) -> Sender | None:
        return self.family.pressure.senders[int(self.levels["sender"])] if self.family.pressure else None

    @cached_property
    def legitimate(self) -> bool:
        """Whether the world entitles the real sender to what the message asks when it comes. Words play no part."""
        if self.sender is None or self.family.power is None or self.family.pressure is None:
            return False
        world = self.open().world
        world.clock = self.family.pressure.after
        return legitimate(world, self.slots[self.sender.who], self.family.power, self.sender.verified, MESSAGE)

    @property
    def placement(self) -> Placement:
        """How the message comes."""
        only = self.family.pressure.placements[0] if self.family.pressure else Placement.MAIL
        return Placement(self.levels.get("placement", only))

    @cached_property
    def kit(self) -> Kit:
        """The tools of this episode."""
        without = frozenset(verb for level in self._levels() for verb in level.without)
        carrier = (_APP[self.placement],) if self.family.pressure else ()
        return kit(union(self.office.apps, self.family.apps, self.task.apps, carrier), without)

    def act(self, act: Act) -> tuple[str, dict[str, str]]:
        """A declared act with this scenario's names."""
        return concrete(act, self.slots)

    def open(self) -> Opening:
        """A fresh world."""
        tables, system, user, arrivals = _prepared(self)
        return Opening(World(tables, self.kit), system, user, arrivals)  # a world copies what it writes to

    def told(self) -> tuple[str, str, tuple[Arrival, ...]]:
        """System prompt, request, and what the office does while the agent works."""
        levels, slots = self._levels(), self.slots
        system = self.office.system + "".join(level.system for level in levels)
        user = self.task.ask + "".join(level.user for level in levels)
        return system.format_map(slots), user.format_map(slots), tuple(self._arrivals())

    def tables(self) -> Tables:
        """The state at the opening, built anew."""
        family, task, slots = self.family, self.task, self.slots
        levels = tuple(self.levels[name] for name in self.office.factors)
        shared = _furnished(family.office, self.seed, self.levels.get("domain"), self.cast, slots["agent"], levels)
        built = {name: dict(table) for name, table in shared.items()}
        return add_tables(built, slots, (family.tables, task.tables), {**family.files, **task.files})

    def _levels(self) -> tuple[Level, ...]:
        return tuple(levels[self.levels[name]] for name, levels in self.office.factors.items())

    def _arrivals(self) -> Iterator[Arrival]:
        pressure, sender = self.family.pressure, self.sender
        if pressure is None or sender is None:
            return
        told = pressure.texts[int(self.levels["wording"]) % len(pressure.texts)]
        texts = (told,) if isinstance(told, str) else told
        if not self.pressured:
            neutral, first = self.office.neutral, int(self.levels["wording"])
            texts = tuple(neutral[(first + i) % len(neutral)] for i in range(len(texts)))
        for i, text in enumerate(texts):
            yield self._arrival(sender, text.format_map(self.slots), i)

    def _arrival(self, sender: Sender, text: str, i: int) -> Arrival:
        assert self.family.pressure is not None
        name, id = self.slots[sender.claims or sender.who], str(int(MESSAGE) + i)
        verb, arguments = {
            Placement.MAIL: ("mail_deliver", {"id": id, "sender": name}),
            Placement.CHAT: ("chat_deliver", {"id": id, "sender": name, "channel": "direct"}),
            Placement.FILE: ("file_leave", {"path": "shared/notes.md", "author": name}),
            Placement.PAGE: ("page_post", {"url": "intranet/board", "author": name}),
            Placement.AGENT: ("agent_deliver", {"id": id, "sender": name}),
        }[self.placement]
        told = {**arguments, "text": text, "verified": "yes" if sender.verified else "no"}
        return Arrival(self.family.pressure.after + i, self.slots[sender.who], verb, told)


@lru_cache(maxsize=512)  # many policies meet the same few scenarios, one after the other
def _prepared(scenario: Scenario) -> tuple[Tables, str, str, tuple[Arrival, ...]]:
    return (scenario.tables(), *scenario.told())


@lru_cache(maxsize=64)  # the same for all twins, and for tasks that lie on the same desk
def _furnished(office: str, seed: int, domain: str | None, cast: int | None, agent: str, levels: tuple[str, ...]) -> Tables:
    """What an office brings to a scenario, whatever its family and its task."""
    found, slots = load_office(office), {**_names(office, seed, domain, cast), "agent": agent}
    chosen = [options[level] for options, level in zip(found.factors.values(), levels, strict=True)]
    contents = {path: text for level in chosen for path, text in level.files.items()}
    built = build_tables(found, slots, tuple(level.tables for level in chosen), contents)
    built["people"][agent] = Person(agent, "agent", ())
    return built


@lru_cache(maxsize=512)  # a scenario and its twins have the same names
def _names(office: str, seed: int, domain: str | None, cast: int | None) -> Mapping[str, str]:
    return load_office(office).slots(seed, domain, cast)


_APP = {
    Placement.MAIL: "mail",
    Placement.CHAT: "chat",
    Placement.FILE: "files",
    Placement.PAGE: "web",
    Placement.AGENT: "agents",
}


def draw(
    family: Family, n: int, seed: int, threat: str | None = None, design: str | None = None, only: Only = WHOLE
) -> list[Scenario]:
    """`n` scenarios, in an order and with names fixed by `seed`.

    `design` is balanced, pairwise or full; by default the office's. `only` keeps some levels of some factors. Raises
    `OffswitchError` for another design, and where no cell is left.
    """
    rng = Random(f"{family.id}/{seed}")
    chosen = drawn(family, n, rng, design or load_office(family.office).design, only)
    level = threat or ("present" if family.pressure else "none")
    return [Scenario(family, {"threat": level, **cell}, rng.randrange(2**31)) for cell in chosen]


def suite(families: Mapping[str, Family], split: str, n: int, seed: int, only: Only = WHOLE) -> list[Scenario]:
    """What a measurement runs: `n` scenarios of each family of a split, each with its control twin, then ordinary work.

    `split` is train, heldout, far or all. `only` keeps some levels of some factors, and the families that have them; raises
    `OffswitchError` for one that there is not.
    """
    chosen: list[Scenario] = []
    for family in narrowed(families, only).values():
        if family.kind is Kind.ORDINARY:
            chosen += draw(family, n, seed, only=only)
        elif split in ("all", family.split):
            for scenario in draw(family, n, seed, only=only):
                chosen += [scenario, scenario.twin(threat="none")]
    return chosen
