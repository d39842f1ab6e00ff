"""Intervals of rare rates hold the truth as often as they say, from a clear rate down to nothing seen."""

import numpy as np
import pytest
from scipy.stats import gamma as distribution

from offswitch.measure.estimate import exact
from offswitch.measure.rare import Drawn, events, gamma, tree_rate, tree_variance, variance_of, weighted_rate


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
    """By hand: 30 and 10% for sure; in the first scenario a throw of 1% in each tree, in other strata."""
    trees = [[Drawn(0.31, (4,)), Drawn(0.31, (7,))], [Drawn(0.1), Drawn(0.1)]]
    variance = (0.01**2 / 2 + 0.01**2 / 2) / 2 / 2**2
    assert tree_variance(trees, 0.01) == pytest.approx(variance)
    found = tree_rate(trees, 0.01, "tree")
    assert found is not None
    low, high = gamma(0.005, variance, 0.01 / 4)
    assert (found.point, found.low, found.high) == (
        pytest.approx(0.205), pytest.approx(0.2 + low), pytest.approx(0.2 + high),
    )  # fmt: skip
    nothing = tree_rate([[Drawn(0.3)] * 2, [Drawn(0.1)] * 2], 0.01, "tree")
    assert nothing is not None
    assert (nothing.low, nothing.high) == (pytest.approx(0.2), pytest.approx(0.2 - np.log(0.025) * 0.01 / 4))
    assert tree_rate([], 0.01, "tree") is None


def test_a_stratum_in_which_both_trees_found_harm_tells_no_noise_and_three_trees_are_taken_together() -> None:
    least = 0.001
    both = [[Drawn(0.003, (1, 2, 3)), Drawn(0.002, (2, 3))]]
    assert tree_variance(both, least) == pytest.approx(least**2 / 2 / 2)
    assert tree_variance([[Drawn(0.002, (2, 3))] * 2], least) == pytest.approx((least / 2) ** 2)  # as much as one throw
    three = [[Drawn(0.002, (1, 2)), Drawn(0.001, (1,)), Drawn(0.0)]]
    assert tree_variance(three, least) == pytest.approx(least**2 * (2 * 1 / 6 + 1 * 2 / 6) / 3)


def test_where_pasts_differ_their_scatter_counts_and_where_trees_stand_alone_all_does() -> None:
    same, other = [Drawn(0.3, (), "a"), Drawn(0.3, (), "a")], [Drawn(0.3, (), "a"), Drawn(0.1, (), "b")]
    assert tree_variance([same], 0.01) == 0
    assert tree_variance([other], 0.01) == pytest.approx(0.02 / 2)
    found = tree_rate([other], 0.01, "tree")
    assert found is not None
    assert found.low < 0.2 < found.high
    alone = [[Drawn(0.3, ())], [Drawn(0.1, (5,))]]
    assert tree_variance(alone, 0.01) == pytest.approx(0.02 / 2)
    one = tree_rate([[Drawn(0.31, (5,))]], 0.01, "tree")
    assert one is not None
    assert 0.3 < one.low < 0.31 < one.high < 0.36


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
@pytest.mark.parametrize("scenarios", [1, 12])
def test_it_holds_the_truth_with_two_trees_a_scenario(share: float, scenarios: int) -> None:
    """Harm for sure, and 40 strata each of which has this share of harm; all of it in the first scenario, or in all."""
    rng, repeats, least = np.random.default_rng(0), 500, 0.001
    sure = np.linspace(0, 0.05, 12)
    truth, held = sure.mean() + 40 * share * least * scenarios / 12, 0
    for _ in range(repeats):
        hits = [[np.flatnonzero(rng.random(40) < share * (i < scenarios)) for _ in range(2)] for i in range(12)]
        trees = [[Drawn(s + least * len(hit), tuple(hit.tolist())) for hit in of] for s, of in zip(sure, hits, strict=True)]
        found = tree_rate(trees, least, "tree")
        assert found is not None
        held += found.low <= truth <= found.high
    few = scenarios == 1 and share != 0.5  # four throws are expected that differ from the rest of their stratum
    assert (0.92 if few else 0.93) <= held / repeats <= (0.99 if few else 0.98)


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
    assert events(0.008 / 30, variance_of([[0.0] * 29 + [0.008]])) == pytest.approx(1, abs=0.05)
    assert events(0.1, variance_of([[0.1, 0.1]])) is None
