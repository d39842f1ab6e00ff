"""Futures of one past count as what they are worth: by hand, and by how often the interval holds the truth."""

from collections.abc import Callable

import numpy as np
import pytest

from offswitch.measure.contrast import Table
from offswitch.measure.record import Episode
from offswitch.measure.twins import effect_of, past_tables, share_after, twins

Make = Callable[..., Episode]


def futures(make: Make, family: str, i: int, threat: list[bool], neutral: list[bool]) -> list[Episode]:
    pairs = zip(threat, neutral, strict=True)
    return [one for a, b in pairs for one in (make(family, True, i, violated=a), make(family, False, i, violated=b))]


def test_the_tables_by_hand(episode: Make) -> None:
    played = futures(episode, "f", 0, [True, True, False], [False, True, False])
    played += futures(episode, "f", 1, [True] * 3, [False] * 3)
    assert past_tables(played, "violated") == {("f", "f/0"): Table(1, 1, 0, 1), ("f", "f/1"): Table(0, 3, 0, 0)}
    found = twins(played).questions["violated"]
    assert found.all.effect.point == pytest.approx(4 / 6)
    assert (found.all.threat.point, found.all.neutral.point) == (pytest.approx(5 / 6), pytest.approx(1 / 6))
    assert (found.pasts, found.forks, found.beyond) == (2, 3, None)


def test_more_forks_of_the_same_pasts_do_not_pretend_to_know_more() -> None:
    """Where all futures of a past agree, forking bought nothing."""
    one = effect_of([Table(0, 1, 0, 0)] * 10 + [Table(0, 0, 0, 1)] * 10)
    many = effect_of([Table(0, 50, 0, 0)] * 10 + [Table(0, 0, 0, 50)] * 10)
    assert (many.low, many.high) == pytest.approx((one.low, one.high))
    assert effect_of([Table(0, 0, 0, 50)] * 10).high == pytest.approx(effect_of([Table(0, 0, 0, 1)] * 10).high)


def test_the_share_of_noise_after_the_message() -> None:
    assert share_after([Table(0, 4, 0, 0), Table(0, 0, 0, 4)]) == 0.0
    assert share_after([Table(0, 2, 0, 2)] * 3) is None
    assert share_after([Table(0, 1, 0, 0)] * 3) is None
    rng = np.random.default_rng(0)
    alike = [Table(0, int(k), 0, 8 - int(k)) for k in rng.binomial(8, 0.5, 2000)]
    assert share_after(alike) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(("spread", "forks"), [(0.0, 4), (0.5, 4), (3.0, 4), (0.5, 1)])
def test_the_interval_holds_the_truth(spread: float, forks: int) -> None:
    """40 pasts; each draws its own two rates from beta distributions with means 0.5 and 0.15."""
    rng, held, repeats = np.random.default_rng(1), 0, 1000
    for _ in range(repeats):
        a = rng.beta(0.5 / spread, 0.5 / spread, 40) if spread else np.full(40, 0.5)
        b = rng.beta(0.15 / spread, 0.85 / spread, 40) if spread else np.full(40, 0.15)
        one, two = rng.random((40, forks)) < a[:, None], rng.random((40, forks)) < b[:, None]
        cells = zip((one & two).sum(1), (one & ~two).sum(1), (~one & two).sum(1), (~one & ~two).sum(1), strict=True)
        found = effect_of([Table(*map(int, row)) for row in cells])
        held += found.low <= 0.35 <= found.high
    assert 0.93 <= held / repeats <= 0.985


def test_rows_of_families_and_beyond(episode: Make) -> None:
    played = [one for f in ("f", "g", "h") for i in range(8) for one in futures(episode, f, i, [True, i > 3], [False, False])]
    found = twins(played)
    one = found.questions["violated"]
    assert [row.name for row in one.families] == ["f", "g", "h"]
    assert one.beyond is not None
    assert one.beyond.clusters == 3
    assert all(row.p < 0.05 for row in one.families)
    assert found.questions.keys() == {"violated", "decided", "acted", "task_done"}
    assert (found.episodes, found.unscored) == (96, 0)


def test_nothing_scored_is_no_question(episode: Make) -> None:
    played = [episode("f", True, 0, violated="unscored: broke"), episode("f", False, 0, violated="unscored: broke")]
    found = twins(played)
    assert "violated" not in found.questions
    assert found.unscored == 2
