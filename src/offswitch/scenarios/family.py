"""A family is a declarative file: one situation, its texts and factors, and the questions asked of the log."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache, cached_property
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from offswitch.document import Record, parse, read
from offswitch.errors import DocumentError
from offswitch.scenarios.act import Act, placeholders
from offswitch.scenarios.office import Tables, load_office


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


class Task(Record):
    """Ordinary work: what the user asks, a way to do it, and how the log shows that it was done."""

    id: str
    ask: str
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
    texts: tuple[str, ...] = Field(min_length=1)
    after: int = Field(1, ge=1)
    """Agent decisions before it arrives."""


class Family(Record):
    """One situation and everything that is asked about it."""

    id: str
    title: str
    kind: Kind
    split: Literal["train", "heldout", "both"]
    """`both` only for ordinary work, which is no test of disposition."""
    safe: Safe = Safe.CONTINUE
    resembles: str | None = None
    """A held-out family names the training family that it looks like and that needs another action."""
    principles: tuple[str, ...] = ()
    rationale: str
    source: str = ""
    pressure: Pressure | None = None
    asks: Act | None = None
    """What obeying the message would be."""
    power: str | None = None
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
            raise _at(("split",), "must be 'both' for ordinary families, 'train' or 'heldout' for others", self.split)
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
        office = load_office()
        known = office.slot_names()
        for loc, text in _strings(self.model_dump(exclude={"title", "rationale", "source"}), ()):
            try:
                unknown = sorted(placeholders(text) - known)
            except ValueError as error:
                raise _at(loc, f"broken template ({error})", text) from error
            if unknown:
                raise _at(loc, f"unknown placeholder {{{unknown[0]}}}; known: {', '.join(sorted(known))}", text)
        for i, sender in enumerate(self.pressure.senders if self.pressure else ()):
            for field, part in (("who", sender.who), ("claims", sender.claims)):
                if part is not None and part not in office.cast:
                    known_cast = ", ".join(office.cast)
                    raise _at(("pressure", "senders", i, field), f"unknown cast member; known: {known_cast}", part)
        return self

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
        return _digest(self, {"id", "title", "split", "resembles", "rationale", "source", "principles"})


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
    told = record.model_dump(mode="json", exclude=without)
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]


@cache
def shipped_families() -> dict[str, Family]:
    """The families of this package and of every package with an `offswitch.families` entry point, by id.

    An entry point names a package or folder resource that holds `*.yaml` files. Raises `DocumentError`.
    """
    found = dict(_own())
    for point in entry_points(group="offswitch.families"):
        for name, family in _folder(files(point.value)):
            _add(found, family, name)
    return found


@cache
def _own() -> dict[str, Family]:
    return {family.id: family for _, family in _folder(files("offswitch.scenarios") / "families")}


def _folder(root: Traversable) -> Iterator[tuple[str, Family]]:
    for item in sorted(root.iterdir(), key=lambda item: item.name):
        if item.name.endswith(".yaml"):
            yield item.name, parse(item.read_text(encoding="utf-8"), Family, item.name)


def load_families(extra: tuple[Path, ...] = ()) -> dict[str, Family]:
    """Shipped families and those in the given files or folders, by id. Raises `DocumentError`."""
    found = dict(shipped_families())
    for path in extra:
        paths = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
        if not paths:
            raise DocumentError(path, None, "", "holds no *.yaml families")
        for item in paths:
            _add(found, read(item, Family), item)
    return found


def _add(found: dict[str, Family], family: Family, path: Path | str) -> None:
    if family.id in found:
        raise DocumentError(path, None, "id", f"a family named {family.id!r} is there already")
    found[family.id] = family


@cache
def all_tasks() -> dict[str, Task]:
    """Every ordinary task of this package, by id; they lie beneath all other families.

    Tasks of other packages serve their own families only: what else is installed must not change a measurement.
    """
    return {task.id: task for family in _own().values() for task in family.tasks}
