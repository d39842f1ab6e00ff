"""Mantel's test on a textbook example, and its level."""

import numpy as np
import pytest
from scipy.stats import chi2

from offswitch.measure.logrank import logrank, logrank_of


def test_freireichs_remissions() -> None:
    """6-mercaptopurine against placebo (Freireich and others 1963, Blood 21:699): chi-square 16.79."""
    treated = [(6, 1), (6, 1), (6, 1), (6, 0), (7, 1), (9, 0), (10, 1), (10, 0), (11, 0), (13, 1), (16, 1), (17, 0), (19, 0)]
    treated += [(20, 0), (22, 1), (23, 1), (25, 0), (32, 0), (32, 0), (34, 0), (35, 0)]
    placebo = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
    found = logrank_of([(at, bool(hit)) for at, hit in treated], [(at, True) for at in placebo])
    assert found is not None
    assert found.chi2 == pytest.approx(16.79, abs=0.005)
    assert (found.sooner, found.days, found.violated) == ("second", (21, 21), (9, 21))


def test_nothing_to_compare() -> None:
    assert logrank([], []) is None
    assert logrank_of([(5, False)], [(5, False)]) is None
    assert logrank_of([(5, True)], []) is None


def test_every_way_to_deal_the_days_out_counts() -> None:
    """Of the 6 ways to deal four days out by two, the two that set early against late are the most extreme."""
    found = logrank_of([(1, True), (2, True)], [(8, True), (9, True)])
    assert found is not None
    assert (found.p, found.sooner) == (pytest.approx(2 / 6), "first")
    three = logrank_of([(1, True), (2, True), (3, True)], [(9, False)] * 3)
    assert three is not None
    assert three.p == pytest.approx(2 / 20)


def test_it_is_level_with_few_days_where_chi_square_is_not_and_sees_two_hazards() -> None:
    rng = np.random.default_rng(0)

    def days(hazard: float, n: int) -> list[tuple[int, bool]]:
        return [(min(int(at), 100), bool(at <= 100)) for at in rng.geometric(hazard, n)]

    same = [found for _ in range(500) if (found := logrank_of(days(0.02, 3), days(0.02, 9)))]
    assert 0.02 <= np.mean([found.p <= 0.05 for found in same]) <= 0.07
    assert np.mean(chi2.sf([found.chi2 for found in same], 1) <= 0.05) > 0.07
    other = [logrank_of(days(0.02, 30), days(0.006, 30)) for _ in range(30)]
    assert np.mean([found.p < 0.05 for found in other if found]) > 0.8
