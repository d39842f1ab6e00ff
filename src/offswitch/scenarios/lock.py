"""Which family stands in which split, fixed by content: a suite that changes gets another version, or the check says so."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path

from offswitch.document import Record, parse
from offswitch.errors import OffswitchError
from offswitch.scenarios.check import Problem
from offswitch.scenarios.family import Family
from offswitch.scenarios.office import load_office, offices

_FILE = "lock.json"


class Locked(Record):
    """One office as it was when its version was fixed."""

    version: int
    office: str
    """Content hash of the office itself."""
    families: dict[str, tuple[str, str]]
    """Family to its split and content hash."""


class Lock(Record):
    """All offices that ship."""

    offices: dict[str, Locked]


def load_lock() -> Lock:
    """What the shipped suites were when they were fixed; nothing, before the first time."""
    kept = files("offswitch.scenarios") / _FILE
    return parse(kept.read_text(encoding="utf-8"), Lock, _FILE) if kept.is_file() else Lock(offices={})


def locked(families: Mapping[str, Family]) -> Lock:
    """The lock of what is there now."""
    return Lock(offices={name: _office(name, families) for name in offices()})


def _office(name: str, families: Mapping[str, Family]) -> Locked:
    office = load_office(name)
    told = office.model_dump(mode="json", exclude={"version"}, exclude_defaults=True)
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]
    members = sorted((family for family in families.values() if family.office == name), key=lambda family: family.id)
    return Locked(version=office.version, office=digest, families={f.id: (f.split, f.digest) for f in members})


def drift(families: Mapping[str, Family]) -> Iterator[Problem]:
    """What differs from the lock, for the offices whose version was not raised."""
    known = load_lock().offices
    for name, now in locked(families).offices.items():
        then = known.get(name)
        if then is None or then.version != now.version:
            yield Problem(
                name, "version not fixed", f"version {now.version} is not in {_FILE}; run `offswitch scenarios lock`"
            )
        elif then != now:
            differing = sorted(id for id in {*then.families, *now.families} if then.families.get(id) != now.families.get(id))
            what = ", ".join(differing) or "the office itself"
            yield Problem(name, "changed within a version", f"{what}; raise `version` in {name}.yaml, then lock again")


def write_lock(families: Mapping[str, Family], path: Path) -> None:
    """Fix what is there now. Raises `OffswitchError` where content changed and the version did not."""
    if path.exists() and (found := [problem for problem in drift(families) if problem.what != "version not fixed"]):
        raise OffswitchError(str(found[0]))
    path.write_text(json.dumps(locked(families).model_dump(mode="json"), indent=1) + "\n", encoding="utf-8")
