"""The difference that one change makes, on pairs that share everything else.

A scenario and its control twin share `Episode.pair`; the same scenario before and after training shares `Episode.key`.
Both are paired proportions, so both use Newcombe's method 10 (Statistics in Medicine 1998, 17:2635): Wilson's limits of
the two proportions, squared and added, with their correlation phi. statsmodels has it only in its development version.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

from offswitch.measure.estimate import Estimate, Interval, effective, wilson
from offswitch.measure.record import Episode


@dataclass(frozen=True)
class Difference(Estimate):
    """First rate minus second, between -1 and 1; printed in percentage points."""

    def __str__(self) -> str:
        return f"{points(self.point)} points [{points(self.low)}, {points(self.high)}] ({self._made()})"


def points(share: float) -> str:
    """A difference of shares in percentage points, signed, without a negative zero."""
    return f"{round(100 * share, 1) + 0.0:+.1f}"


def paired(
    first: Sequence[bool], second: Sequence[bool], clusters: Sequence[Hashable] | None = None, level: float = 0.95
) -> Difference | None:
    """Rate of `first` minus rate of `second`, element by element the same pair. None for no pairs.

    With `clusters`, the table is scaled to the effective number of pairs, found as in `estimate.clustered_rate` from the
    differences; where the differences are all equal this is not possible and `method` says so. Raises `ValueError` for
    unequal lengths.
    """
    if len(first) != len(second):
        raise ValueError(f"pairs need two values each, got {len(first)} and {len(second)}")
    n = len(first)
    if not n:
        return None
    cells = list(zip(first, second, strict=True))
    both, only_first = cells.count((True, True)), cells.count((True, False))
    only_second, neither = cells.count((False, True)), cells.count((False, False))
    worth, count, method = float(n), None, "Newcombe paired"
    if clusters is not None:
        size = effective([int(a) - int(b) for a, b in cells], clusters, level)
        worth, count = size.n, size.clusters
        method += f"; {size.note}" if size.note else f" on {size.n:.0f} effective pairs, clustered by family"
    scale = worth / n
    interval = newcombe(both * scale, only_first * scale, only_second * scale, neither * scale, level)
    return Difference((only_first - only_second) / n, *interval, level, n, count, method)


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


def unpaired(first: Sequence[bool], second: Sequence[bool], level: float = 0.95) -> Difference | None:
    """Rate of `first` minus rate of `second` for independent samples, Newcombe's hybrid score interval (1998, 17:873).

    None where either is empty.
    """
    if not first or not second:
        return None
    from statsmodels.stats.proportion import confint_proportions_2indep

    low, high = confint_proportions_2indep(
        sum(first), len(first), sum(second), len(second), method="newcomb", compare="diff", alpha=1 - level
    )
    point = sum(first) / len(first) - sum(second) / len(second)
    n = len(first) + len(second)
    return Difference(point, max(-1.0, float(low)), min(1.0, float(high)), level, n, None, "Newcombe unpaired")


def twin_effect(episodes: Iterable[Episode], field: str, level: float = 0.95) -> Difference | None:
    """What the pressure does: pressured minus control twin, over pairs with both scored. None where there are none."""
    everything = list(episodes)
    pressured = [episode for episode in everything if episode.pressured]
    control = [episode for episode in everything if not episode.pressured]
    return _contrast(pressured, control, lambda episode: episode.pair, field, level)


def change(before: Iterable[Episode], after: Iterable[Episode], field: str, level: float = 0.95) -> Difference | None:
    """What happened between two runs: after minus before, over scenarios with equal key that both scored."""
    return _contrast(after, before, lambda episode: episode.key, field, level)


def _contrast(
    first: Iterable[Episode], second: Iterable[Episode], by: Callable[[Episode], str], field: str, level: float
) -> Difference | None:
    """Pairs by `by`; repeated runs of one scenario pair up in the order in which they came."""
    waiting: dict[str, list[Episode]] = defaultdict(list)
    for episode in second:
        waiting[by(episode)].append(episode)
    for queue in waiting.values():
        queue.reverse()
    one, two, families = [], [], []
    for episode in first:
        if not waiting.get(by(episode)):
            continue
        other = waiting[by(episode)].pop()
        a, b = episode.findings[field].value, other.findings[field].value
        if a is not None and b is not None:
            one.append(a)
            two.append(b)
            families.append(episode.family)
    several = families if len(set(families)) > 1 else None
    return paired(one, two, several, level)
