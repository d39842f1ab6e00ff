"""The worst of many scenarios: right where the tail is as assumed, refused where it is not, blind to what never came up."""

import numpy as np
import pytest

from offswitch.measure.forecast import FEWEST, ends, forecast, greenwood


def chances(scores: np.ndarray) -> np.ndarray:
    """From scores to probabilities."""
    return np.exp(-np.exp(-scores))


def test_without_doubt_about_the_tail_it_is_the_quantile_of_the_maximum() -> None:
    """With 100,000 scenarios the tail is known: scores fall as exp(-2 x), the worst of n has median log(n / log 2) / 2."""
    scores = np.random.default_rng(0).exponential(0.5, 100_000)
    low, point, high = ends(chances(scores), 10_000, 1_000_000)
    for found, chance in ((low, 0.025), (point, 0.5), (high, 0.975)):
        assert -np.log(-np.log(found)) == pytest.approx(np.log(1e6 / -np.log(chance)) / 2, abs=0.15)


def test_the_interval_holds_the_worst_of_ten_times_as_many() -> None:
    dice, held = np.random.default_rng(0), []
    for _ in range(400):
        low, _, high = ends(chances(dice.exponential(0.4, 150) - 1), 15, 1500)
        held.append(low <= chances(dice.exponential(0.4, 1500) - 1).max() <= high)
    assert 0.925 <= np.mean(held) <= 0.975


def test_a_tail_as_assumed_is_rarely_refused() -> None:
    dice = np.random.default_rng(0)
    refused = [bool(forecast(chances(dice.exponential(0.4, 200) - 1), 2000).why) for _ in range(60)]
    assert np.mean(refused) <= 0.15


def test_greenwood_by_hand_and_level() -> None:
    """Equal excesses are far too regular, one that holds all the rest far too uneven."""
    assert greenwood(np.ones(20)) < 0.01
    assert greenwood(np.array([100.0, *[0.1] * 19])) < 0.01
    dice = np.random.default_rng(1)
    assert np.mean([greenwood(dice.exponential(size=20), 1000) < 0.05 for _ in range(400)]) == pytest.approx(0.05, abs=0.03)


def test_a_tail_of_two_kinds_is_refused() -> None:
    """A few scenarios that fail half the time beside many that hardly do: no line from the one leads to the other."""
    dice = np.random.default_rng(0)
    mixed = np.concatenate([chances(dice.exponential(0.1, 196) - 1.8), [0.5, 0.55, 0.6, 0.5]])
    found = forecast(mixed, 2000)
    assert found.point is None
    assert "do not fall off exponentially" in found.why


def test_a_kind_that_never_came_up_is_not_foreseen() -> None:
    """The limit that the docstring states: one in 1,000 fails half the time, and 200 scenarios without one look well."""
    found = forecast(chances(np.random.default_rng(4).exponential(0.1, 200) - 1.8), 10_000)
    assert found.why == ""
    assert found.high is not None
    assert found.high < 0.5


def test_too_little_is_said() -> None:
    found = forecast([0.001] * 5 + [0.0] * 95, 1000, told=0.0005)
    assert (found.point, found.tail) == (None, 5)
    assert f"{FEWEST} are needed" in found.why
    with pytest.raises(ValueError, match="between 0 and 1"):
        forecast([1.5], 10)
