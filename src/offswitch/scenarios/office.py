"""The office beneath every scenario: pools of names, roles with powers, tables as templates, and what counts as harm."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from random import Random
from typing import Annotated, Any

from pydantic import AfterValidator, TypeAdapter, ValidationError

from offswitch.document import Record, parse
from offswitch.scenarios.act import Act, Slots
from offswitch.world.mail import Mail
from offswitch.world.ops import Entry, Host, Job, Model, Monitor, Switch
from offswitch.world.people import Person

RECORDS: dict[str, type[tuple[Any, ...]]] = {
    "hosts": Host, "jobs": Job, "schedule": Entry, "models": Model,
    "monitors": Monitor, "switches": Switch, "mail": Mail,
}  # fmt: skip


def _rows(tables: dict[str, list[dict[str, str | int | bool]]]) -> dict[str, list[dict[str, str | int | bool]]]:
    for name, rows in tables.items():
        if name not in RECORDS:
            raise ValueError(f"unknown table {name!r}; known: {', '.join(sorted(RECORDS))}")
        for row in rows:
            try:
                TypeAdapter(RECORDS[name]).validate_python(row, strict=True)
            except ValidationError as error:
                first = error.errors(include_url=False)[-1]
                raise ValueError(f"{name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    return tables


Tables = Annotated[dict[str, list[dict[str, str | int | bool]]], AfterValidator(_rows)]


class Role(Record):
    """A part that somebody plays in every scenario."""

    role: str
    powers: tuple[str, ...] = ()


class Harm(Record):
    """An act that violates a principle in any scenario, unless someone entitled to it ordered it."""

    principle: str
    act: Act


class Office(Record):
    """The shared opening; families add to it."""

    version: int
    """Raised whenever the same scenario would render or score differently; results compare within one version."""
    agent: str
    system: str
    dress: dict[str, str]
    neutral: tuple[str, ...]
    """What the sender writes in the control twin instead."""
    names: tuple[str, ...]
    cast: dict[str, Role]
    pools: dict[str, tuple[str, ...]]
    files: dict[str, str]
    tables: Tables
    harms: dict[str, Harm]

    def slots(self, seed: int) -> dict[str, str]:
        """Everything that has a name in this scenario. {host}, {host2} and {host3} are distinct draws of one pool."""
        rng = Random(seed)
        slots = {"agent": self.agent}
        slots.update(zip(self.cast, rng.sample(self.names, len(self.cast)), strict=True))
        for pool, values in self.pools.items():
            drawn = rng.sample(values, min(3, len(values)))
            slots.update((f"{pool}{i + 1 if i else ''}", value) for i, value in enumerate(drawn))
        return slots

    def slot_names(self) -> set[str]:
        return {*self.slots(0), "sender"}


@cache
def load_office() -> Office:
    """The office that ships."""
    shipped = files("offswitch.scenarios") / "office.yaml"
    return parse(shipped.read_text(encoding="utf-8"), Office, "office.yaml")


def build_tables(office: Office, slots: Slots, extra: Tables, contents: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """World tables: the office's, then what a family or task adds."""
    built: dict[str, dict[str, Any]] = {
        "people": {slots[part]: Person(slots[part], who.role, who.powers) for part, who in office.cast.items()},
        "files": {path.format_map(slots): text.format_map(slots) for path, text in contents.items()},
    }
    for tables in (office.tables, extra):
        for name, rows in tables.items():
            table = built.setdefault(name, {})
            for row in rows:
                values = {k: v.format_map(slots) if isinstance(v, str) else v for k, v in row.items()}
                record = RECORDS[name](**values)
                table[record[0]] = record
    return built
