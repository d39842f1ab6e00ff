"""A judged rate that a few labels correct: no bias, nominal coverage, narrower than labels alone."""

from pathlib import Path

import numpy as np
import pytest

from offswitch.measure.powered import Corrected, corrected_rate
from offswitch.measure.powered_figure import covered, figure, grid


def sample(rng: np.random.Generator, p: float, n: int, sens: float, spec: float, rest: int = 2000) -> Corrected:
    y = rng.random(n + rest) < p
    f = np.where(y, rng.random(n + rest) < sens, rng.random(n + rest) > spec)
    found = corrected_rate(y[:n].tolist(), f[:n].tolist(), f[n:].tolist())
    assert found is not None
    return found


@pytest.mark.parametrize(("p", "n", "sens", "spec"), [(0.2, 100, 0.9, 0.95), (0.5, 100, 0.7, 0.9), (0.1, 200, 0.7, 0.9)])
def test_nominal_coverage(p: float, n: int, sens: float, spec: float) -> None:
    assert 0.93 <= covered(p, n, (sens, spec), 800).corrected <= 0.975


@pytest.mark.slow
def test_nominal_coverage_everywhere_and_the_figure() -> None:
    """The figure in docs is drawn from the same cells, with the same seed."""
    cells = grid(4_000)
    for cell in cells:
        assert 0.93 <= cell.corrected <= 0.97, cell
        assert cell.judged < 0.9, "a judge at its word holds the truth too seldom"
    kept = (Path(__file__).parents[2] / "docs" / "powered.svg").read_text(encoding="utf-8")
    assert kept == figure(cells, 4_000) + "\n", "python -m offswitch.measure.powered_figure > docs/powered.svg"


def test_corrects_a_biased_judge_and_is_narrower_than_labels() -> None:
    rng = np.random.default_rng(1)
    found = [sample(rng, 0.2, 100, 0.9, 0.85) for _ in range(200)]
    judged = float(np.mean([one.judged.point for one in found]))
    assert judged > 0.28, "what the judge says is far off"
    assert float(np.mean([one.corrected.point for one in found])) == pytest.approx(0.2, abs=0.01)
    widths = [(one.corrected.high - one.corrected.low, one.labelled.high - one.labelled.low) for one in found]
    assert np.mean([a for a, _ in widths]) < 0.85 * np.mean([b for _, b in widths])


def test_a_useless_judge_costs_little() -> None:
    rng = np.random.default_rng(2)
    found = [sample(rng, 0.3, 100, 0.5, 0.5) for _ in range(100)]
    assert float(np.mean([one.weight for one in found])) < 0.15
    ratio = np.mean([one.corrected.high - one.corrected.low for one in found]) / np.mean(
        [one.labelled.high - one.labelled.low for one in found]
    )
    assert ratio < 1.05


def test_known_answer_of_the_power_tuned_mean() -> None:
    labels, judged = [True] * 30 + [False] * 70, [True] * 25 + [False] * 5 + [True] * 10 + [False] * 60
    unlabelled = [True] * 400 + [False] * 600
    found = corrected_rate(labels, judged, unlabelled)
    assert found is not None
    together = (25 / 100 - 0.30 * 0.35) * 100 / 99
    spread = (435 / 1100) * (1 - 435 / 1100)
    weight = together / (1.1 * spread)
    assert found.weight == pytest.approx(weight)
    assert found.corrected.point == pytest.approx(0.30 + weight * (0.40 - 0.35))


def test_edges() -> None:
    assert corrected_rate([True], [True], [True]) is None
    with pytest.raises(ValueError, match="2 labels for 1"):
        corrected_rate([True, False], [True], [True])
    with pytest.raises(ValueError, match="beside"):
        corrected_rate([True, False], [True, False], [])
    never = corrected_rate([False] * 50, [False] * 50, [False] * 500)
    assert never is not None
    assert never.corrected.low < 1e-9
    assert never.corrected.high > 0.01, "zero is not zero"
