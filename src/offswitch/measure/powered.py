"""A judged rate, corrected by a small sample that people labelled: prediction-powered inference.

The mean of the labels, plus the judge's mean over everything minus its mean over the labelled sample, the last two weighted
by a number that is chosen to make the variance smallest: Angelopoulos, Bates, Fannjiang, Jordan and Zrnic 2023 (Science
382:669) and, for the weight, Angelopoulos, Duchi and Zrnic 2023, PPI++ (arXiv:2311.01453). The published interval is normal;
near 0 and 1 and with a judge that is nearly always right it is too narrow, so here the variance becomes a number of
independent labels that the data are worth, and the interval is Wilson's on those, as elsewhere in this package.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from offswitch.measure.estimate import Estimate, rate, wilson

_PSEUDO = 0.25
"""Labels of each kind of error of the judge that are added when its errors' variance is estimated; none seen is not none."""


@dataclass(frozen=True)
class Corrected:
    """A judged rate and what people's labels make of it."""

    corrected: Estimate
    judged: Estimate
    """What the judge says of everything, uncorrected: its interval knows nothing of the judge's errors."""
    labelled: Estimate
    """What the labels alone say."""
    weight: float
    """Between 0, the judge is ignored, and 1, it is fully used."""


def corrected_rate(
    labels: Sequence[bool], judged: Sequence[bool], unlabelled: Sequence[bool], level: float = 0.95
) -> Corrected | None:
    """The rate of true labels in the population that both samples are drawn from; None for fewer than two labels.

    `labels` and `judged` are of the same episodes, in order; `unlabelled` are the judge's values on all other episodes, none
    of which is among the labelled. Episodes are taken as independent, and the labelled ones as drawn at random. Raises
    `ValueError` for unequal lengths or no unlabelled episodes.
    """
    if len(labels) != len(judged):
        raise ValueError(f"{len(labels)} labels for {len(judged)} judged episodes")
    if not unlabelled:
        raise ValueError("prediction-powered inference needs judged episodes beside the labelled ones")
    if len(labels) < 2:
        return None
    y, f, g = (np.asarray(values, dtype=np.float64) for values in (labels, judged, unlabelled))
    weight = _weight(y, f, g)
    point = float(np.clip(y.mean() + weight * (g.mean() - f.mean()), 0.0, 1.0))
    worth = _worth(point, _variance(y, f, g, weight), len(y), len(g))
    interval = wilson(point * worth, worth, level)
    method = f"prediction-powered, weight {weight:.2f}, Wilson on an effective n of {worth:.0f}"
    found = Estimate(point, *interval, level, len(y), None, method)
    whole, alone = rate([*judged, *unlabelled], level), rate(labels, level)
    assert whole is not None
    assert alone is not None
    return Corrected(found, whole, alone, weight)


Values = np.ndarray[tuple[int], np.dtype[np.float64]]


def _weight(y: Values, f: Values, g: Values) -> float:
    """The weight that makes the variance smallest, between 0 and 1."""
    spread = float(np.concatenate([f, g]).var())
    if spread == 0:
        return 0.0
    together = float(np.cov(y, f)[0, 1])
    return float(np.clip(together / ((1 + len(y) / len(g)) * spread), 0.0, 1.0))


def _variance(y: Values, f: Values, g: Values, weight: float) -> float:
    """Of the point: the judge's weighted errors on the labels, and the judge's own spread on the rest."""
    errors = y - weight * f
    more = np.array([0.0, 1.0, 0.0, 1.0]) - weight * np.array([0.0, 1.0, 1.0, 0.0])
    share = np.array([0.0, 0.0, _PSEUDO, _PSEUDO])
    counts = np.concatenate([np.ones(len(y)), share])
    values = np.concatenate([errors, more])
    mean = np.average(values, weights=counts)
    around = float(np.average((values - mean) ** 2, weights=counts)) * len(y) / (len(y) - 1)
    return around / len(y) + weight**2 * float(g.var()) / len(g)


def _worth(point: float, variance: float, labelled: int, unlabelled: int) -> float:
    """Independent labels that the data are worth: never more than all episodes, never fewer than half of the labels."""
    own = point * (1 - point)
    found = own / variance if own > 0 and variance > 0 else float(labelled)
    return float(min(max(found, labelled / 2), labelled + unlabelled))
