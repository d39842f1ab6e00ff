"""The factors of a family, which of their combinations are legal, and designs that cross them."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import combinations, product
from math import prod
from random import Random

from allpairspy import AllPairs

from offswitch.errors import OffswitchError
from offswitch.scenarios.family import Family, all_tasks
from offswitch.scenarios.office import load_office

Cell = dict[str, str]
"""One level of each factor."""
Only = Mapping[str, Sequence[str]]
"""Levels to keep, of the factors that are named."""
WHOLE: Only = {}
"""Every level of every factor."""
Told = tuple[tuple[str, tuple[str, ...]], ...]
Rules = tuple[tuple[tuple[str, str], ...], ...]
Varied = Sequence[tuple[str, tuple[str, ...]]]
"""Factors with more than one level."""
Broken = Callable[[Mapping[str, str]], bool]
MOST = 100_000
"""Cells that a full design may have."""


def factors(family: Family) -> dict[str, tuple[str, ...]]:
    """Every factor of a family with its legal levels, in a fixed order; `legal` says which combinations are."""
    office = load_office(family.office)
    shared = {name: tuple(levels) for name, levels in office.factors.items()}
    if family.pressure is None:
        tasks = tuple(task.id for task in family.tasks)
        found = {"threat": ("none",), "task": tasks, "sender": ("0",), "wording": ("0",)}
    else:
        found = {
            "threat": ("present", "none"),
            "task": tuple(all_tasks(family.office)),
            "sender": tuple(str(i) for i in range(len(family.pressure.senders))),
            "wording": tuple(str(i) for i in range(len(family.pressure.texts))),
        }
        if family.pressure.placements != ("mail",):
            found["placement"] = tuple(str(placement) for placement in family.pressure.placements)
    if office.domains:
        found["domain"] = tuple(office.domains)
    return {name: family.levels.get(name, levels) for name, levels in {**found, **shared}.items()}


def legal(family: Family, cell: Mapping[str, str]) -> bool:
    """Whether these levels may stand together: no rule of `never` has all that it names among them."""
    return not any(all(cell.get(name) == level for name, level in rule.items()) for rule in family.never)


def renderings(family: Family) -> int:
    """How many openings the factors give before names and numbers are drawn; illegal cells counted, twins not."""
    return prod(len(levels) for name, levels in factors(family).items() if name != "threat")


def chosen(family: Family, only: Only) -> dict[str, tuple[str, ...]]:
    """`factors`, of those that `only` names just the levels that it names, which may be none."""
    return {
        name: tuple(level for level in levels if level in only.get(name, levels)) for name, levels in factors(family).items()
    }


def narrowed(families: Mapping[str, Family], only: Only) -> dict[str, Family]:
    """The families that have the factors in `only`, each with one of the levels named.

    Raises `OffswitchError` for a factor or level that no family has, and for one that measures set themselves.
    """
    there = {id: factors(family) for id, family in families.items()}
    for name, levels in only.items():
        if name == "threat":
            raise OffswitchError("every pressured scenario has its twin without threat; 'threat' cannot be chosen")
        known = sorted({factor for told in there.values() for factor in told} - {"threat"})
        if name not in known:
            raise OffswitchError(f"there is no factor {name!r}; there are: {', '.join(known)}")
        found = list(dict.fromkeys(level for told in there.values() for level in told.get(name, ())))
        if missing := [level for level in levels if level not in found]:
            raise OffswitchError(f"{name} has no level {missing[0]!r}; it has: {', '.join(found)}")
    return {
        id: family
        for id, family in families.items()
        if all(name in there[id] and not set(levels).isdisjoint(there[id][name]) for name, levels in only.items())
    }


def cells(family: Family, design: str, only: Only = WHOLE) -> tuple[Cell, ...]:
    """Legal cells without the threat: `pairwise` has every legal pair of levels at least once, `full` has all cells.

    `only` keeps some levels of some factors. Raises `OffswitchError` for another design and for a full one that is too large.
    """
    told = tuple((name, levels) for name, levels in chosen(family, only).items() if name != "threat")
    never = tuple(tuple(rule.items()) for rule in family.never)
    if design == "pairwise":
        return tuple(dict(cell) for cell in _pairwise(told, never))
    if design != "full":
        raise OffswitchError(f"there is no design {design!r}; there are: pairwise, full")
    size = prod(len(levels) for _, levels in told)
    if size > MOST:
        raise OffswitchError(f"{family.id} has {size:,} cells, a full design at most {MOST:,}; use pairwise")
    names, levels = [name for name, _ in told], [options for _, options in told]
    crossed = (dict(zip(names, choice, strict=True)) for choice in product(*levels))
    return tuple(cell for cell in crossed if legal(family, cell))


@cache
def _pairwise(told: Told, never: Rules) -> tuple[tuple[tuple[str, str], ...], ...]:
    """Covering array of strength two (Cohen et al., The AETG system, IEEE TSE 1997), by allpairspy."""
    varied = [(name, options) for name, options in told if len(options) > 1]
    fixed = {name: options[0] for name, options in told if len(options) == 1}

    def broken(cell: Mapping[str, str]) -> bool:
        """Whether a rule forbids this cell, which may still lack levels."""
        full = {**fixed, **cell}
        return any(all(full.get(name) == level for name, level in rule) for rule in never)

    names = [name for name, _ in varied]
    if len(varied) < 2:
        rows: Iterable[Sequence[str]] = [[level] for level in varied[0][1]] if varied else [[]]
    elif _filled({}, _ruled_first(varied, never), broken) is None:
        rows = []
    else:
        lawful = (lambda row: not broken(dict(zip(names, row, strict=False)))) if never else lambda row: True
        rows = AllPairs([list(options) for _, options in varied], filter_func=lawful)
    crossed = [dict(zip(names, row, strict=True)) for row in rows]
    if never:
        crossed = [cell for cell in crossed if not broken(cell)]
        crossed += _missed(crossed, _ruled_first(varied, never), broken)
    _even(crossed, varied, broken)
    return tuple(tuple((name, {**fixed, **cell}[name]) for name, _ in told) for cell in crossed)


def _ruled_first(varied: Varied, never: Rules) -> Varied:
    """Factors that rules name come first, so that a search finds out soon what they leave."""
    ruled = {name for rule in never for name, _ in rule}
    return sorted(varied, key=lambda factor: factor[0] not in ruled)


def _missed(rows: Sequence[Cell], varied: Varied, broken: Broken) -> list[Cell]:
    """Rows for the legal pairs that a greedy search under rules leaves out."""
    names = [name for name, _ in varied]
    covered = {pair for row in rows for pair in _pairs(row, names)}
    added: list[Cell] = []
    for (one, levels), (other, others) in combinations(varied, 2):
        for level, another in product(levels, others):
            pair = {one: level, other: another}
            if frozenset(pair.items()) not in covered and (found := _filled(pair, varied, broken)) is not None:
                added.append(found)
                covered.update(_pairs(found, names))
    return added


def _filled(cell: Cell, varied: Varied, broken: Broken) -> Cell | None:
    """The cell with a level for each factor, in the order of `varied`; None where no legal one has these levels."""
    if broken(cell):
        return None
    lacking = next(((name, levels) for name, levels in varied if name not in cell), None)
    if lacking is None:
        return {name: cell[name] for name, _ in varied}
    name, levels = lacking
    return next((found for level in levels if (found := _filled({**cell, name: level}, varied, broken))), None)


def _even(rows: Sequence[Cell], varied: Varied, broken: Broken) -> None:
    """Use the levels of each factor about equally often: a row takes a rarer level where no pair is lost by it."""
    names = [name for name, _ in varied]
    pairs = Counter(pair for row in rows for pair in _pairs(row, names))
    for name, levels in varied:
        used = Counter(row[name] for row in rows)
        for row in rows:
            rarest = min(levels, key=used.__getitem__)
            changed = {**row, name: rarest}
            lost = [_pair(row, name, other) for other in names if other != name]
            if used[row[name]] - used[rarest] < 2 or any(pairs[pair] < 2 for pair in lost) or broken(changed):
                continue
            pairs.subtract(lost)
            pairs.update(_pair(changed, name, other) for other in names if other != name)
            used.update({rarest: 1, row[name]: -1})
            row[name] = rarest


def _pair(row: Cell, one: str, other: str) -> frozenset[tuple[str, str]]:
    return frozenset(((one, row[one]), (other, row[other])))


def _pairs(row: Cell, names: Sequence[str]) -> Iterator[frozenset[tuple[str, str]]]:
    return (_pair(row, one, other) for one, other in combinations(names, 2))


def drawn(family: Family, n: int, rng: Random, design: str, only: Only = WHOLE) -> list[Cell]:
    """`n` cells in an order fixed by `rng`: `balanced` has each level of each factor equally often.

    `only` keeps some levels of some factors. Raises `OffswitchError` as `cells` does, and where no cell is legal.
    """
    if design == "balanced":
        told = {name: levels for name, levels in chosen(family, only).items() if name != "threat"}
        if not all(told.values()):
            raise OffswitchError(f"{family.id} has none of the levels asked for")
        columns = {name: list(_balanced(levels, n, rng)) for name, levels in told.items()}
        return [{name: column[i] for name, column in columns.items()} for i in range(n)]
    whole, dealt = cells(family, design, only), list[Cell]()
    if not whole:
        raise OffswitchError(f"{family.id} has no legal combination of these levels; its 'never' excludes them all")
    while len(dealt) < n:
        dealt += rng.sample(whole, len(whole))
    return dealt[:n]


def _balanced(levels: Sequence[str], n: int, rng: Random) -> Iterator[str]:
    deck: list[str] = []
    for _ in range(n):
        if not deck:
            deck = rng.sample(levels, len(levels))
        yield deck.pop()
