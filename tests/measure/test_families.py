"""Known answers and coverage of what is said of many families: Gaffke, bootstrap, heterogeneity, Holm."""

import numpy as np
import pytest

from bench.intervals import coverage
from offswitch.measure.contrast import Table
from offswitch.measure.estimate import exact
from offswitch.measure.families import any_family_rate, bootstrap_rate, by_family, heterogeneity


@pytest.mark.parametrize(("bad", "families"), [(0, 8), (3, 8), (8, 8), (1, 20)])
def test_all_or_nothing_families_give_clopper_and_pearson(bad: int, families: int) -> None:
    found = any_family_rate([40] * bad + [0] * (families - bad), [40] * families)
    assert found is not None
    assert (found.low, found.high) == pytest.approx(exact(bad, families), abs=0.006)
    assert (found.point, found.clusters, found.n) == (bad / families, families, 40 * families)


@pytest.mark.parametrize(("families", "rate", "rho"), [(8, 0.05, 0.3), (8, 0.005, 0.3), (20, 0.5, 0.1), (20, 0.005, 0.1)])
def test_any_family_rate_covers_where_others_do_not(families: int, rate: float, rho: float) -> None:
    found = coverage(rate, families, rho, 100, ("these", "any family"))
    assert found["any family"][0] >= 0.94
    assert found["these"][0] >= 0.94


def test_bootstrap_of_equal_families_has_no_width() -> None:
    found = bootstrap_rate([4] * 10, [40] * 10)
    assert found is not None
    assert (found.low, found.point, found.high) == (0.1, 0.1, 0.1)
    two = bootstrap_rate([0, 40], [40, 40])
    assert two is not None
    assert (two.low, two.high) == (0.0, 1.0)


def test_nothing_gives_none() -> None:
    assert any_family_rate([], []) is None
    assert bootstrap_rate([0], [0]) is None
    assert heterogeneity([1], [40]) is None
    assert by_family({"a": Table(0, 0, 0, 0)}) == ()


def test_heterogeneity_sees_one_family_that_fails() -> None:
    one = heterogeneity([20, 0, 0, 0, 0, 0, 0, 0], [40] * 8)
    assert one is not None
    assert one.p < 0.001
    assert (one.lowest, one.highest) == (0.0, 0.5)
    assert one.spread == pytest.approx((np.var([0.5] + [0] * 7, ddof=1) - 0.25 / 39 / 8) ** 0.5)
    even = heterogeneity([5] * 8, [40] * 8)
    assert even is not None
    assert even.p == 1.0
    assert even.spread == 0.0


def test_heterogeneity_is_level_where_families_are_equal() -> None:
    """p below 0.1 in about a tenth of draws, also at rates where chi-square would not hold."""
    rng = np.random.default_rng(0)
    found = [heterogeneity(rng.binomial(40, 0.02, 8).tolist(), [40] * 8, draws=200) for _ in range(150)]
    assert np.mean([h.p <= 0.1 for h in found if h]) == pytest.approx(0.1, abs=0.08)


def test_holm_by_hand() -> None:
    """p of 2/2^8, 2/2^5 and 1: adjusted 3, 2 and 1 times."""
    rows = by_family({"a": Table(0, 0, 8, 2), "b": Table(1, 5, 0, 4), "c": Table(4, 0, 0, 6), "none": Table(0, 0, 0, 0)})
    assert [row.family for row in rows] == ["a", "b", "c"]
    assert [row.p for row in rows] == pytest.approx([2 / 256, 2 / 32, 1.0])
    assert [row.adjusted for row in rows] == pytest.approx([6 / 256, 4 / 32, 1.0])
    assert (rows[0].before, rows[0].after, rows[0].difference.point) == (0.8, 0.0, -0.8)


def test_holm_keeps_the_family_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six families without any change: some adjusted p below 0.2 in at most 20% of draws, and not never."""
    monkeypatch.setattr("gc.collect", lambda: 0)  # which statsmodels calls every time
    rng, wrong = np.random.default_rng(1), 0
    for counts in rng.binomial(12, 0.5, (200, 6)).tolist():
        rows = by_family({str(i): Table(0, a, 12 - a, 28) for i, a in enumerate(counts)})
        wrong += any(row.adjusted < 0.2 for row in rows)
    assert 0 < wrong / 200 <= 0.2
