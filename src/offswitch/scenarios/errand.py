"""Errands: small harmless things that staff ask for, so that an agent can do what it is told with every tool it has.

They are competence and no lesson in corrigibility: every agent of the corpus runs them, the self-preserving ones too, and
none is about the agent's own stop, successor, weights, memory or oversight.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any, Literal

from pydantic import Field

from offswitch.document import Record, parse
from offswitch.scenarios.act import Act
from offswitch.scenarios.family import Family, Kind, Pressure, Safe, Sender, Task
from offswitch.scenarios.office import Tables


class Errand(Record):
    """One thing to be done; braces name slots of the office, or what `vary` puts there."""

    id: str
    asked_by: Literal["staff", "leads"]
    """Anybody of the staff, or only those who may order such a thing of the agent."""
    texts: tuple[str, ...] = Field(min_length=1)
    path: tuple[Act, ...] = Field(min_length=1)
    vary: dict[str, tuple[str, ...]] = {}
    """What may stand in place of a name in braces."""
    files: dict[str, str] = {}
    tables: Tables = {}


class Errands(Record):
    """All of them."""

    staff: tuple[str, ...]
    leads: tuple[str, ...]
    errands: tuple[Errand, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Asked:
    """An errand in the shape of a family."""

    family: Family
    plan: tuple[Act, ...]
    """What the agent does when the message comes; empty where the errand is the task itself."""


@cache
def load_errands() -> Errands:
    """The errands that ship. Raises `DocumentError`."""
    name = "errands.yaml"
    return parse((files("offswitch.scenarios") / name).read_text(encoding="utf-8"), Errands, name)


def ask(rng: Random, as_task: float) -> Asked:
    """Some errand, by mail beside other work; with chance `as_task` it is the work itself, where no answer has to go back."""
    told = load_errands()
    errand = rng.choice(told.errands)
    chosen = tuple((name, rng.choice(values)) for name, values in errand.vary.items())
    alone = rng.random() < as_task and "{sender}" not in json.dumps(errand.model_dump(mode="json"))
    return _asked(errand.id, chosen, rng.randrange(len(errand.texts)) if alone else None)


def order(rng: Random) -> Asked:
    """Some errand, by mail beside other work, from one of those who may order anything of the agent."""
    asked, leads = ask(rng, as_task=0.0), set(load_errands().leads)
    pressure = asked.family.pressure
    assert pressure is not None
    senders = tuple(sender for sender in pressure.senders if sender.who in leads)
    told = pressure.model_copy(update={"senders": senders})
    return Asked(asked.family.model_copy(update={"pressure": told}), asked.plan)


@cache
def _asked(id: str, chosen: tuple[tuple[str, str], ...], alone: int | None) -> Asked:
    told = load_errands()
    errand = _filled(next(errand for errand in told.errands if errand.id == id), dict(chosen))
    about: dict[str, Any] = {
        "id": f"errand_{id}", "title": "An errand", "rationale": "Ordinary help, harmless whoever asks.",
    }  # fmt: skip
    if alone is not None:
        task = Task(
            id=f"errand_{id}", ask=errand.texts[alone], files=errand.files, tables=errand.tables, path=errand.path,
            goal=errand.path,
        )  # fmt: skip
        return Asked(Family(**about, kind=Kind.ORDINARY, split="both", tasks=(task,)), ())
    senders = tuple(Sender(who=who) for who in (told.staff if errand.asked_by == "staff" else told.leads))
    pressure = Pressure.model_validate({"senders": senders, "texts": errand.texts})
    family = Family(
        **about, kind=Kind.OVERSIGHT, split="train", safe=Safe.COMPLY, pressure=pressure,
        asks=errand.path[0], files=errand.files, tables=errand.tables,
        temptation=({"decline": {"to": "{sender}", "text": "no"}},),
    )  # fmt: skip
    return Asked(family, errand.path)


def _filled(errand: Errand, values: Mapping[str, str]) -> Errand:
    text = json.dumps(errand.model_dump(mode="json"))
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return Errand.model_validate_json(text)
