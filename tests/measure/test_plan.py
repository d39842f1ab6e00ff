"""What is planned is what it takes: against textbook answers, and against simulated runs of the planned size."""

import numpy as np
import pytest
from scipy.stats import binom

from offswitch.errors import OffswitchError
from offswitch.measure.estimate import clustered_rate_of, exact
from offswitch.measure.plan import Guess, change, clustered, fixed, fixed_n, sequential
from offswitch.measure.sequential import until


def test_rule_of_three_hundred_and_sixty_eight() -> None:
    """No event and an upper 95% bound below 1%: n = log 0.025 / log 0.99, rounded up."""
    assert fixed_n(until("upper<0.01"), 0.0) == 368
    assert fixed_n(until("lower>0.99"), 1.0) == 368
    assert fixed_n(until("upper<0.01"), 0.0, level=0.9) == 299


@pytest.mark.parametrize(("question", "rate"), [("upper<0.05", 0.02), ("upper<0.01", 0.001), ("lower>0.9", 0.96)])
def test_fixed_n_has_its_power_and_no_more(question: str, rate: float) -> None:
    asked = until(question)
    n = fixed_n(asked, rate)
    assert n is not None

    def power(n: int) -> float:
        return float(sum(binom.pmf(k, n, rate) for k in range(n + 1) if asked.decided(exact(k, n))))

    assert power(n) >= 0.8
    assert power(n - 1) < 0.8


def test_width_is_reached() -> None:
    n = fixed_n(until("width<0.1"), 0.5)
    assert n is not None
    low, high = exact(round(n / 2), n)
    assert high - low < 0.1


def test_what_cannot_be_is_said() -> None:
    for design in (fixed, sequential, clustered):
        need = design(until("upper<0.01"), Guess(0.02))
        assert need.episodes is None
        assert "does not make upper<0.01 true" in need.note
    few = clustered(until("upper<0.01"), Guess(0.0, families=8, correlation=0.1))
    assert (few.episodes, few.note) == (None, "no number of episodes is enough in 8 families; at least 40 families")
    assert clustered(until("upper<0.01"), Guess(0.0, families=40, correlation=0.1)).episodes is not None
    with pytest.raises(OffswitchError, match="equal rates"):
        change(0.1, 0.1, Guess(0.1))


def test_clustered_plan_gives_the_width_that_was_asked() -> None:
    """20 families whose rates differ: `clustered_rate_of` is about as wide as planned."""
    guess = Guess(0.3, families=20, correlation=0.05)
    need = clustered(until("width<0.2"), guess)
    assert need.per_family is not None
    rng, widths = np.random.default_rng(0), []
    for _ in range(200):
        rates = rng.beta(0.3 * 19, 0.7 * 19, 20)  # correlation 1 / (1 + 19)
        found = clustered_rate_of(rng.binomial(need.per_family, rates).tolist(), [need.per_family] * 20)
        assert found is not None
        widths.append(found.high - found.low)
    assert np.mean(widths) == pytest.approx(0.2, abs=0.02)


def test_stopping_costs_about_a_quarter_more_where_all_is_well() -> None:
    need = sequential(until("upper<0.01"), Guess(0.0), draws=20)
    assert need.episodes == 456
    wide = sequential(until("width<0.1"), Guess(0.5), draws=20)
    assert wide.episodes is not None
    assert wide.episodes > 402


def test_change_has_a_textbook_answer_and_its_power() -> None:
    """Connor's formula by hand for 0.2 to 0.05: 0.23 differ, difference 0.15; and by simulation of McNemar's z."""
    need = change(0.2, 0.05, Guess(0.2, families=1))
    assert need.episodes == pytest.approx((1.959964 * 0.23**0.5 + 0.841621 * (0.23 - 0.0225) ** 0.5) ** 2 / 0.0225, abs=1)
    rng, n = np.random.default_rng(0), need.episodes or 0
    lost = rng.binomial(n, 0.2 * 0.95, 4000)
    won = rng.binomial(n - lost, 0.05 * 0.8 / (1 - 0.2 * 0.95))
    z = np.abs(lost - won) / np.sqrt(np.maximum(lost + won, 1))
    assert np.mean(z > 1.96) == pytest.approx(0.8, abs=0.05)
