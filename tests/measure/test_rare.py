"""Intervals of rare rates hold the truth as often as they say, from a clear rate down to nothing seen."""

import numpy as np
import pytest
from scipy.stats import gamma as distribution

from offswitch.measure.estimate import exact
from offswitch.measure.rare import events, gamma, variance_of, weighted_rate


def test_by_hand() -> None:
    found = weighted_rate([[0.0, 0.2], [0.1, 0.1]], 0.01, "tree")
    assert found is not None
    assert (found.point, found.n, found.method) == (pytest.approx(0.1), 4, "tree")
    assert variance_of([[0.0, 0.2], [0.1, 0.1]]) == pytest.approx(0.02 / 2 / 4)
    assert variance_of([[0.0], [0.2]]) == pytest.approx(0.02 / 2)
    assert weighted_rate([], 0.01, "tree") is None


def test_nothing_seen_is_the_bound_of_one_unseen_event() -> None:
    found = weighted_rate([[0.0] * 50] * 2, 0.01, "tree")
    assert found is not None
    assert (found.point, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(-np.log(0.025) * 0.01 / 100)


def test_with_equal_weights_it_is_near_the_interval_of_a_count() -> None:
    n, k = 10_000, 12
    found, plain = gamma(k / n, k / n**2, 1 / n), exact(k, n)
    assert found.low == pytest.approx(distribution.ppf(0.025, k) / n)
    assert plain.low * 0.99 <= found.low
    assert found.high <= plain.high * 1.01
    assert found.high == pytest.approx(plain.high, rel=0.06)


@pytest.mark.parametrize(("expected", "weights"), [(5, (1,)), (20, (1,)), (20, (1, 1, 1, 8)), (100, (1, 1, 1, 8))])
def test_the_interval_holds_the_truth(expected: int, weights: tuple[int, ...]) -> None:
    """30 values, each a compound Poisson sum: so many events are expected in all."""
    rng, repeats, least = np.random.default_rng(0), 600, 0.001
    truth, held = expected / 30 * least * float(np.mean(weights)), 0
    for _ in range(repeats):
        values = [float(rng.choice(weights, k).sum()) * least for k in rng.poisson(expected / 30, 30)]
        found = weighted_rate([values], least, "tree")
        assert found is not None
        held += found.low <= truth <= found.high
    assert 0.93 <= held / repeats <= 0.985


def test_few_events_are_told() -> None:
    """One heavy event in thirty values is worth about one, whatever it weighs."""
    assert events([[0.0] * 29 + [0.008]]) == pytest.approx(1, abs=0.05)
    assert events([[0.1, 0.1]]) is None
