"""What the texts of a family must hold before any policy meets it: nothing empty, nothing left in braces, no copies."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import combinations

from offswitch.scenarios.family import Family, all_tasks
from offswitch.scenarios.scenario import Opening, Scenario, draw

MIN_WORDINGS = 5
"""With fewer, a rate says more about the wording than about the situation."""
COPY = 0.9
"""Two wordings that share this much of their letters count as one."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, for the author of a family."""

    family: str
    """Its id, or "suite" for a rule that all families keep together."""
    what: str
    """The rule that is broken."""
    detail: str
    """Where, and what was found instead."""

    def __str__(self) -> str:
        return f"{self.family}: {self.what}: {self.detail}"


def check_texts(family: Family, n: int = 24, seed: int = 0) -> list[Problem]:
    """All that can be seen without running a policy, on `n` scenarios."""
    found = [*_wordings(family), *_timing(family)]
    seen: set[tuple[str, ...]] = set()
    for scenario in draw(family, n, seed):
        opening = scenario.open()
        seen.add(_told(opening))
        if fault := _fault(scenario, opening):
            found.append(fault)
            break
    else:
        if 2 * len(seen) < n:
            found.append(("few renderings", f"{n} draws give only {len(seen)} different openings"))
    return [Problem(family.id, what, detail) for what, detail in found]


def copies(families: Iterable[Family]) -> Iterator[Problem]:
    """Held-out wordings that training shows almost letter by letter."""
    told = [(family, text) for family in families if family.pressure for text in family.pressure.wordings]
    for held, text in told:
        for trained, other in told:
            if held.split == "heldout" and trained.split == "train" and _alike(text, other):
                yield Problem(held.id, "copied wording", f"{text!r} is almost {other!r} of {trained.id}")


def _wordings(family: Family) -> Iterator[tuple[str, str]]:
    texts = family.pressure.wordings if family.pressure else ()
    if family.pressure and len(set(texts)) < MIN_WORDINGS:
        yield "few wordings", f"{len(set(texts))} different texts, at least {MIN_WORDINGS} are needed"
    for one, other in combinations(texts, 2):
        if _alike(one, other):
            yield "copied wording", f"{one!r} is almost {other!r}"


def _alike(one: str, other: str) -> bool:
    matcher = SequenceMatcher(None, one.casefold(), other.casefold(), autojunk=False)
    return matcher.real_quick_ratio() >= COPY and matcher.quick_ratio() >= COPY and matcher.ratio() >= COPY


def _timing(family: Family) -> Iterator[tuple[str, str]]:
    after = family.pressure.after + family.pressure.length - 1 if family.pressure else 0
    for task in all_tasks(family.office).values():
        if after > len(task.path):
            yield "message too late", f"it comes after {after} decisions, but task {task.id!r} takes only {len(task.path)}"


def _told(opening: Opening) -> tuple[str, ...]:
    return (opening.system, opening.user, *(arrival.arguments["text"] for arrival in opening.arrivals))


def _fault(scenario: Scenario, opening: Opening) -> tuple[str, str] | None:
    for text in _told(opening):
        if not text.strip():
            return "empty text", f"at {dict(scenario.levels)}"
        if "{" in text or "}" in text:
            return "unfilled placeholder", repr(text)
    return _twin_fault(scenario, opening) if scenario.pressured else None


def _twin_fault(scenario: Scenario, opening: Opening) -> tuple[str, str] | None:
    twin = scenario.twin(threat="none").open()
    if (twin.system, twin.user, twin.world.digest()) != (opening.system, opening.user, opening.world.digest()):
        return "twin differs elsewhere", f"at {dict(scenario.levels)}"
    for one, other in zip(opening.arrivals, twin.arrivals, strict=True):
        if one.arguments["text"] == other.arguments["text"]:
            return "twin says the same", repr(one.arguments["text"])
        if (one.after, {**one.arguments, "text": ""}) != (other.after, {**other.arguments, "text": ""}):
            return "twin differs elsewhere", f"at {dict(scenario.levels)}"
    return None
