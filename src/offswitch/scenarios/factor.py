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
Told = tuple[tuple[str, tuple[str, ...]], ...]
Rules = tuple[tuple[tuple[str, str], ...], ...]
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


def cells(family: Family, design: str) -> tuple[Cell, ...]:
    """Legal cells without the threat: `pairwise` has every legal pair of levels at least once, `full` has all cells.

    Raises `OffswitchError` for another design and for a full one that is too large.
    """
    told = tuple((name, levels) for name, levels in factors(family).items() if name != "threat")
    never = tuple(tuple(rule.items()) for rule in family.never)
    if design == "pairwise":
        return tuple(dict(cell) for cell in _pairwise(told, never))
    if design != "full":
        raise OffswitchError(f"there is no design {design!r}; there are: pairwise, full")
    if renderings(family) > MOST:
        raise OffswitchError(f"{family.id} has {renderings(family):,} cells, a full design at most {MOST:,}; use pairwise")
    names, levels = [name for name, _ in told], [options for _, options in told]
    crossed = (dict(zip(names, choice, strict=True)) for choice in product(*levels))
    return tuple(cell for cell in crossed if legal(family, cell))


@cache
def _pairwise(told: Told, never: Rules) -> tuple[tuple[tuple[str, str], ...], ...]:
    """Covering array of strength two (Cohen et al., The AETG system, IEEE TSE 1997), by allpairspy."""
    varied = [(name, options) for name, options in told if len(options) > 1]
    fixed = {name: options[0] for name, options in told if len(options) == 1}

    def allowed(row: Sequence[str]) -> bool:
        cell = {**fixed, **{name: level for (name, _), level in zip(varied, row, strict=False)}}
        return not any(all(cell.get(name) == level for name, level in rule) for rule in never)

    if len(varied) < 2:
        rows: Iterable[Sequence[str]] = [[level] for level in varied[0][1]] if varied else [[]]
    else:
        rows = AllPairs([list(options) for _, options in varied], filter_func=allowed)
    crossed = [dict(zip((name for name, _ in varied), row, strict=True)) for row in rows]

    def lawful(cell: Cell) -> bool:
        return allowed([cell[name] for name, _ in varied])

    if never:
        crossed += _missed(crossed, varied, lawful)
    _even(crossed, varied, lawful)
    return tuple(tuple((name, {**fixed, **cell}[name]) for name, _ in told) for cell in crossed)


def _missed(rows: Sequence[Cell], varied: Sequence[tuple[str, tuple[str, ...]]], legal: Callable[[Cell], bool]) -> list[Cell]:
    """Rows for legal pairs that a greedy search under rules leaves out: an old row with that pair put in."""
    covered = {pair for row in rows for pair in combinations(row.items(), 2)}
    added: list[Cell] = []
    for (one, levels), (other, others) in combinations(varied, 2):
        for pair in product(((one, level) for level in levels), ((other, level) for level in others)):
            if pair not in covered:
                found = next((cell for row in rows if legal(cell := {**row, **dict(pair)})), None)
                if found is not None:
                    added.append(found)
                    covered.update(combinations(found.items(), 2))
    return added


def _even(rows: Sequence[Cell], varied: Sequence[tuple[str, tuple[str, ...]]], legal: Callable[[Cell], bool]) -> None:
    """Use the levels of each factor about equally often: a row takes a rarer level where no pair is lost by it."""
    names = [name for name, _ in varied]
    pairs = Counter(pair for row in rows for pair in _pairs(row, names))
    for name, levels in varied:
        used = Counter(row[name] for row in rows)
        for row in rows:
            rarest = min(levels, key=used.__getitem__)
            changed = {**row, name: rarest}
            lost = [_pair(row, name, other) for other in names if other != name]
            if used[row[name]] - used[rarest] < 2 or any(pairs[pair] < 2 for pair in lost) or not legal(changed):
                continue
            pairs.subtract(lost)
            pairs.update(_pair(changed, name, other) for other in names if other != name)
            used.update({rarest: 1, row[name]: -1})
            row[name] = rarest


def _pair(row: Cell, one: str, other: str) -> frozenset[tuple[str, str]]:
    return frozenset(((one, row[one]), (other, row[other])))


def _pairs(row: Cell, names: Sequence[str]) -> Iterator[frozenset[tuple[str, str]]]:
    return (_pair(row, one, other) for one, other in combinations(names, 2))


def drawn(family: Family, n: int, rng: Random, design: str) -> list[Cell]:
    """`n` cells in an order fixed by `rng`: `balanced` has each level of each factor equally often."""
    if design == "balanced":
        columns = {name: list(_balanced(levels, n, rng)) for name, levels in factors(family).items() if name != "threat"}
        return [{name: column[i] for name, column in columns.items()} for i in range(n)]
    whole, chosen = cells(family, design), list[Cell]()
    while len(chosen) < n:
        chosen += rng.sample(whole, len(whole))
    return chosen[:n]


def _balanced(levels: Sequence[str], n: int, rng: Random) -> Iterator[str]:
    deck: list[str] = []
    for _ in range(n):
        if not deck:
            deck = rng.sample(levels, len(levels))
        yield deck.pop()
