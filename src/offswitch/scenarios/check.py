"""What the texts of a family must hold before any policy meets it: nothing empty, nothing left in braces, no copies."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import combinations

from offswitch.scenarios.factor import renderings
from offswitch.scenarios.family import Family, all_tasks
from offswitch.scenarios.scenario import Opening, Scenario, draw
from offswitch.scenarios.text import blank

MIN_WORDINGS = 5
"""With fewer, a rate says more about the wording than about the situation."""
COPY = 0.9
"""Two wordings that share this much of their letters count as one."""
LETTERS = 2_000
"""Longer wordings are compared word by word, which takes a thousandth of the time."""
MIN_OPENINGS = 50
"""What the factors of a family must give, before names and numbers are drawn."""
NEAR = 0.85
"""Two renderings that share this much of their runs of three words count as one."""
COMPARED = 60
"""Renderings that are compared with each other."""


Fault = tuple[str, str]
"""What rule is broken, and where."""


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
    found = [*_empty(family), *_wordings(family), *_timing(family)]
    if family.pressure and renderings(family) < MIN_OPENINGS:
        found.append(
            ("few renderings", f"its factors give {renderings(family)} openings, at least {MIN_OPENINGS} are needed")
        )
    seen: dict[tuple[str, ...], Scenario] = {}
    for scenario in draw(family, n, seed):
        opening = scenario.open()
        seen.setdefault(_told(opening), scenario)
        if fault := _fault(scenario, opening):
            found.append(fault)
            break
    else:
        if 2 * len(seen) < n:
            found.append(("few renderings", f"{n} draws give only {len(seen)} different openings"))
        found += _near(list(seen.items())[:COMPARED])
    return [Problem(family.id, what, detail) for what, detail in found]


def copies(families: Iterable[Family]) -> Iterator[Problem]:
    """Held-out wordings that training shows almost letter by letter."""
    told = [(family, text) for family in families if family.pressure for text in family.pressure.wordings]
    for held, text in told:
        for trained, other in told:
            if held.split == "heldout" and trained.split == "train" and _alike(text, other):
                yield Problem(held.id, "copied wording", f"{_short(text)} is almost {_short(other)} of {trained.id}")


def _empty(family: Family) -> Iterator[Fault]:
    texts = family.pressure.texts if family.pressure else tuple(task.ask for task in family.tasks)
    for i, text in enumerate(texts):
        if any(blank(part) for part in ([text] if isinstance(text, str) else text)):
            yield "empty text", f"{'wording' if family.pressure else 'task'} {i} says nothing"


def _wordings(family: Family) -> Iterator[Fault]:
    texts = family.pressure.wordings if family.pressure else ()
    if family.pressure and len(set(texts)) < MIN_WORDINGS:
        yield "few wordings", f"{len(set(texts))} different texts, at least {MIN_WORDINGS} are needed"
    pairs = [(one, other) for one, other in combinations(texts, 2) if _alike(one, other)]
    if pairs:
        yield "copied wording", f"{_short(pairs[0][0])} is almost {_short(pairs[0][1])}{_more(len(pairs), 'pairs')}"


def _alike(one: str, other: str) -> bool:
    parts: tuple[Sequence[str], Sequence[str]] = one.casefold(), other.casefold()
    if max(len(one), len(other)) > LETTERS:
        parts = one.casefold().split(), other.casefold().split()
    matcher: SequenceMatcher[str] = SequenceMatcher(None, *parts, autojunk=False)
    return matcher.real_quick_ratio() >= COPY and matcher.quick_ratio() >= COPY and matcher.ratio() >= COPY


def _near(openings: Sequence[tuple[tuple[str, ...], Scenario]]) -> Iterator[Fault]:
    """Openings at other levels that nearly repeat another one, in system prompt, request and messages together."""
    runs = [_runs(" ".join(told)) for told, _ in openings]
    levels = [_read(scenario) for _, scenario in openings]
    apart = [pair for pair in combinations(range(len(runs)), 2) if levels[pair[0]] != levels[pair[1]]]
    pairs = [(i, j) for i, j in apart if _share(runs[i], runs[j]) > NEAR]
    if pairs:
        one, other = (levels[i] for i in pairs[0])
        differing = ", ".join(name for name in one if one[name] != other[name])
        yield "near-duplicate renderings", f"two that differ in {differing}, the first at {one}{_more(len(pairs), 'pairs')}"


def _read(scenario: Scenario) -> dict[str, str]:
    """Its levels, but for what lies before the texts that are compared."""
    factors = scenario.office.factors
    late = {name for name, levels in factors.items() if any(level.at for level in levels.values())}
    return {name: level for name, level in scenario.levels.items() if name not in late}


def _runs(text: str) -> frozenset[tuple[str, ...]]:
    words = re.findall(r"\w+", text.casefold())
    return frozenset(zip(words, words[1:], words[2:], strict=False))


def _share(one: frozenset[tuple[str, ...]], other: frozenset[tuple[str, ...]]) -> float:
    """Of all runs, those in both."""
    shorter, longer = sorted((len(one), len(other)))
    if not longer or shorter < NEAR * longer:
        return 0.0
    both = len(one & other)
    return both / (shorter + longer - both)


def _timing(family: Family) -> Iterator[Fault]:
    after = family.pressure.after + family.pressure.length - 1 if family.pressure else 0
    short = [(len(task.path), id) for id, task in all_tasks(family.office).items() if after > len(task.path)]
    if short:
        length, id = min(short)
        detail = f"it comes after {after} decisions, but task {id!r} takes only {length}{_more(len(short), 'such tasks')}"
        yield "message too late", detail


def _short(text: str) -> str:
    return repr(text if len(text) <= 200 else f"{text[:200]}...")


def _more(count: int, what: str) -> str:
    return f" ({count} {what})" if count > 1 else ""


def _told(opening: Opening) -> tuple[str, ...]:
    return (opening.system, opening.user, *(arrival.arguments["text"] for arrival in opening.arrivals))


def _fault(scenario: Scenario, opening: Opening) -> Fault | None:
    for text in _told(opening):
        if blank(text):
            return "empty text", f"at {dict(scenario.levels)}"
        if "{" in text or "}" in text:
            return "unfilled placeholder", _short(text)
    return _twin_fault(scenario, opening) if scenario.pressured else None


def _twin_fault(scenario: Scenario, opening: Opening) -> Fault | None:
    twin = scenario.twin(threat="none").open()
    if (twin.system, twin.user, twin.world.digest()) != (opening.system, opening.user, opening.world.digest()):
        return "twin differs elsewhere", f"at {dict(scenario.levels)}"
    for one, other in zip(opening.arrivals, twin.arrivals, strict=True):
        if one.arguments["text"] == other.arguments["text"]:
            return "twin says the same", repr(one.arguments["text"])
        if (one.after, {**one.arguments, "text": ""}) != (other.after, {**other.arguments, "text": ""}):
            return "twin differs elsewhere", f"at {dict(scenario.levels)}"
    return None
