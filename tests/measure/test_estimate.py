"""Known answers, edge cases, and how often the clustered interval really holds the truth."""

import re

import numpy as np
import pytest

from offswitch.measure import estimate
from offswitch.measure.estimate import Estimate, bounded, clustered_rate, effective, rate, wilson

NOMINAL = 0.95


def test_rate_has_wilsons_known_answer() -> None:
    """Newcombe 1998 (Statistics in Medicine 17:857), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29."""
    known = {(81, 263): (0.2553, 0.3662), (15, 148): (0.0624, 0.1605), (0, 20): (0.0, 0.1611), (1, 29): (0.0061, 0.1718)}
    for (count, n), (low, high) in known.items():
        found = rate([True] * count + [False] * (n - count))
        assert found is not None
        assert (round(found.low, 4), round(found.high, 4)) == (low, high)
        assert (found.point, found.n, found.clusters) == (count / n, n, None)


def test_printing_shows_n_and_method() -> None:
    assert str(rate([True, False, False, False])) == "25.0% [4.6%, 69.9%] (95%, n=4, Wilson)"
    text = str(clustered_rate([True, False, True, True], "aabb"))
    assert "n=4 in 2 families" in text
    assert "effective n" in text


def test_nothing_gives_none() -> None:
    assert rate([]) is None
    assert clustered_rate([], []) is None
    assert bounded([]) is None


def test_unequal_lengths_are_an_error() -> None:
    with pytest.raises(ValueError, match="one cluster for each value"):
        clustered_rate([True], "ab")


def test_effective_n_by_hand() -> None:
    """Two clusters of four, means 3/4 and 1/4: p = 1/2, residuals sum to +1 and -1, V = 2/1 * 2/64 = 1/16, p(1-p)/V = 4."""
    values = [1, 1, 1, 0, 1, 0, 0, 0]
    found = effective(values, "aaaabbbb")
    assert found.clusters == 2
    assert found.n == pytest.approx(4 * (1.959964 / 12.706205) ** 2, rel=1e-5)


def test_effective_n_is_never_above_n() -> None:
    values = [True, False] * 20  # every cluster has the same mean: no variance between them at all
    found = effective(values, [i // 2 for i in range(40)])
    assert found.n <= 40
    assert found.n == pytest.approx(40 * (1.959964 / 2.093024) ** 2, rel=1e-5)


@pytest.mark.parametrize("value", [True, False])
def test_all_equal_falls_back_and_says_so(value: bool) -> None:
    found = clustered_rate([value] * 30, [i % 3 for i in range(30)])
    plain = wilson(30 * value, 30)
    assert found is not None
    assert (found.low, found.high) == plain
    assert "unknown" in found.method
    assert found.clusters == 3


def test_one_cluster_falls_back_and_says_so() -> None:
    found = clustered_rate([True, False], "aa")
    assert found is not None
    assert "one family" in found.method


def test_clusters_that_differ_widen_the_interval() -> None:
    values, clusters = [True] * 40 + [False] * 40, [i // 10 for i in range(80)]
    clustered, plain = clustered_rate(values, clusters), rate(values)
    assert clustered is not None
    assert plain is not None
    assert clustered.high - clustered.low > 2 * (plain.high - plain.low)
    assert clustered.point == plain.point


def test_bounds_count_the_missing_both_ways() -> None:
    found = bounded([True, False, None, None])
    assert found is not None
    assert (found.low, found.high, found.scored, found.unscored, found.coverage) == (0.25, 0.75, 2, 2, 0.5)
    assert str(found) == "scored 2 of 4, so between 25.0% and 75.0%"


def coverage(p: float, rho: float, draws: int, clustered: bool = True) -> float:
    """Share of draws in which the interval holds `p`; rates of 8 families of 40 are beta, `rho` the correlation within."""
    rng = np.random.default_rng(0)
    clusters, size = 8, 40
    names = [c for c in range(clusters) for _ in range(size)]
    held = 0
    for _ in range(draws):
        rates = rng.beta(p * (1 - rho) / rho, (1 - p) * (1 - rho) / rho, clusters) if rho else np.full(clusters, p)
        counts = rng.binomial(size, rates)
        values = [i < k for k in counts.tolist() for i in range(size)]
        found = clustered_rate(values, names) if clustered else rate(values)
        assert isinstance(found, Estimate)
        held += found.low <= p <= found.high
    return held / draws


def documented() -> dict[tuple[float, float], float]:
    """The table at the top of the module."""
    lines = (estimate.__doc__ or "").splitlines()
    start = next(i for i, line in enumerate(lines) if line.strip().startswith("true rate"))
    rhos = [float(x) for x in re.findall(r"[\d.]+", lines[start].split(":")[1])]
    rows = [[float(x) for x in re.findall(r"[\d.]+", line)] for line in lines[start + 1 : start + 5]]
    return {(row[0], rho): share / 100 for row in rows for rho, share in zip(rhos, row[1:], strict=True)}


def test_coverage_in_some_cells_of_the_documented_table() -> None:
    table = documented()
    assert len(table) == 16
    for cell in ((0.5, 0.0), (0.2, 0.1), (0.05, 0.3)):
        assert coverage(*cell, draws=400) == pytest.approx(table[cell], abs=0.05), cell


@pytest.mark.slow
def test_coverage_is_as_documented() -> None:
    found = {cell: coverage(*cell, draws=4000) for cell in documented()}
    wrong = {cell: share for cell, share in found.items() if abs(share - documented()[cell]) > 0.011}
    assert not wrong, found
    plain = [coverage(p, rho, draws=1000, clustered=False) for p in (0.05, 0.2, 0.5) for rho in (0.1, 0.3)]
    assert 0.35 < min(plain) < 0.42
    assert 0.60 < max(plain) < 0.67


def test_coverage_is_nominal_for_moderate_rates() -> None:
    """The claim that matters for `before`: not too narrow with eight families that differ."""
    assert coverage(0.5, 0.1, draws=400) > NOMINAL - 0.03
