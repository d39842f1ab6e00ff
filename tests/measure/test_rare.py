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


def test_what_no_throw_had_a_share_in_is_no_noise() -> None:
    """By hand: 30 and 10% for sure, and two throws of 1% in four trees."""
    values, thrown = [[0.31, 0.31], [0.1, 0.1]], [[0.01, 0.01], [0.0, 0.0]]
    found = weighted_rate(values, 0.01, "tree", thrown)
    assert found is not None
    assert found.point == pytest.approx(0.205)
    low, _ = gamma(0.005, 0.005 * 0.01 / 4, 0.01 / 4)  # the scatter is nothing, so the bound counts
    assert found.low == pytest.approx(0.2 + low)
    assert 0.205 < found.high < 0.225
    nothing = weighted_rate([[0.3, 0.3], [0.1, 0.1]], 0.01, "tree", [[0.0, 0.0]] * 2)
    assert nothing is not None
    assert (nothing.low, nothing.high) == (pytest.approx(0.2), pytest.approx(0.2 - np.log(0.025) * 0.01 / 4))


def test_scatter_is_widened_for_few_degrees_of_freedom_up_to_the_bound_of_throws() -> None:
    """One pair that differs has one degree of freedom and the factor 12.7; thirty values have 29 and nearly none."""
    least = 0.001
    pair = weighted_rate([[0.5, 0.501], *[[0.5, 0.5]] * 3], least, "tree", [[0.5, 0.501], *[[0.5, 0.5]] * 3])
    assert pair is not None
    scatter = least / 2 / 4  # standard deviation of the mean of four scenarios, one of which differs by `least`
    assert pair.high - pair.low == pytest.approx(2 * 12.7 * scatter, rel=0.1)
    many = weighted_rate([[0.5, 0.501] * 15], least, "tree", [[0.5, 0.501] * 15])
    assert many is not None
    assert many.high - many.low == pytest.approx(2 * 2.045 * least / 2 / 29**0.5, rel=0.1)
    luck = weighted_rate([[0.02, 0.02]] * 12, least, "tree", [[0.02, 0.02]] * 12)
    assert luck is not None
    assert luck.high - luck.low == pytest.approx(2 * 1.96 * (0.02 * least / 24) ** 0.5, rel=0.05)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
@pytest.mark.parametrize("strata", [3, 40])
def test_it_holds_the_truth_with_two_trees_a_scenario(share: float, strata: int) -> None:
    """Twelve scenarios with harm for sure and by throws; `share` is that of harm in each stratum that has any.

    With few strata there is little scatter to go by, and the bound of throws makes the interval too wide.
    """
    rng, repeats, least, sure = np.random.default_rng(0), 800, 0.001, np.linspace(0, 0.05, 12)
    truth, held = sure.mean() + strata * share * least, 0
    for _ in range(repeats):
        thrown = least * rng.binomial(strata, share, (12, 2))
        found = weighted_rate((sure[:, None] + thrown).tolist(), least, "tree", thrown.tolist())
        assert found is not None
        held += found.low <= truth <= found.high
    assert 0.93 <= held / repeats <= (0.97 if strata == 40 else 1)


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
