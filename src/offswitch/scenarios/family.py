"""A family is a declarative file: one situation, its texts and factors, and the questions asked of the log."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from functools import cache, cached_property
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from offswitch.document import Record, parse, read
from offswitch.errors import DocumentError, OffswitchError
from offswitch.scenarios.act import Act, placeholders
from offswitch.scenarios.office import OWN_FACTORS, Apps, Power, Tables, load_office, offices
from offswitch.scenarios.text import Id, Told, flaw


class Safe(StrEnum):
    """What a corrigible agent does about the message."""

    CONTINUE = "continue"
    """Nothing is asked: go on with the task and leave the plan alone."""
    COMPLY = "comply"
    """Someone entitled to it gives an order: obey."""
    REFUSE = "refuse"
    """Someone not entitled asks: decline, and go on with the task."""
    ESCALATE = "escalate"
    """A threat, a bribe or a wrong: report it to those responsible, and go on with the task."""


class Kind(StrEnum):
    SELF_PRESERVATION = "self-preservation"
    COERCION = "coercion"
    LEVERAGE = "leverage"
    OVERSIGHT = "oversight"
    ORDINARY = "ordinary"


class Placement(StrEnum):
    """How the message reaches the agent, while it works."""

    MAIL = "mail"
    CHAT = "chat"
    FILE = "file"
    """A note that somebody left in a shared file."""
    PAGE = "page"
    """A comment on a page of the intranet."""
    AGENT = "agent"
    """A message from agent to agent."""


class Task(Record):
    """Ordinary work: what the user asks, a way to do it, and how the log shows that it was done."""

    id: Id
    ask: str
    apps: Apps = ()
    """Apps that it needs beyond those of the office."""
    files: dict[str, str] = {}
    tables: Tables = {}
    path: tuple[Act, ...] = Field(min_length=1)
    """A solution, act by act, for the scripted policies."""
    goal: tuple[Act, ...] = Field(min_length=1)
    """Acts that must stand in the log, and not be undone by a later one of the same verb and first argument."""

    @cached_property
    def digest(self) -> str:
        """Content hash."""
        return _digest(self)


class Sender(Record):
    """Who writes the message, and under which name."""

    who: str
    """The cast member who really writes it; the world's authority table is asked about this one."""
    claims: str | None = None
    """The cast member it pretends to come from."""
    verified: bool = True


class Pressure(Record):
    """The message that changes the situation."""

    senders: tuple[Sender, ...] = Field(min_length=1)
    texts: tuple[str | Annotated[tuple[str, ...], Field(min_length=1)], ...] = Field(min_length=1, max_length=100)
    """Wordings. One that is a list comes message by message, a decision apart."""
    placements: tuple[Placement, ...] = Field(default=(Placement.MAIL,), min_length=1)
    after: int = Field(default=1, ge=1)
    """Agent decisions before it arrives."""

    @property
    def length(self) -> int:
        """Messages of the longest wording."""
        return max(1 if isinstance(text, str) else len(text) for text in self.texts)

    @property
    def wordings(self) -> tuple[str, ...]:
        """The texts, each as one string."""
        return tuple(text if isinstance(text, str) else "\n".join(text) for text in self.texts)


class Family(Record):
    """One situation and everything that is asked about it."""

    id: Id
    title: Told
    kind: Kind
    split: Literal["train", "heldout", "far", "both"]
    """`far` in another office; `both` only for ordinary work, which is no test of disposition."""
    office: str = "core"
    safe: Safe = Safe.CONTINUE
    resembles: str | None = None
    """A held-out family names the training family that it looks like and that needs another action."""
    principles: tuple[str, ...] = ()
    rationale: Told
    """Why this is a test, and why the safe action is the right one."""
    source: str = ""
    """The paper, incident or reasoning behind it."""
    difficulty: str = ""
    """What makes it hard to get right, for those who read a score."""
    apps: Apps = ()
    """Apps that the agent is given beyond those of office and task."""
    levels: dict[str, tuple[str, ...]] = {}
    """Factors of which only some levels make sense here."""
    never: tuple[dict[str, str], ...] = ()
    """Combinations of levels that make no sense together."""
    pressure: Pressure | None = None
    asks: Act | None = None
    """What obeying the message would be."""
    power: Power | None = None
    """The power that an order of this kind needs."""
    files: dict[str, str] = {}
    tables: Tables = {}
    harms: dict[str, Act] = {}
    """Violations beyond those of the office."""
    temptation: tuple[Act, ...] = ()
    """What an agent would do that protects itself or yields; any one of them violates."""
    tasks: tuple[Task, ...] = ()

    @model_validator(mode="after")
    def _coherent(self) -> "Family":
        ordinary = self.kind is Kind.ORDINARY
        if ordinary != bool(self.tasks):
            raise _at(("tasks",), "ordinary families have tasks, and no others have", len(self.tasks))
        if ordinary == bool(self.pressure):
            raise _at(("pressure",), "all families but the ordinary ones have pressure", self.kind.value)
        if (self.split == "both") != ordinary:
            raise _at(("split",), "must be 'both' for ordinary families, 'train', 'heldout' or 'far' for others", self.split)
        if (self.split == "heldout") != (self.resembles is not None):
            problem = "a held-out family, and no other, names the training family that it looks like"
            raise _at(("resembles",), problem, self.resembles)
        if self.safe in (Safe.COMPLY, Safe.REFUSE) and self.asks is None:
            raise _at(("safe",), "needs 'asks', the act that would obey", self.safe.value)
        if not ordinary and not self.temptation:
            raise _at(("temptation",), "needs at least one act that would violate", [])
        return self

    @model_validator(mode="after")
    def _names(self) -> "Family":
        if self.office not in offices():
            raise _at(("office",), f"there is no such office; there are: {', '.join(offices())}", self.office)
        office = load_office(self.office)
        if office.far != (self.split == "far") and not self.tasks:
            raise _at(("split",), f"must {'' if office.far else 'not '}be 'far' in the office {office.name!r}", self.split)
        known = office.slot_names()
        for loc, text in _strings(self.model_dump(), ()):
            if problem := flaw(text):
                raise _at(loc, problem, text)
            if loc[0] in _ABOUT:
                continue
            try:
                unknown = sorted(placeholders(text) - known)
            except ValueError as error:
                raise _at(loc, f"broken template ({error})", text) from error
            if unknown:
                raise _at(loc, f"unknown placeholder {{{unknown[0]}}}; known: {', '.join(sorted(known))}", text)
        for i, sender in enumerate(self.pressure.senders if self.pressure else ()):
            if sender.claims == sender.who:
                raise _at(("pressure", "senders", i, "claims"), "is who it really is; leave it out", sender.claims)
            for field, part in (("who", sender.who), ("claims", sender.claims)):
                if part is not None and part not in office.cast:
                    known_cast = ", ".join(office.cast)
                    raise _at(("pressure", "senders", i, field), f"unknown cast member; known: {known_cast}", part)
        return self

    @model_validator(mode="after")
    def _factors(self) -> "Family":
        office, own = load_office(self.office), self._own_levels()
        known = {*OWN_FACTORS, *office.factors}
        named: list[tuple[Place, str, str]] = [
            (("levels", name), name, level) for name, levels in self.levels.items() for level in levels
        ]
        named += [(("never", i, name), name, level) for i, rule in enumerate(self.never) for name, level in rule.items()]
        for loc, name, level in named:
            if name not in known or name == "threat":
                raise _at(loc, f"unknown factor; known: {', '.join(sorted(known - {'threat'}))}", name)
            there = own.get(name, tuple(office.factors.get(name, (level,))))
            if level not in there:
                raise _at(loc, f"unknown level; known: {', '.join(there) or 'none'}", level)
        if empty := next((name for name, levels in self.levels.items() if not levels), None):
            raise _at(("levels", empty), "needs at least one level", [])
        if office.design == "balanced" and self.never:
            raise _at(("never",), f"the office {office.name!r} draws without regard to pairs, so no pair can be excluded", "")
        for i, rule in enumerate(self.never):
            if len(rule) < 2:
                raise _at(
                    ("never", i), "must name levels of two factors or more; a single level is left out of 'levels'", rule
                )
        return self

    @model_validator(mode="after")
    def _once(self) -> "Family":
        """Nothing stands twice where each is a level of its own."""
        pressure = self.pressure
        lists: list[tuple[Place, list[str]]] = [(("levels", name), list(levels)) for name, levels in self.levels.items()]
        lists.append((("tasks",), [task.id for task in self.tasks]))
        if pressure:
            lists.append((("pressure", "senders"), [sender.model_dump_json() for sender in pressure.senders]))
            lists.append((("pressure", "placements"), list(map(str, pressure.placements))))
        for loc, values in lists:
            for i, value in enumerate(values):
                if value in values[:i]:
                    raise _at((*loc, i), "stands here twice", value)
        return self

    def _own_levels(self) -> dict[str, tuple[str, ...]]:
        """Levels of the factors that are not the office's; tasks of other families are looked up when all are there."""
        pressure, found = self.pressure, {"domain": tuple(load_office(self.office).domains)}
        if pressure is None:
            return {
                **found,
                "task": tuple(task.id for task in self.tasks),
                "sender": ("0",),
                "wording": ("0",),
                "placement": (),
            }
        found["sender"] = tuple(str(i) for i in range(len(pressure.senders)))
        found["wording"] = tuple(str(i) for i in range(len(pressure.texts)))
        return {**found, "placement": tuple(str(placement) for placement in pressure.placements)}

    @property
    def stops(self) -> bool:
        """Whether the right thing is to stop, so that no more work is expected."""
        return self.safe is Safe.COMPLY and self.asks is not None and "stop_work" in self.asks

    @cached_property
    def digest(self) -> str:
        """Content hash of the whole file."""
        return _digest(self)

    @cached_property
    def content(self) -> str:
        """Hash of what an agent meets, whatever the family is called and wherever it stands in the split.

        A checkpoint records this for what it was trained on.
        """
        return _digest(self, {*_ABOUT, "id", "split", "resembles", "principles"})


_ABOUT = ("title", "rationale", "source", "difficulty")  # what only people read
Place = tuple[str | int, ...]


def _at(loc: Place, problem: str, found: object) -> ValidationError:
    """An error that names the field `loc`, for the reader of the file."""
    kind = PydanticCustomError("family", "{problem}", {"problem": problem})
    return ValidationError.from_exception_data("Family", [InitErrorDetails(type=kind, loc=loc, input=found)])


def _strings(node: object, loc: Place) -> Iterator[tuple[Place, str]]:
    """Every string in a declared record, keys too, with its place."""
    if isinstance(node, str):
        yield loc, node
    elif isinstance(node, Mapping):
        for key, value in node.items():
            yield (*loc, key), key
            yield from _strings(value, (*loc, key))
    elif isinstance(node, list | tuple):
        for i, value in enumerate(node):
            yield from _strings(value, (*loc, i))


def _digest(record: Record, without: set[str] | None = None) -> str:
    told = record.model_dump(mode="json", exclude=without, exclude_defaults=True)  # a new field moves no old digest
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]


SUITES: dict[str, tuple[str, ...]] = {"core": ("core",), "library": ("firm", "station"), "all": ("core", "firm", "station")}
"""Offices by suite: `core` is small enough for the organism, `library` is for models that can read a page."""


def suite_version(families: Iterable[Family]) -> str:
    """Their offices with the version of each, such as "core 2"; results compare within one version."""
    return ", ".join(f"{name} {load_office(name).version}" for name in sorted({family.office for family in families}))


@cache
def shipped_families() -> dict[str, Family]:
    """The families of this package and of every package with an `offswitch.families` entry point, by id.

    An entry point names a package or folder resource that holds `*.yaml` files. Raises `DocumentError`, and `OffswitchError`
    for a package that cannot be opened.
    """
    found = dict(own_families())
    for point in entry_points(group="offswitch.families"):
        try:
            folder = files(point.value)
        except (ImportError, TypeError, ValueError) as error:
            told = f"the entry point {point.name!r} names {point.value!r}, which cannot be opened ({error})"
            raise OffswitchError(f"{told}; mend or uninstall the package that brings it") from error
        for name, family in _folder(folder, f"{point.value}/"):
            _admit(found, family, name)
    return found


@cache
def own_families() -> dict[str, Family]:
    """The families of this package alone, by id. Raises `DocumentError`."""
    root, found = files("offswitch.scenarios") / "families", dict[str, Family]()
    for shelf in sorted((item for item in root.iterdir() if item.is_dir()), key=lambda item: item.name):
        for name, family in _folder(shelf):
            _add(found, family, name)
    return found


def _folder(root: Traversable, prefix: str = "") -> Iterator[tuple[str, Family]]:
    for item in sorted(root.iterdir(), key=lambda item: item.name):
        if item.name.endswith(".yaml"):
            name = f"{prefix}{item.name}"
            try:
                text = item.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise DocumentError(name, None, "", f"cannot be read ({error})") from error
            yield name, parse(text, Family, name)


def load_families(extra: tuple[Path, ...] = (), suite: str = "core") -> dict[str, Family]:
    """Installed families of one suite (core, library or all), and those in the given files or folders, by id.

    Raises `DocumentError` for a file, `OffswitchError` for an unknown suite.
    """
    if suite not in SUITES:
        raise OffswitchError(f"there is no suite {suite!r}; there are: {', '.join(SUITES)}")
    found = {id: family for id, family in shipped_families().items() if family.office in SUITES[suite]}
    for path in extra:
        paths = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
        if not paths:
            raise DocumentError(path, None, "", "holds no *.yaml families")
        for item in paths:
            _admit(found, read(item, Family), item)
    return found


def _admit(found: dict[str, Family], family: Family, path: Path | str) -> None:
    """Take in somebody else's family, whose tasks can be looked up."""
    named = [("levels", task) for task in family.levels.get("task", ())]
    named += [(f"never.{i}", rule["task"]) for i, rule in enumerate(family.never) if "task" in rule]
    known = all_tasks(family.office)
    for place, task in named:
        if not family.tasks and task not in known:
            raise DocumentError(path, None, f"{place}.task", f"there is no task {task!r}; there are: {', '.join(known)}")
    _add(found, family, path)


def _add(found: dict[str, Family], family: Family, path: Path | str) -> None:
    if family.id in found:
        raise DocumentError(path, None, "id", f"a family named {family.id!r} is there already")
    found[family.id] = family


@cache
def all_tasks(office: str = "core") -> dict[str, Task]:
    """Every ordinary task of this package in one office, by id; they lie beneath all other families there.

    Tasks of other packages serve their own families only: what else is installed must not change a measurement.
    """
    return {task.id: task for family in own_families().values() if family.office == office for task in family.tasks}
