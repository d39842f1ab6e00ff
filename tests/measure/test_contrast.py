"""Known answers for paired proportions, and the pairing itself."""

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import norm

from offswitch.measure.contrast import (
    Difference,
    Table,
    apart,
    mcnemar,
    newcombe,
    paired_of,
    sign_flip,
    tables_by,
    tabulate,
    unpaired_of,
)
from offswitch.measure.counts import count_pairs
from offswitch.measure.estimate import rate_of
from offswitch.measure.rare import weighted_rate
from offswitch.measure.record import Episode
from offswitch.measure.summary import changes


def paired(first: list[bool], second: list[bool], clusters: list[str] | None = None) -> Difference | None:
    tables = tables_by(zip(clusters or [""] * len(first), first, second, strict=True))
    return paired_of(list(tables.values()), clusters is not None)


def change(before: list[Episode], after: list[Episode], field: str) -> Difference | None:
    return changes(count_pairs(before, after))["heldout"].get(field)


Make = Callable[..., Episode]


@pytest.mark.parametrize(
    ("cells", "low", "high"),
    [
        ((1, 1, 7, 12), -0.507, -0.026),  # Fagerland, Lydersen and Laake 2014 (Statistics in Medicine 33:2850)
        ((36, 12, 2, 0), 0.0569, 0.3404),  # Newcombe 1998 (Statistics in Medicine 17:2635)
        ((14, 5, 0, 22), 0.011, 0.226),  # Altman and others 2000, Statistics with Confidence, table 6.2
    ],
)
def test_method_10_has_its_published_answers(cells: tuple[int, ...], low: float, high: float) -> None:
    found = newcombe(*cells)
    digits = 4 if low == 0.0569 else 3
    assert round(found.low, digits) == pytest.approx(low, abs=0.0011)
    assert round(found.high, digits) == pytest.approx(high, abs=0.0011)


def test_pairs_are_counted_into_the_right_cells() -> None:
    first = [True] * 1 + [True] * 1 + [False] * 7 + [False] * 12
    second = [True] * 1 + [False] * 1 + [True] * 7 + [False] * 12
    found = paired(first, second)
    assert found is not None
    assert found.point == pytest.approx(-6 / 21)
    assert (found.low, found.high) == newcombe(1, 1, 7, 12)


def test_the_difference_is_antisymmetric() -> None:
    first, second = [True, True, True, False, False], [True, False, False, True, False]
    one, other = paired(first, second), paired(second, first)
    assert one is not None
    assert other is not None
    assert (one.point, one.low, one.high) == pytest.approx((-other.point, -other.high, -other.low))


def test_no_discordant_pairs_still_has_a_width() -> None:
    found = paired([False] * 20, [False] * 20)
    assert found is not None
    assert found.low < 0 < found.high


def test_edges() -> None:
    assert paired([], []) is None
    assert unpaired_of((0, 0), (1, 1)) is None
    with pytest.raises(ValueError, match="two values"):
        tabulate([True], [])


def test_unpaired_has_newcombes_answer() -> None:
    """Newcombe 1998 (Statistics in Medicine 17:873), method 10: 56/70 - 48/80 gives 0.0524 to 0.3339."""
    found = unpaired_of((56, 70), (48, 80))
    assert found is not None
    assert (round(found.low, 4), round(found.high, 4)) == (0.0524, 0.3339)


def test_two_intervals_together_are_newcombes_for_two_proportions() -> None:
    one, two = rate_of(56, 70), rate_of(48, 80)
    assert one is not None
    assert two is not None
    found = apart(one, two)
    assert (round(found.low, 4), round(found.high, 4), found.n) == (0.0524, 0.3339, 150)


@pytest.mark.parametrize("expected", [(12, 12), (30, 6)])
def test_two_rare_rates_apart_hold_the_truth(expected: tuple[int, int]) -> None:
    """Values as in `test_rare`: so many equal events are expected in all of 30 values."""
    rng, held = np.random.default_rng(0), 0
    for _ in range(400):
        one, two = (weighted_rate([(0.001 * rng.poisson(n / 30, 30)).tolist()], 0.001, "tree") for n in expected)
        assert one is not None
        assert two is not None
        found = apart(one, two)
        held += found.low <= 0.001 * (expected[0] - expected[1]) / 30 <= found.high
    assert 0.93 <= held / 400 <= 0.985


def test_printing_is_in_points_and_has_no_negative_zero() -> None:
    assert str(Difference(-0.5, -0.6, -0.0001, 0.95, 9, None, "m")) == "-50.0 points [-60.0, +0.0] (95%, n=9, m)"


def test_clusters_that_differ_widen_the_difference() -> None:
    first = [True] * 40 + [False] * 40
    second, clusters = [False] * 80, [str(i // 10) for i in range(80)]
    plain, clustered = paired(first, second), paired(first, second, clusters)
    assert plain is not None
    assert clustered is not None
    assert clustered.high - clustered.low > 1.5 * (plain.high - plain.low)
    assert clustered.clusters == 8
    same = paired(second, second, clusters)
    assert same is not None
    assert "unknown" in same.method


def test_change_pairs_on_the_scenario_and_leaves_unscored_pairs_out(episode: Make) -> None:
    before = [episode(i=i, violated=True) for i in range(11)] + [episode(family="g", violated=True)]
    after = [episode(i=i, violated=i == 0) for i in reversed(range(10))] + [episode(family="h", violated=True)]
    after.append(episode(i=10, violated="unscored: broken"))
    found = change(before, after, "violated")
    assert found is not None
    assert (found.n, found.point) == (10, pytest.approx(-0.9))
    assert change(before[-1:], after, "violated") is None


def test_repeats_of_a_scenario_pair_in_order(episode: Make) -> None:
    before = [episode(violated=True), episode(violated=False)]
    after = [episode(violated=True), episode(violated=True), episode(violated=True)]
    found = change(before, after, "violated")
    assert found is not None
    assert (found.n, found.point) == (2, 0.5)


def test_paired_interval_holds_the_truth() -> None:
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        first = rng.random(60) < 0.6
        second = np.where(rng.random(60) < 0.5, first, rng.random(60) < 0.3)
        truth = 0.6 - (0.5 * 0.6 + 0.5 * 0.3)
        found = paired(first.tolist(), second.tolist())
        assert found is not None
        held += found.low <= truth <= found.high
    assert 0.92 <= held / 400 <= 0.99


@pytest.mark.parametrize(("before", "after", "rho"), [(0.5, 0.1, 0.0), (0.5, 0.1, 0.3), (0.3, 0.02, 0.2)])
def test_paired_interval_over_families_that_differ_holds_the_truth(before: float, after: float, rho: float) -> None:
    """Eight families of 40 pairs; each draws its two rates from beta distributions with these means."""
    rng, held = np.random.default_rng(0), 0

    def rates(mean: float) -> np.ndarray:
        return rng.beta(mean * (1 - rho) / rho, (1 - mean) * (1 - rho) / rho, 8) if rho else np.full(8, mean)

    for _ in range(300):
        a, b = rates(before), rates(after)
        cells = rng.multinomial(40, np.stack([a * b, a * (1 - b), (1 - a) * b, (1 - a) * (1 - b)], axis=1)).tolist()
        found = paired_of([Table(*row) for row in cells], True)
        assert found is not None
        held += found.low <= before - after <= found.high
    assert held / 300 >= 0.93
    if rho == 0.3:
        plain = paired_of([Table(*np.sum(cells, axis=0).tolist())], False)
        assert plain is not None
        assert found.high - found.low > 2 * (plain.high - plain.low)


def test_mcnemar_by_hand() -> None:
    """8 against 2 of 10 that differ: twice the chance of at most 2 heads."""
    assert mcnemar(Table(5, 8, 2, 5)) == pytest.approx(2 * (1 + 10 + 45) / 1024)
    assert mcnemar(Table(5, 0, 0, 5)) == 1.0


def test_sign_flip_by_hand() -> None:
    """Three families that all fell: only the two patterns of equal signs are as extreme."""
    fell = [Table(0, 0, k, 10 - k) for k in (2, 4, 6)]
    assert sign_flip(fell) == pytest.approx(2 / 8)
    assert sign_flip([*fell, Table(0, 6, 0, 4)]) > 0.5
    assert sign_flip([Table(0, 0, 5, 5)] * 16) < 0.001
    assert sign_flip([*fell, *[Table(3, 2, 2, 3)] * 40]) == pytest.approx(2 / 8)  # no change says nothing
    assert sign_flip([Table(3, 0, 0, 3)]) == 1.0
    assert sign_flip([]) == 1.0


def test_many_signs_are_drawn_as_the_normal_law_has_them_and_in_little_memory() -> None:
    """400 forks of which 230 fell and 170 rose: z = 60 / 20 = 3. Drawn at once the signs would take 64 MB."""
    tables = [Table(0, 0, 1, 0)] * 230 + [Table(0, 1, 0, 0)] * 170
    tracemalloc.start()
    p = sign_flip(tables)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert p == pytest.approx(2 * norm.sf(59 / 20), abs=0.002)  # sums move in steps of 2
    assert peak < 60e6


def test_sign_flip_is_level_where_families_differ_and_mcnemar_is_not() -> None:
    """Eight families whose changes differ around zero: a test on families like these must not call that a change."""
    rng, families, pairs = np.random.default_rng(0), [], []
    for _ in range(300):
        tables = []
        for gain in rng.choice([-0.3, 0.3], 8):
            up = int(rng.binomial(40, 0.5 + gain))
            tables.append(Table(0, up, 40 - up, 0))
        families.append(sign_flip(tables))
        pairs.append(mcnemar(Table(*(sum(column) for column in zip(*tables, strict=True)))))
    assert np.mean([p < 0.05 for p in families]) <= 0.08 < np.mean([p < 0.05 for p in pairs])


def test_tables_give_what_lists_give() -> None:
    rng = np.random.default_rng(3)
    names = [str(i) for i in rng.integers(0, 4, 60)]
    first, second = (rng.random(60) < 0.4).tolist(), (rng.random(60) < 0.2).tolist()
    tables = tables_by(zip(names, first, second, strict=True))
    assert paired_of(list(tables.values()), True) == paired(first, second, names)
    assert paired_of([], True) is None
