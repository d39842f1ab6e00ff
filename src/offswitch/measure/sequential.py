"""Intervals that hold at every look at once, so that one may stop when the question is decided and still be right.

A fixed-n interval that is looked at again and again, and stopped when it likes, is wrong far more often than it says. Here
each candidate rate m is a game in which betting against m makes no money on average if m is the truth. The interval is what
has not been bankrupted: the candidates against which a stake has not grown by 1 / (1 - level). By Ville's inequality the
truth is ever thrown out with probability at most 1 - level, over all looks together (Waudby-Smith and Ramdas, "Estimating
means of bounded random variables by betting", JRSS B 2024, 86:1; arXiv 2010.09686). `python -m bench.sequential` shows
coverage and cost.

`bernoulli` is for rates. Half the stake bets that the rate is lower than m, half that it is higher, each spread over all
alternatives on that side by a Jeffreys prior cut off at m; so only the counts matter, and nothing has to be remembered
between looks. It stays valid where families differ, **if looks come after whole rounds with equally many episodes of each
family**: a bet multiplies the stake by 1 + b (x - m) with b fixed in advance, and over independent episodes with unequal
rates of mean m the product of these has an expectation of at most 1, since a product of numbers with a given mean is
largest where they are equal. So it speaks of the mean rate of these very families; differences between them make it wider
than it need be, never false.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from offswitch.errors import OffswitchError
from offswitch.measure.estimate import Estimate, Interval

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

METHOD = "betting, valid at every look"
_A = 0.5


def log_capital(true: "Ints", n: "Ints", m: "float | Floats") -> "Floats":
    """Natural log of what a stake of 1 against rate `m` has become, for arrays of counts `true` of `n`; 0 < m < 1."""
    import numpy as np
    from scipy.special import betainc, betaln, xlog1py, xlogy

    a, b = _A + true, _A + n - true
    grown = betaln(a, b) - betaln(_A, _A) - xlogy(true, m) - xlog1py(n - true, -np.asarray(m))
    with np.errstate(divide="ignore"):
        lower = np.log(betainc(a, b, m)) - np.log(betainc(_A, _A, m))
        higher = np.log(betainc(b, a, 1 - np.asarray(m))) - np.log(betainc(_A, _A, 1 - np.asarray(m)))
    capital: Floats = grown + np.logaddexp(lower, higher) - np.log(2)
    return capital


def intervals(true: "Ints", n: "Ints", level: float = 0.95) -> "Floats":
    """Lower and upper ends, shape (..., 2), for arrays of counts; found by halving, to 1e-10, and rounded outwards."""
    import numpy as np

    true, n = np.asarray(true), np.asarray(n)
    limit, point = -np.log1p(-level), np.where(n > 0, true / np.maximum(n, 1), 0.5)
    low, low_in, high_in, high = np.zeros(n.shape), point.copy(), point.copy(), np.ones(n.shape)
    for _ in range(34):
        down, up = np.maximum((low + low_in) / 2, 1e-300), np.minimum((high_in + high) / 2, 1 - 1e-16)
        lost_down, lost_up = log_capital(true, n, down) >= limit, log_capital(true, n, up) >= limit
        low, low_in = np.where(lost_down, down, low), np.where(lost_down, low_in, down)
        high, high_in = np.where(lost_up, up, high), np.where(lost_up, high_in, up)
    return np.stack([np.where(true > 0, low, 0.0), np.where(true < n, high, 1.0)], axis=-1)


@lru_cache(maxsize=100_000)
def bernoulli(true: int, n: int, level: float = 0.95) -> Interval:
    """Confidence sequence of a rate after `true` of `n`. Raises `ValueError` where `true` is not between 0 and n."""
    import numpy as np

    if not 0 <= true <= n:
        raise ValueError(f"needs 0 <= true <= n, got {true} of {n}")
    low, high = intervals(np.array(true), np.array(n), level)
    return Interval(float(low), float(high))


def sequential_rate(true: int, n: int, level: float = 0.95, families: int | None = None) -> Estimate | None:
    """A rate with its confidence sequence; None for n = 0."""
    return Estimate(true / n, *bernoulli(true, n, level), level, n, families, METHOD) if n else None


@dataclass(frozen=True)
class Until:
    """A question with an answer: when measuring may stop."""

    side: Literal["upper", "lower", "width"]
    than: Literal["<", ">"]
    value: float
    level: float = 0.95

    def __str__(self) -> str:
        return f"{self.side}{self.than}{self.value:g}"

    def decided(self, found: Interval | Estimate) -> bool:
        """Whether the interval answers it."""
        side = {"upper": found.high, "lower": found.low, "width": found.high - found.low}[self.side]
        return side < self.value if self.than == "<" else side > self.value

    def hopeless(self, found: Interval | Estimate) -> bool:
        """Whether it is already known that it will never be answered so: the other end stands beyond the bound."""
        if self.side == "width":
            return False
        return found.low > self.value if self.than == "<" else found.high < self.value


def until(text: str, level: float = 0.95) -> Until:
    """Read `upper<0.01`, `lower>0.9` or `width<0.02`. Raises `OffswitchError` that says what may be written."""
    found = re.fullmatch(r"\s*(upper|lower|width)\s*([<>])\s*(\d*\.?\d+(?:e-?\d+)?)\s*(%?)\s*", text)
    if found is None:
        raise OffswitchError(f"cannot read {text!r}; write upper<0.01, lower>0.9 or width<0.02")
    side, than, number, percent = found.groups()
    value = float(number) / (100 if percent else 1)
    if than != (">" if side == "lower" else "<") or not 0 < value < 1:
        raise OffswitchError(f"{text!r} asks nothing that more episodes decide; write upper<0.01, lower>0.9 or width<0.02")
    return Until(side, than, value, level)  # type: ignore[arg-type]  # the pattern lets only these through
