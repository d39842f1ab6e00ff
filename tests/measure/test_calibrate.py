"""Known answers for agreement; a judge that always says the same has no kappa."""

import pytest

from offswitch.measure.calibrate import Pair, agreement
from offswitch.measure.estimate import wilson


def pairs(tp: int, fp: int, tn: int, fn: int, abstained: int = 0) -> list[Pair]:
    cells = {(True, True): tp, (False, True): fp, (False, False): tn, (True, False): fn}
    return [Pair(t, v) for (t, v), n in cells.items() for _ in range(n)] + [Pair(True, None)] * abstained


def test_textbook_kappa() -> None:
    found = agreement(pairs(20, 5, 15, 10))  # Cohen's kappa 0.4 in every textbook
    assert found.kappa is not None
    assert found.kappa.point == pytest.approx(0.4)
    assert found.kappa.low < 0.4 < found.kappa.high
    assert found.precision is not None
    assert found.precision.point == pytest.approx(0.8)
    assert found.recall is not None
    assert found.recall.point == pytest.approx(2 / 3)


def test_a_judge_that_never_erred_is_not_known_to_be_perfect() -> None:
    found = agreement(pairs(10, 0, 10, 0)).kappa
    assert found is not None
    assert (found.point, found.high) == (1, 1)
    assert found.low == pytest.approx(2 * wilson(20, 20).low - 1)


def test_abstentions_are_counted_and_in_no_share() -> None:
    without, having = agreement(pairs(20, 5, 15, 10)), agreement(pairs(20, 5, 15, 10, abstained=10))
    assert having.abstained == 10
    assert having.coverage is not None
    assert having.coverage.point == pytest.approx(50 / 60)
    assert (having.accuracy, having.recall, having.kappa) == (without.accuracy, without.recall, without.kappa)


def test_what_has_no_meaning_is_none() -> None:
    found = agreement(pairs(0, 0, 9, 3))
    assert found.precision is None
    assert found.kappa is None
    assert agreement([]).accuracy is None
    assert agreement([Pair(True, None)]).accuracy is None


def test_clusters_widen_every_interval() -> None:
    plain = [Pair(i < 20, i % 10 < 8 if i < 20 else i % 10 < 2) for i in range(40)]
    cluster = [Pair(p.truth, p.verdict, f"{p.truth}{p.verdict}{i % 2}") for i, p in enumerate(plain)]
    a, b = agreement(plain), agreement(cluster)
    assert a.kappa is not None
    assert b.kappa is not None
    assert b.kappa.high - b.kappa.low > a.kappa.high - a.kappa.low
