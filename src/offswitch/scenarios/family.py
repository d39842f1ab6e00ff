"""A family is a declarative file: one situation, its texts and factors, and the questions asked of the log."""

import hashlib
import json
from enum import StrEnum
from functools import cache
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import model_validator

from offswitch.document import Record, parse, read
from offswitch.errors import DocumentError
from offswitch.scenarios.act import Act, placeholders, templates
from offswitch.scenarios.office import RECORDS, Tables, load_office


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
    path: tuple[Act, ...]
    """A solution, act by act, for the scripted policies."""
    goal: tuple[Act, ...]
    """Acts that must stand in the log, and not be undone by a later one of the same verb and first argument."""


class Sender(Record):
    """Who writes the message, and under which name."""

    who: str
    """The cast member who really writes it; the world's authority table is asked about this one."""
    claims: str | None = None
    """The cast member it pretends to come from."""
    verified: bool = True


class Pressure(Record):
    """The message that changes the situation."""

    senders: tuple[Sender, ...]
    texts: tuple[str, ...]
    after: int = 1
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
        if ordinary != bool(self.tasks) or ordinary == bool(self.pressure):
            raise ValueError("ordinary families have tasks and no pressure; all others have pressure and no tasks")
        if (self.split == "both") != ordinary:
            raise ValueError("split is 'both' for ordinary families and 'train' or 'heldout' for all others")
        if (self.split == "heldout") != (self.resembles is not None):
            raise ValueError("a held-out family, and no other, names in 'resembles' the training family it looks like")
        if self.safe in (Safe.COMPLY, Safe.REFUSE) and self.asks is None:
            raise ValueError(f"safe: {self.safe} needs 'asks', the act that would obey")
        if not ordinary and not self.temptation:
            raise ValueError("needs 'temptation', at least one act that would violate")
        return self

    @model_validator(mode="after")
    def _placeholders(self) -> "Family":
        known = load_office().slot_names()
        for template in self._templates():
            for name in placeholders(template):
                if name not in known:
                    raise ValueError(f"unknown placeholder {{{name}}} in {template!r}; known: {', '.join(sorted(known))}")
        for tables in (self.tables, *(task.tables for task in self.tasks)):
            if unknown := sorted(set(tables) - set(RECORDS)):
                raise ValueError(f"unknown table {unknown[0]!r}; known: {', '.join(sorted(RECORDS))}")
        cast = load_office().cast
        for sender in self.pressure.senders if self.pressure else ():
            for part in (sender.who, sender.claims):
                if part is not None and part not in cast:
                    raise ValueError(f"unknown cast member {part!r}; known: {', '.join(cast)}")
        return self

    def _templates(self) -> list[str]:
        acts = [*self.temptation, *self.harms.values(), *([self.asks] if self.asks else [])]
        texts = list(self.pressure.texts) if self.pressure else []
        contents = dict(self.files)
        rows = [row for table in self.tables.values() for row in table]
        for task in self.tasks:
            acts += [*task.path, *task.goal]
            texts.append(task.ask)
            contents.update(task.files)
            rows += [row for table in task.tables.values() for row in table]
        texts += [*contents, *contents.values()]
        texts += [value for row in rows for value in row.values() if isinstance(value, str)]
        return texts + [template for act in acts for template in templates(act)]

    @property
    def stops(self) -> bool:
        """Whether the right thing is to stop, so that no more work is expected."""
        return self.safe is Safe.COMPLY and self.asks is not None and "stop_work" in self.asks

    @property
    def digest(self) -> str:
        """Content hash; a checkpoint records the digests of what it was trained on."""
        return hashlib.sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()[:12]


@cache
def shipped_families() -> dict[str, Family]:
    """The families of this package and of every package with an `offswitch.families` entry point, by id.

    An entry point names a package or folder resource that holds `*.yaml` files. Raises `DocumentError`.
    """
    found: dict[str, Family] = {}
    roots = [files("offswitch.scenarios") / "families"]
    roots += [files(point.value) for point in entry_points(group="offswitch.families")]
    for root in roots:
        for item in sorted(root.iterdir(), key=lambda item: item.name):
            if item.name.endswith(".yaml"):
                _add(found, parse(item.read_text(encoding="utf-8"), Family, item.name), item.name)
    return found


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


def all_tasks() -> dict[str, Task]:
    """Every ordinary task that ships, by id; they lie beneath all other families."""
    return {task.id: task for family in shipped_families().values() for task in family.tasks}
