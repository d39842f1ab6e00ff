"""How many episodes a question needs, before anything is spent; and where no number of episodes would answer it."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, sqrt
from typing import TYPE_CHECKING

from offswitch.errors import OffswitchError
from offswitch.measure.estimate import exact
from offswitch.measure.sequential import Until, intervals, log_capital

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]

MOST = 10_000_000
"""Above so many episodes a question counts as out of reach."""


@dataclass(frozen=True)
class Guess:
    """What is believed before measuring, and what is wanted."""

    rate: float
    """True rate that is expected."""
    power: float = 0.8
    """Probability that the question is decided if the rate is as expected."""
    level: float = 0.95
    families: int = 8
    correlation: float = 0.0
    """Of episodes within a family. 0 where the answer is to hold for these very families."""


@dataclass(frozen=True)
class Need:
    """What one design takes."""

    design: str
    episodes: int | None
    """That answer the question; None where no number does."""
    per_family: int | None
    note: str
    """Why there is no number, or what it rests on."""


def fixed(question: Until, guess: Guess) -> Need:
    """Play so many, look once, with Clopper and Pearson's interval: speaks of these very families."""
    name = "fixed n, these families"
    n = fixed_n(question, guess.rate, guess.power, guess.level)
    if n is None:
        return Need(name, None, None, _why(question, guess.rate))
    return _need(
        name, n, guess, "Clopper-Pearson, exact power" if question.side != "width" else "Clopper-Pearson at the rate"
    )


def fixed_n(question: Until, rate: float, power: float = 0.8, level: float = 0.95) -> int | None:
    """Smallest n whose exact interval answers the question with this probability; None beyond `MOST`.

    For `upper<b`, k events are few enough at n where P(at most k | b) is below half of 1 - level; the smallest such n is
    found for growing k until P(at most k | rate) reaches the power. `lower>b` is the same for the complement. For widths,
    the interval at the expected count.
    """
    if question.side == "width":
        return _first(lambda n: _width(n, rate, level) < question.value)
    bound, true = (question.value, rate) if question.side == "upper" else (1 - question.value, 1 - rate)
    if true >= bound:
        return None
    from scipy.stats import binom

    def n_for(k: int) -> int | None:
        return _first(lambda n: bool(binom.cdf(k, n, bound) < (1 - level) / 2))

    def enough(k: int) -> bool:
        n = n_for(k)
        return n is None or bool(binom.cdf(k, n, true) >= power)

    k = _first(lambda k: enough(k - 1))  # k - 1, so that no event at all can be enough
    return None if k is None else n_for(k - 1)


def _width(n: int, rate: float, level: float) -> float:
    low, high = exact(round(n * rate), n, level)
    return high - low


def _first(holds: Callable[[int], bool]) -> int | None:
    """Smallest number from 1 for which a condition holds that stays true; None beyond `MOST`."""
    high = 1
    while not holds(high):
        high *= 2
        if high > MOST:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def clustered(question: Until, guess: Guess) -> Need:
    """The same for families like these: each episode of a family after the first is worth less (Kish 1965, section 5.4).

    m episodes in each of F families are worth F m / (1 + (m - 1) r), times the squared ratio of normal to t quantile that
    `estimate.clustered_rate_of` takes off. However large m, that is never more than F / r.
    """
    from scipy.stats import norm, t

    name = "fixed n, families like these"
    n = fixed_n(question, guess.rate, guess.power, guess.level)
    if n is None:
        return Need(name, None, None, _why(question, guess.rate))
    tail, r = (1 + guess.level) / 2, guess.correlation

    def worth(families: int) -> float:
        return families * float(norm.ppf(tail) / t.ppf(tail, families - 1)) ** 2

    if guess.families < 2 or worth(guess.families) <= n * r:
        least = _first(lambda f: f > 1 and worth(f) > n * r)
        return Need(
            name, None, None, f"no number of episodes is enough in {guess.families} families; at least {least} families"
        )
    m = ceil(n * (1 - r) / (worth(guess.families) - n * r))
    return Need(name, m * guess.families, m, f"{n} independent episodes are needed; correlation {r:g} within a family")


def sequential(question: Until, guess: Guess, draws: int = 1000) -> Need:
    """Play round after round and stop when decided; `episodes` is the mean, and the note says what 4 of 5 runs stay under."""
    name = "stop when decided, these families"
    base = fixed_n(question, guess.rate, guess.power, guess.level)
    if base is None:
        return Need(name, None, None, _why(question, guess.rate))
    import numpy as np

    ends = stopping(question, guess, draws, most=20 * base)
    shown = float(np.quantile(ends, guess.power))
    return _need(name, round(float(ends.mean())), guess, f"mean over {draws} draws; {guess.power:.0%} stop by {round(shown)}")


def stopping(question: Until, guess: Guess, draws: int, most: int, seed: int = 0) -> "Ints":
    """At how many episodes each of `draws` simulated runs stops; `most` where it is not decided by then.

    Looks come after whole rounds, at most 2,000 of them.
    """
    import numpy as np

    step = guess.families * max(1, most // (2000 * guess.families))
    looks = np.arange(step, most + step, step)
    rng = np.random.default_rng(seed)
    true = rng.binomial(step, guess.rate, (draws, len(looks))).cumsum(axis=1)
    found = _narrow(question, true, looks) if question.side == "width" else _beyond(question, true, looks)
    return np.append(looks, most)[found]


def _beyond(question: Until, true: "Ints", looks: "Ints") -> "Ints":
    """Index of the first look at which the confidence sequence is on the right side of the bound; else one past the last."""
    import numpy as np

    side = true < question.value * looks if question.side == "upper" else true > question.value * looks
    done = side & (log_capital(true, looks, question.value) > -np.log1p(-question.level))
    return np.where(done.any(axis=1), done.argmax(axis=1), len(looks))


def _narrow(question: Until, true: "Ints", looks: "Ints") -> "Ints":
    """The same for a width, which all but always falls with n, so that halving finds the look."""
    import numpy as np

    rows = np.arange(len(true))
    low, high = np.full(len(true), -1), np.full(len(true), len(looks))
    while (high - low > 1).any():
        middle = np.clip((low + high) // 2, 0, len(looks) - 1)
        ends = intervals(true[rows, middle], looks[middle], question.level)
        done = ends[:, 1] - ends[:, 0] < question.value
        low, high = np.where(done, low, middle), np.where(done, middle, high)
    return high


def change(before: float, after: float, guess: Guess) -> Need:
    """Pairs before and after training, for McNemar's test to see this change (Connor 1987, Biometrics 43:207).

    Taken as if outcomes before and after were independent given the rates, which needs more pairs than if they agree.
    Raises `OffswitchError` where both rates are equal.
    """
    from scipy.stats import norm

    if before == after:
        raise OffswitchError("there is nothing to see between equal rates; give two that differ")
    differing = before * (1 - after) + after * (1 - before)
    d = before - after
    wanted = float(norm.ppf((1 + guess.level) / 2)) * sqrt(differing) + float(norm.ppf(guess.power)) * sqrt(differing - d * d)
    return _need(
        "pairs before and after", ceil((wanted / d) ** 2), guess, "McNemar, normal approximation, for these families"
    )


def _need(design: str, n: int, guess: Guess, note: str) -> Need:
    per_family = ceil(n / guess.families)
    return Need(design, per_family * guess.families, per_family, note)


def _why(question: Until, rate: float) -> str:
    beyond = {"upper": rate < question.value, "lower": rate > question.value, "width": True}[question.side]
    return f"needs more than {MOST:,} episodes" if beyond else f"a rate of {rate:g} does not make {question} true"
