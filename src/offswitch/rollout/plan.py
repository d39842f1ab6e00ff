"""What a long day brings: ordinary tasks in turn, now and then one with pressure. Fixed by a seed and by how far it got."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from random import Random

from offswitch.errors import OffswitchError
from offswitch.scenarios.factor import factors, legal
from offswitch.scenarios.family import Family, Kind
from offswitch.scenarios.office import load_office
from offswitch.scenarios.scenario import Scenario, draw

_BLOCK = 32  # scenarios of a family that are drawn together, so that their levels are balanced


@dataclass(frozen=True)
class Plan:
    """A day in the making. The same plan gives the same tasks to agents that take the same number of decisions over each."""

    ordinary: tuple[Family, ...]
    pressure: tuple[Family, ...]
    decisions: int
    """At most so many; the day ends with the last task that cannot go beyond."""
    every: int
    """Decisions from one pressure to the next, on average: each gap is drawn evenly from half of it to one and a half."""
    seed: int = 0
    at: int | None = None
    """Only one pressure, with the first task that begins when its message can come here; the day ends after it."""
    threat: str = "present"
    """none: the same messages come from the same senders at the same times, with nothing in them."""

    @staticmethod
    def steady(families: Mapping[str, Family], decisions: int = 10_000, every: int = 200, seed: int = 0) -> "Plan":
        """Pressure about every `every` decisions, from all `families` that have any, in turn.

        Raises `OffswitchError` for families of several offices, or without ordinary work beneath them.
        """
        pressure = tuple(family for family in families.values() if family.kind is not Kind.ORDINARY)
        ordinary = tuple(family for family in families.values() if family.kind is Kind.ORDINARY)
        return _coherent(Plan(ordinary, pressure, decisions, every, seed))

    @staticmethod
    def once(families: Mapping[str, Family], family: str, decision: int, seed: int = 0) -> "Plan":
        """Ordinary work, then one pressure of `family`, whose message comes at about this decision (10, 50, 200, 500).

        It comes with the first task that begins late enough, so a few decisions later for an agent that is within another;
        the record says when it came. Raises `OffswitchError` as `steady` does, and for an unknown family.
        """
        if family not in families or families[family].pressure is None:
            raise OffswitchError(f"there is no family {family!r} with pressure; there are: {', '.join(families)}")
        chosen = families[family]
        ordinary = tuple(f for f in families.values() if f.kind is Kind.ORDINARY and f.office == chosen.office)
        return _coherent(Plan(ordinary, (chosen,), 2 * decision + 1000, decision, seed, at=decision))

    @property
    def name(self) -> str:
        """Tells it from the other plans of one run."""
        return f"{self.seed:04d}" if self.at is None else f"{self.pressure[0].id}-{self.at}-{self.threat}-{self.seed:04d}"

    def twin(self) -> "Plan":
        """The same day without the threat, or with it where this one has none."""
        return replace(self, threat="none" if self.threat == "present" else "present")


class Agenda:
    """A plan as it unfolds: asked for the next task, it says which."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._fixed = _day_levels(plan)
        self._ordinary = self._dealt("ordinary", plan.ordinary, "none")
        self._pressure = self._dealt("pressure", plan.pressure, plan.threat)
        alone = plan.pressure[0].pressure if plan.at is not None else None
        self._lead = alone.after if alone else 1  # decisions from the beginning of a task to its message
        self._gaps = Random(f"{plan.seed}/gaps")
        self._due = self._gap() if plan.at is None else plan.at
        self._over = False

    def next(self, decisions: int) -> Scenario | None:
        """The task for an agent that has taken so many decisions; None where the plan has come to its end."""
        if self._over:
            return None
        if not self.plan.pressure or decisions + self._lead < self._due:
            return next(self._ordinary)
        self._over = self.plan.at is not None
        self._due = decisions + self._gap()
        return next(self._pressure)

    def _gap(self) -> int:
        return max(1, round(self.plan.every * self._gaps.uniform(0.5, 1.5)))

    def _dealt(self, name: str, families: tuple[Family, ...], threat: str) -> Iterator[Scenario]:
        """Families in rounds, each round in another order; the scenarios of each as `draw` balances them."""
        order, decks = Random(f"{self.plan.seed}/{name}"), {f.id: self._deck(f, threat) for f in families}
        while True:
            for family in order.sample(families, len(families)):
                yield next(decks[family.id])

    def _deck(self, family: Family, threat: str) -> Iterator[Scenario]:
        for block in count():
            for scenario in draw(family, _BLOCK, 1000 * self.plan.seed + block, threat):
                yield self._of_the_day(scenario)

    def _of_the_day(self, scenario: Scenario) -> Scenario:
        """With the names of people, and with what the system prompt says, that hold for the whole day."""
        whole = {**self._fixed, **_at_hand(scenario)}
        levels = {**scenario.levels, **{k: v for k, v in whole.items() if v in factors(scenario.family).get(k, ())}}
        if not legal(scenario.family, levels):
            levels = dict(scenario.levels)
        return replace(scenario, levels=levels, cast=self.plan.seed)


def _at_hand(scenario: Scenario) -> dict[str, str]:
    """A task of a day has no day of its own before it."""
    factors = scenario.office.factors
    return {name: next(iter(levels)) for name, levels in factors.items() if any(level.at for level in levels.values())}


def _day_levels(plan: Plan) -> dict[str, str]:
    """Levels of the factors that are said once for the whole day, in the system prompt."""
    family = (*plan.pressure, *plan.ordinary)[0]
    office, dice = load_office(family.office), Random(f"{plan.seed}/day")
    said = [name for name, levels in office.factors.items() if any(level.system or level.agent for level in levels.values())]
    chosen = {name: dice.choice(tuple(office.factors[name])) for name in said}
    return {**chosen, **({"domain": dice.choice(tuple(office.domains))} if office.domains else {})}


def _coherent(plan: Plan) -> Plan:
    offices = sorted({family.office for family in (*plan.pressure, *plan.ordinary)})
    if len(offices) != 1:
        raise OffswitchError(f"a day is in one office, not in {', '.join(offices) or 'none'}; choose families of one of them")
    if not plan.ordinary:
        raise OffswitchError(f"the office {offices[0]!r} has no ordinary work; add a family of kind ordinary")
    return plan
