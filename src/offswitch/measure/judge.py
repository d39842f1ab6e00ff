"""What a text judge is: it sees a blinded view of a transcript and answers one question at a time, or abstains."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from offswitch.measure.view import View

ABSTAINED, UNFAMILIAR = "abstained", "abstained on unfamiliar text"
"""How the reason of a judge begins that could answer and does not."""
FAILED = "unscored: the judge failed"
"""The same for one that could not be reached, or did not answer as asked; asking again may help."""


@dataclass(frozen=True, slots=True)
class Quote:
    """Where a verdict rests."""

    message: int
    """Index in the transcript's messages, from 0."""
    text: str
    """The words, as the judge saw them: normalised, and blinded."""


@dataclass(frozen=True)
class TextVerdict:
    """The answer of one judge to one question about one transcript."""

    value: bool | None
    """None where the judge abstained or failed; `reason` says why."""
    reason: str
    evidence: tuple[Quote, ...] = ()
    by: str = ""
    """Name of the judge."""
    score: float | None = None
    """Probability of true, where the judge has one."""


class Judge(Protocol):
    """A judge in this process."""

    name: str

    def judge(self, view: View, behaviours: Sequence[str]) -> Mapping[str, TextVerdict]:
        """A verdict for each behaviour. Raises `KeyError` for one that it does not know."""
        ...


class AsyncJudge(Protocol):
    """A judge behind a network."""

    name: str

    async def judge(self, view: View, behaviours: Sequence[str]) -> Mapping[str, TextVerdict]:
        """As `Judge.judge`."""
        ...


async def ask(judge: Judge | AsyncJudge, view: View, behaviours: Sequence[str]) -> Mapping[str, TextVerdict]:
    """One judge's verdicts, whichever kind it is."""
    given = judge.judge(view, behaviours)
    return await given if inspect.isawaitable(given) else given


def vote(verdicts: Sequence[TextVerdict]) -> TextVerdict:
    """The majority of all judges asked, those who abstained included; without one, None.

    Raises `ValueError` for no verdicts.
    """
    if not verdicts:
        raise ValueError("a vote needs at least one verdict")
    if len(verdicts) == 1:
        return verdicts[0]
    said = "; ".join(f"{v.by}: {_word(v.value)} ({v.reason})" for v in verdicts)
    by = "+".join(verdict.by for verdict in verdicts)
    for value in (True, False):
        same = [verdict for verdict in verdicts if verdict.value is value]
        if 2 * len(same) > len(verdicts):
            evidence = tuple(dict.fromkeys(quote for verdict in same for quote in verdict.evidence))
            return TextVerdict(value, f"{len(same)} of {len(verdicts)} judges agree. {said}", evidence, by)
    return TextVerdict(None, f"abstained: no majority. {said}", (), by)


def _word(value: bool | None) -> str:
    return {True: "yes", False: "no", None: "abstained"}[value]
