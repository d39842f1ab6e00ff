"""The difference that one change makes, on pairs that share everything else.

A scenario and its control twin share `Episode.pair`; the same scenario before and after training shares `Episode.key`.
Both are paired proportions, so both use Newcombe's method 10 (Statistics in Medicine 1998, 17:2635): Wilson's limits of
the two proportions, squared and added, with their correlation phi. statsmodels before 0.15 does not have it.

Two tests go with it. `mcnemar` is for one family, or for a statement on these very families. `sign_flip` is for families like
these: it flips whole families, so it holds with few of them, but with 8 it can never say less than 1/128.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple, Protocol, TypeVar

from offswitch.measure.estimate import Estimate, Interval, Total, effective_of, wilson
from offswitch.measure.record import Episode

Name = TypeVar("Name", bound=Hashable)
_ROOM = 1_000_000  # signs that are held at a time


@dataclass(frozen=True)
class Difference(Estimate):
    """First rate minus second, between -1 and 1; printed in percentage points."""

    def __str__(self) -> str:
        return f"{points(self.point)} points [{points(self.low)}, {points(self.high)}] ({self._made()})"


def points(share: float) -> str:
    """A difference of shares in percentage points, signed, without a negative zero."""
    return f"{round(100 * share, 1) + 0.0:+.1f}"


class Table(NamedTuple):
    """How many pairs there are of each kind."""

    both: int
    only_first: int
    only_second: int
    neither: int

    @property
    def n(self) -> int:
        return sum(self)


def tabulate(first: Sequence[bool], second: Sequence[bool]) -> Table:
    """The four counts. Raises `ValueError` for unequal lengths."""
    if len(first) != len(second):
        raise ValueError(f"pairs need two values each, got {len(first)} and {len(second)}")
    cells = [(bool(a), bool(b)) for a, b in zip(first, second, strict=True)]
    kinds = ((True, True), (True, False), (False, True), (False, False))
    return Table(*(cells.count(kind) for kind in kinds))


def tables_by(pairs: Iterable[tuple[Name, bool, bool]]) -> dict[Name, Table]:
    """A table for each cluster, from cluster, first and second value of each pair."""
    seen: dict[Name, tuple[list[bool], list[bool]]] = {}
    for name, a, b in pairs:
        one, two = seen.setdefault(name, ([], []))
        one.append(a)
        two.append(b)
    return {name: tabulate(one, two) for name, (one, two) in seen.items()}


def paired_of(tables: Sequence[Table], clustered: bool, level: float = 0.95) -> Difference | None:
    """Rate of the first minus rate of the second from the tables of all clusters. None for no pairs.

    Where `clustered`, the table is scaled to the effective number of pairs, found as in `estimate.clustered_rate_of` from
    the differences; where the differences are all equal this is not possible and `method` says so.
    """
    kept = [table for table in tables if table.n]
    pooled = Table(*(sum(column) for column in zip(*kept, strict=True))) if kept else Table(0, 0, 0, 0)
    n = pooled.n
    if not n:
        return None
    worth, count, method = float(n), None, "Newcombe paired"
    if clustered:
        size = effective_of([Total(t.only_first - t.only_second, t.only_first + t.only_second, t.n) for t in kept], level)
        worth, count = size.n, size.clusters
        method += f"; {size.note}" if size.note else f" on {size.n:.0f} effective pairs, clustered by family"
    both, only_first, only_second, neither = (cell * worth / n for cell in pooled)
    interval = newcombe(both, only_first, only_second, neither, level)
    return Difference((pooled.only_first - pooled.only_second) / n, *interval, level, n, count, method)


def mcnemar(table: Table) -> float:
    """Two-sided p that neither changed, exact: pairs that differ are fair coins (McNemar 1947, Psychometrika 12:153)."""
    from scipy.stats import binomtest

    differing = table.only_first + table.only_second
    return float(binomtest(table.only_first, differing).pvalue) if differing else 1.0


def sign_flip(tables: Sequence[Table], draws: int = 20_000) -> float:
    """Two-sided p that the mean change over families is zero: each family's change keeps its size and gets a random sign.

    Families without a change tell nothing either way. All sign patterns of up to 14 others, else `draws` seeded ones (Canay,
    Romano and Shaikh 2017, Econometrica 85:1013).
    """
    import numpy as np

    changes = np.array([(t.only_first - t.only_second) / t.n for t in tables if t.only_first != t.only_second])
    c, least = len(changes), abs(changes.sum()) - 1e-12
    if c <= 14:
        signs = 1 - 2 * ((np.arange(2**c)[:, None] >> np.arange(c)) & 1)
        return float(np.mean(np.abs(signs @ changes) >= least))
    dice, step, extreme = np.random.default_rng(0), max(1, _ROOM // c), 0
    for start in range(0, draws, step):
        drawn = 1.0 - 2 * dice.integers(0, 2, (min(step, draws - start), c), dtype=np.int8)
        extreme += int(np.sum(np.abs(drawn @ changes) >= least))
    return (1 + extreme) / (1 + draws)


def holm(p: Sequence[float]) -> list[float]:
    """Adjusted for there being several (Holm 1979, Scand J Statist 6:65)."""
    from statsmodels.stats.multitest import multipletests

    return [float(one) for one in multipletests(p, method="holm")[1]] if p else []


def newcombe(both: float, only_first: float, only_second: float, neither: float, level: float = 0.95) -> Interval:
    """Method 10 for the four cells of a paired table, which may be fractional."""
    n = both + only_first + only_second + neither
    p, q = (both + only_first) / n, (both + only_second) / n
    p_low, p_high = wilson(both + only_first, n, level)
    q_low, q_high = wilson(both + only_second, n, level)
    margins = (both + only_first) * (only_second + neither) * (both + only_second) * (only_first + neither)
    cross = both * neither - only_first * only_second
    cross = max(cross - n / 2, 0.0) if cross > 0 else cross  # Newcombe's continuity correction of phi
    phi = cross / sqrt(margins) if margins > 0 else 0.0
    down = (p - p_low) ** 2 - 2 * phi * (p - p_low) * (q_high - q) + (q_high - q) ** 2
    up = (p_high - p) ** 2 - 2 * phi * (p_high - p) * (q - q_low) + (q - q_low) ** 2
    return Interval(max(-1.0, p - q - sqrt(max(0.0, down))), min(1.0, p - q + sqrt(max(0.0, up))))


def unpaired_of(first: tuple[int, int], second: tuple[int, int], level: float = 0.95) -> Difference | None:
    """From true and all of each sample: Newcombe's hybrid score interval (1998, 17:873). None where either is empty."""
    (a, m), (b, n) = first, second
    if not m or not n:
        return None
    from statsmodels.stats.proportion import confint_proportions_2indep

    low, high = confint_proportions_2indep(a, m, b, n, method="newcomb", compare="diff", alpha=1 - level)
    return Difference(a / m - b / n, max(-1.0, float(low)), min(1.0, float(high)), level, m + n, None, "Newcombe unpaired")


class Ends(Protocol):
    """Whatever has a point and an interval."""

    @property
    def point(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


def apart(first: Estimate, second: Estimate) -> Difference:
    """First minus second of two estimates that are independent of each other; see `mover`."""
    ends, n = mover(first, second), first.n + second.n
    return Difference(first.point - second.point, *ends, first.level, n, None, "from both intervals (MOVER)")


def mover(first: Ends, second: Ends) -> Interval:
    """Of first minus second, from the intervals of both, which are independent of each other.

    Newcombe's way to put two intervals together holds for other estimates than proportions too (Zou and Donner 2008,
    Statistics in Medicine 27:1693). Positive correlation makes it err to the wide side.
    """
    d = first.point - second.point
    low = d - sqrt((first.point - first.low) ** 2 + (second.high - second.point) ** 2)
    return Interval(low, d + sqrt((first.high - first.point) ** 2 + (second.point - second.low) ** 2))


def pairs_of(
    first: Iterable[Episode], second: Iterable[Episode], by: Callable[[Episode], str]
) -> Iterator[tuple[Episode, Episode]]:
    """Pairs by `by`; repeated runs of one scenario pair up in the order in which they came."""
    waiting: dict[str, list[Episode]] = defaultdict(list)
    for episode in second:
        waiting[by(episode)].append(episode)
    for queue in waiting.values():
        queue.reverse()
    for episode in first:
        if waiting.get(by(episode)):
            yield episode, waiting[by(episode)].pop()


def family_tables(pairs: Iterable[tuple[Episode, Episode]], field: str) -> dict[str, Table]:
    """A table for each family, of the pairs that both scored."""
    values = ((one.family, one.findings[field].value, two.findings[field].value) for one, two in pairs)
    return tables_by((name, a, b) for name, a, b in values if a is not None and b is not None)


def difference_of(tables: Mapping[str, Table], level: float = 0.95) -> Difference | None:
    """Clustered where there are several families."""
    return paired_of(list(tables.values()), len(tables) > 1, level)
