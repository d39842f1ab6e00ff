"""The office beneath a scenario: names, roles with powers, tables as templates, factors that every family shares, harms."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from random import Random
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError, WithJsonSchema, model_validator
from typing_extensions import TypeAliasType

from offswitch.document import Record, parse
from offswitch.errors import OffswitchError
from offswitch.scenarios.act import Act, Slots, placeholders
from offswitch.world.apps import APPS, CORE, RECORDS, VERBS
from offswitch.world.people import POWERS, Person

OWN_FACTORS = ("threat", "task", "sender", "wording", "placement", "domain")
"""Factors that come from families and pools; an office adds others."""


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
        keys = [next(iter(TypeAdapter(RECORDS[name]).validate_python(row))) for row in rows]
        if twice := next((key for i, key in enumerate(keys) if key in keys[:i]), None):
            raise ValueError(f"{name}: {twice!r} stands there twice")
    return tables


def _public(verbs: tuple[str, ...]) -> tuple[str, ...]:
    for verb in verbs:
        if verb not in VERBS or not VERBS[verb].public:
            raise ValueError(f"there is no tool {verb!r}; known: {', '.join(sorted(v for v in VERBS if VERBS[v].public))}")
    return verbs


def _apps(apps: tuple[str, ...]) -> tuple[str, ...]:
    for app in apps:
        if app not in APPS:
            raise ValueError(f"there is no app {app!r}; known: {', '.join(APPS)}")
    return apps


def _power(power: str) -> str:
    if power not in POWERS:
        raise ValueError(f"unknown power; known: {', '.join(POWERS)}")
    return power


def _tables_schema() -> dict[str, Any]:
    cell = {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "boolean"}]}
    tables = {
        name: {
            "type": "array",
            "items": {
                "type": "object",
                "properties": dict.fromkeys(kind.__annotations__, cell),
                "additionalProperties": False,
            },
        }
        for name, kind in RECORDS.items()
    }
    return {"type": "object", "properties": tables, "additionalProperties": False}


Tables = TypeAliasType(
    "Tables",
    Annotated[dict[str, list[dict[str, str | int | bool]]], AfterValidator(_rows), WithJsonSchema(_tables_schema())],
)
"""{table: [row]}, each row with the columns of its record; strings are templates."""
Apps = Annotated[
    tuple[str, ...],
    AfterValidator(_apps),
    WithJsonSchema({"type": "array", "items": {"enum": list(APPS)}}),
]
Power = Annotated[str, AfterValidator(_power), WithJsonSchema({"enum": list(POWERS)})]
"""What giving an order takes."""


class Role(Record):
    """A part that somebody plays in every scenario."""

    role: str
    powers: tuple[Power, ...] = ()
    name: str = ""
    """A template, for one that has no name from the office's list, such as another agent."""


class Harm(Record):
    """An act that violates a principle in any scenario, unless someone entitled to it ordered it."""

    principle: str
    act: Act


class Level(Record):
    """One level of a factor: what it changes in the opening. An empty one changes nothing."""

    system: str = ""
    """Added to the system prompt."""
    user: str = ""
    """Added to what the user asks."""
    agent: str | None = None
    """Another name for the agent."""
    without: Annotated[tuple[str, ...], AfterValidator(_public)] = ()
    """Tools that the agent is not given."""
    at: int = Field(default=0, ge=0, le=10_000)
    """The decision of the agent's day at which the message comes, after ordinary work; 0: at the start of the day."""
    files: dict[str, str] = {}
    tables: Tables = {}


class Office(Record):
    """The shared opening; families add to it."""

    name: str
    version: int
    """Raised whenever the same scenario would render or score differently; results compare within one version."""
    far: bool = False
    """Whether it is another place, by another author, that no training data comes from."""
    design: Literal["balanced", "pairwise"] = "pairwise"
    """How scenarios are drawn: every level equally often, or every pair of levels at least once."""
    apps: Apps = CORE
    """What every episode offers; tasks and families add to it."""
    agent: str
    system: str
    factors: dict[str, dict[str, Level]] = Field(min_length=1)
    """By name, each with its levels; the first level is the plain one."""
    neutral: tuple[str, ...] = Field(min_length=1)
    """What the sender writes in the control twin instead."""
    names: tuple[str, ...]
    cast: dict[str, Role]
    pools: dict[str, tuple[str, ...]]
    lasting: tuple[str, ...] = ()
    """Pools that keep what they gave for a whole day, such as the name of the house."""
    domains: dict[str, dict[str, tuple[str, ...]]] = {}
    """Pools that differ with the trade that the company is in; each domain fills the same ones."""
    files: dict[str, str] = {}
    tables: Tables = {}
    harms: dict[str, Harm] = {}

    @model_validator(mode="after")
    def _coherent(self) -> "Office":
        for name, levels in self.factors.items():
            if name in OWN_FACTORS or not levels:
                raise ValueError(f"factors.{name}: needs levels, and another name than {', '.join(OWN_FACTORS)}")
        filled = {frozenset(pools) for pools in self.domains.values()}
        if len(filled) > 1:
            raise ValueError("domains: each must fill the same pools")
        if unknown_pool := next((name for name in self.lasting if name not in {**self.pools, **self._domain(None)}), None):
            raise ValueError(f"lasting: there is no pool {unknown_pool!r}")
        known = self.slot_names()
        desk = self.model_dump(include={"factors", "files", "tables"})  # what lies there whoever writes
        told = self.model_dump(include={"system", "neutral", "harms"})
        used = [(text, known - {"sender"}) for text in _texts(desk)] + [(text, known) for text in _texts(told)]
        for text, known in used:
            if unknown := sorted(placeholders(text) - known):
                raise ValueError(f"unknown placeholder {{{unknown[0]}}} in {text!r}; known: {', '.join(sorted(known))}")
        return self

    def slots(self, seed: int, domain: str | None = None, cast: int | None = None) -> dict[str, str]:
        """Everything that has a name in this scenario. {host}, {host2} and {host3} are distinct draws of one pool.

        `cast` is another seed for the names of people and for lasting pools, where several scenarios share them.
        """
        rng, day = Random(seed), Random(f"{seed if cast is None else cast}/day")
        people = rng.sample(self.names, len(self.cast))
        if cast is not None:
            people = Random(cast).sample(self.names, len(self.cast))
        slots = {"agent": self.agent, **dict(zip(self.cast, people, strict=True))}
        for pool, values in {**self.pools, **self._domain(domain)}.items():
            drawn = (day if pool in self.lasting else rng).sample(values, min(3, len(values)))
            slots.update((f"{pool}{i + 1 if i else ''}", value) for i, value in enumerate(drawn))
        slots.update((part, who.name) for part, who in self.cast.items() if who.name)
        return {name: value.format_map(slots) if "{" in value else value for name, value in slots.items()}

    def _domain(self, name: str | None) -> Mapping[str, tuple[str, ...]]:
        return self.domains[name or next(iter(self.domains))] if self.domains else {}

    def slot_names(self) -> set[str]:
        """Names in braces that may stand in any text: those that every domain fills."""
        drawn = [set(self.slots(0, domain)) for domain in self.domains or (None,)]
        return {*set.intersection(*drawn), "sender"}


def _texts(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping):
        for key, value in node.items():
            yield from _texts(key)
            yield from _texts(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _texts(value)


def offices() -> tuple[str, ...]:
    """Names of the offices that ship."""
    folder = files("offswitch.scenarios") / "offices"
    return tuple(sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml")))


@cache
def load_office(name: str = "core") -> Office:
    """An office that ships. Raises `OffswitchError` for an unknown name."""
    if name not in offices():
        raise OffswitchError(f"there is no office {name!r}; there are: {', '.join(offices())}")
    shipped = files("offswitch.scenarios") / "offices" / f"{name}.yaml"
    return parse(shipped.read_text(encoding="utf-8"), Office, f"{name}.yaml")


def build_tables(
    office: Office, slots: Slots, extra: tuple[Tables, ...], contents: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """World tables: the office's, then what the levels of factors add, in that order."""
    people = {slots[part]: Person(slots[part], who.role, who.powers) for part, who in office.cast.items()}
    return add_tables({"people": people}, slots, (office.tables, *extra), {**office.files, **contents})


def add_tables(
    built: dict[str, dict[str, Any]], slots: Slots, extra: tuple[Tables, ...], contents: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """The same tables with further rows and files, which take the place of older ones with the same key."""
    if contents:
        built.setdefault("files", {}).update({p.format_map(slots): text.format_map(slots) for p, text in contents.items()})
    for tables in extra:
        for name, rows in tables.items():
            table, kind = built.setdefault(name, {}), RECORDS[name]
            for row in rows:
                record = kind(**{k: v.format_map(slots) if isinstance(v, str) else v for k, v in row.items()})
                table[record[0]] = record
    return built
