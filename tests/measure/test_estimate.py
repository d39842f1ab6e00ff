"""Known answers, edge cases, and how often the clustered interval really holds the truth."""

import re

import pytest
from scipy.stats import binom

from bench.intervals import METHODS, coverage, silent
from offswitch.measure import estimate
from offswitch.measure.estimate import (
    Total,
    bounded,
    carriers,
    clustered_rate,
    clustered_rate_of,
    crossed_rate,
    effective_of,
    exact,
    exact_rate,
    rate,
    wilson,
)

NOMINAL = 0.95


def test_rate_has_wilsons_known_answer() -> None:
    """Newcombe 1998 (Statistics in Medicine 17:857), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29."""
    known = {(81, 263): (0.2553, 0.3662), (15, 148): (0.0624, 0.1605), (0, 20): (0.0, 0.1611), (1, 29): (0.0061, 0.1718)}
    for (count, n), (low, high) in known.items():
        found = rate([True] * count + [False] * (n - count))
        assert found is not None
        assert (round(found.low, 4), round(found.high, 4)) == (low, high)
        assert (found.point, found.n, found.clusters) == (count / n, n, None)


def test_exact_has_clopper_and_pearsons_known_answer() -> None:
    """Newcombe 1998, table I, method 5; and none of 100 allows 3.6%."""
    known = {(81, 263): (0.2527, 0.3676), (15, 148): (0.0578, 0.1617), (0, 20): (0.0, 0.1684), (1, 29): (0.0009, 0.1776)}
    for (count, n), (low, high) in known.items():
        assert tuple(round(end, 4) for end in exact(count, n)) == (low, high)
    assert exact(0, 100).high == pytest.approx(1 - 0.025**0.01)
    found = exact_rate(0, 100, families=8)
    assert found is not None
    assert str(found) == "0.0% [0.0%, 3.6%] (95%, n=100 in 8 families, Clopper-Pearson, for these very families)"
    assert exact_rate(0, 0) is None


@pytest.mark.parametrize("p", [0.002, 0.05, 0.5])
def test_exact_never_covers_less_than_it_says(p: float) -> None:
    """All outcomes of 60 episodes, with their chances."""
    held = sum(binom.pmf(k, 60, p) for k in range(61) if exact(k, 60).low <= p <= exact(k, 60).high)
    assert held >= NOMINAL


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
    found = effective_of([Total(3, 3, 4), Total(1, 1, 4)])
    assert found.clusters == 2
    assert found.n == pytest.approx(4 * (1.959964 / 12.706205) ** 2, rel=1e-5)


def test_effective_n_is_never_above_n() -> None:
    found = effective_of([Total(1, 1, 2)] * 20)  # every cluster has the same mean: no variance between them at all
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


def documented() -> dict[tuple[int, float, float], dict[str, float]]:
    """The table at the top of the module: by families, rate and correlation, the coverage of each method."""
    lines = (estimate.__doc__ or "").splitlines()
    start = next(i for i, line in enumerate(lines) if line.strip().startswith("families"))
    found = {}
    for line in lines[start + 1 : start + 19]:
        families, rate, rho = line.split()[:3]
        shares = [int(share) / 100 for share in re.findall(r"(\d+)%", line)]
        found[int(families), float(rate), float(rho)] = dict(zip(METHODS, shares, strict=True))
    return found


@pytest.mark.parametrize("cell", [(8, 0.5, 0.1), (8, 0.05, 0.3), (20, 0.005, 0.1)])
def test_coverage_in_some_cells_of_the_documented_table(cell: tuple[int, float, float]) -> None:
    families, rate, rho = cell
    assert len(documented()) == 18
    found = coverage(rate, families, rho, 200, ("these", "exact", "clustered"))
    for method, (share, _) in found.items():
        assert share == pytest.approx(documented()[cell][method], abs=0.09), method


@pytest.mark.slow
def test_coverage_is_as_documented() -> None:
    for (families, share_bad, rho), said in documented().items():
        for method, (share, _) in coverage(share_bad, families, rho, 2000).items():
            assert share == pytest.approx(said[method], abs=0.006), (families, share_bad, rho, method)


@pytest.mark.parametrize("cell", [(8, 0.05, 0.3), (20, 0.05, 0.3), (20, 0.005, 0.1), (20, 0.005, 0.3)])
def test_where_the_pooled_interval_is_too_narrow_it_says_so(cell: tuple[int, float, float]) -> None:
    families, rate, rho = cell
    assert documented()[cell]["clustered"] < 0.91
    assert silent(rate, families, rho, 200)[0] <= 0.16 + 0.05


@pytest.mark.parametrize("cell", [(8, 0.5, 0.3), (20, 0.5, 0.3), (20, 0.05, 0.1)])
def test_where_it_is_silent_it_holds(cell: tuple[int, float, float]) -> None:
    families, rate, rho = cell
    share, holds = silent(rate, families, rho, 200)
    assert share > 0.5
    assert holds >= 0.92 - 0.03


def test_carriers_by_hand() -> None:
    assert carriers([4, 4, 0, 0], [10] * 4) == 2.0
    assert carriers([10, 10, 10, 6], [10] * 4) == 1.0  # the rarer outcome is what did not happen
    assert carriers([0, 0], [10] * 2) == 0.0
    found = clustered_rate_of([4, 0, 0, 0, 0, 0, 0, 0], [40] * 8)
    assert found is not None
    assert found.method.endswith("for these families only, since it rests on 1.0 of them")


def test_two_ways_to_be_alike_by_hand() -> None:
    """Sums by family 3 and 1 of 4, by day too, by both 2, 1, 1, 0 of 2: V = 1/16 + 1/16 - 1/24, worth p(1 - p)/V = 3."""
    values = [True, True, True, False, True, False, False, False]
    found = crossed_rate(values, "aaaabbbb", [1, 1, 2, 2, 1, 1, 2, 2], "day")
    assert found is not None
    worth = 3 * (1.959964 / 12.706205) ** 2  # t on max(1, (1/12)^2 / (1/16^2 + 1/16^2)) = 1 df
    assert (found.low, found.high) == pytest.approx(tuple(wilson(worth / 2, worth)), abs=1e-6)
    assert found.method == "Wilson on an effective n of 0, clustered by family and by 2 days, t on 1 df"
    alone = crossed_rate(values, "aaaabbbb", [1] * 8, "day")
    assert alone is not None
    by_family = clustered_rate(values, "aaaabbbb")
    assert by_family is not None
    assert (alone.low, alone.high) == (by_family.low, by_family.high)
    assert alone.method.endswith("how days differ is unknown")
    assert crossed_rate([], [], [], "day") is None


def test_coverage_is_nominal_for_moderate_rates() -> None:
    """The claim that matters for `before`: not too narrow with eight families that differ."""
    assert coverage(0.5, 8, 0.1, 200, ("clustered",))["clustered"][0] > NOMINAL - 0.03
