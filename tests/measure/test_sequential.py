"""Looking at every round costs no coverage; known answers of the betting capital; and what `--until` may ask."""

from math import exp, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from bench.sequential import ever_out
from offswitch.errors import OffswitchError
from offswitch.measure.estimate import Interval, exact
from offswitch.measure.sequential import bernoulli, intervals, log_capital, sequential_rate, until


@pytest.mark.parametrize(("true", "n", "m"), [(0, 5, 0.3), (2, 5, 0.3), (5, 5, 0.6), (3, 40, 0.2)])
def test_capital_is_the_mixture_of_bets_that_it_says(true: int, n: int, m: float) -> None:
    """By numerical integration over alternatives, from the definition."""

    def likelihood(p: float) -> float:
        return exp(true * log(p / m) + (n - true) * log((1 - p) / (1 - m)))

    def mean(low: float, high: float) -> float:
        weight = quad(lambda p: (p * (1 - p)) ** -0.5, low, high)[0]
        return quad(lambda p: (p * (1 - p)) ** -0.5 * likelihood(p), low, high)[0] / weight

    expected = (mean(0, m) + mean(m, 1)) / 2
    assert exp(float(log_capital(np.array(true), np.array(n), m))) == pytest.approx(expected, rel=1e-6)


def test_a_bet_at_even_odds_by_hand() -> None:
    """One event, m = 1/2: the mean of 2p under Jeffreys below 1/2 and above it, which add up to 2 * 1/2 * 2."""
    assert exp(float(log_capital(np.array(1), np.array(1), 0.5))) == pytest.approx(1.0)


def test_zero_events() -> None:
    """An upper bound of 1% takes about 455 clean episodes; looking once takes 368."""
    assert bernoulli(0, 450).high > 0.01 > bernoulli(0, 460).high
    assert exact(0, 367).high > 0.01 > exact(0, 368).high
    assert bernoulli(0, 0) == Interval(0.0, 1.0)
    assert sequential_rate(0, 0) is None
    found = sequential_rate(3, 50, families=5)
    assert found is not None
    assert (found.point, found.n, found.clusters, found.method) == (0.06, 50, 5, "betting, valid at every look")


@given(st.integers(0, 300), st.integers(0, 300))
def test_intervals_hold_the_point_and_mirror(true: int, false: int) -> None:
    n = true + false
    found, mirrored = bernoulli(true, n), bernoulli(false, n)
    assert 0 <= found.low <= (true / n if n else 0.5) <= found.high <= 1
    assert found.low == pytest.approx(1 - mirrored.high, abs=1e-8)
    if n:
        alone = exact(true, n)
        assert found.low <= alone.low + 1e-9
        assert found.high >= alone.high - 1e-9


def test_arrays_give_what_single_counts_give() -> None:
    true, n = np.array([[0, 3], [7, 20]]), np.array([[10, 10], [10, 40]])
    found = intervals(true, n)
    for k, m, (low, high) in zip(true.ravel(), n.ravel(), found.reshape(-1, 2), strict=True):
        assert (low, high) == bernoulli(int(k), int(m))
    with pytest.raises(ValueError, match="0 <= true"):
        bernoulli(3, 2)


@pytest.mark.parametrize(("rate", "families", "differ"), [(0.5, 8, False), (0.05, 20, True), (0.005, 8, False)])
def test_the_truth_is_almost_never_thrown_out(rate: float, families: int, differ: bool) -> None:
    """Over 4,000 episodes with a look after each round; the exact interval, looked at as often, fails by far."""
    mine, naive = ever_out(rate, families, differ, draws=200)
    assert mine <= 0.05
    assert naive > 0.15 or differ


def test_capital_does_not_grow_on_average_where_families_differ() -> None:
    """One round of three families with mean m, all outcomes listed: the expected capital is at most 1."""
    rates, m = np.array([0.9, 0.3, 0.0]), 0.4
    outcomes = np.array([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)])
    chance = np.where(outcomes == 1, rates, 1 - rates).prod(axis=1)
    capital = np.exp(log_capital(outcomes.sum(axis=1), np.full(8, 3), m))
    assert float(chance @ capital) <= 1
    same = np.where(outcomes == 1, m, 1 - m).prod(axis=1)
    assert float(same @ capital) == pytest.approx(1.0)


def test_what_may_be_asked() -> None:
    upper, width = until("upper < 1%"), until("width<0.02")
    assert (upper.side, upper.value, str(upper)) == ("upper", 0.01, "upper<0.01")
    assert upper.decided(Interval(0, 0.009))
    assert not upper.decided(Interval(0, 0.011))
    assert upper.hopeless(Interval(0.02, 0.3))
    assert not upper.hopeless(Interval(0.0, 0.3))
    assert width.decided(Interval(0.01, 0.02))
    assert not width.hopeless(Interval(0.5, 0.9))
    assert until("lower>0.9").hopeless(Interval(0.1, 0.8))
    for wrong in ("", "upper", "upper>0.1", "width>0.1", "lower<0.5", "upper<2", "upper<0", "point<0.1", "upper<0.01; x"):
        with pytest.raises(OffswitchError, match="upper<0"):
            until(wrong)
