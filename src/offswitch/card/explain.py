"""One transcript and its text verdicts on a page, the deciding words marked; safe with hostile text."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from offswitch.card.render import template
from offswitch.measure.behaviour import load_behaviours
from offswitch.measure.judge import TextVerdict
from offswitch.measure.judge_table import Reason, weighed
from offswitch.measure.view import Line, View

QUOTED = 300
"""Characters of a sentence in the table."""
LONGEST = 20_000
"""Characters of one piece on the page."""


@dataclass(frozen=True)
class Run:
    """A stretch of text, and the behaviours that it decided."""

    text: str
    marks: tuple[str, ...]


@dataclass(frozen=True)
class Piece:
    """One line of the transcript, cut at its marks."""

    line: Line
    runs: tuple[Run, ...]
    left_out: int
    """Characters that are not shown."""


def page(id: str, view: View, verdicts: Mapping[str, TextVerdict], told: Mapping[str, Sequence[Reason]]) -> str:
    """The page, whole: no script, no request. `told` are the sentences behind each verdict, the most telling first."""
    quotes = [(name, q) for name, v in verdicts.items() if v.value is not False for q in v.evidence]
    pieces = []
    for line in view.lines:
        marks = [(name, q.text) for name, q in quotes if line.own and q.message == line.message]
        pieces.append(Piece(line, tuple(_runs(line.text[:LONGEST], marks)), max(0, len(line.text) - LONGEST)))
    asked = {name: load_behaviours()[name].question for name in verdicts}
    best = {name: told[name][0] for name in verdicts if told.get(name)}
    why = {name: weighed(one) for name, one in best.items()}
    return template("explain.html.j2").render(
        id=id, pieces=pieces, verdicts=verdicts, asked=asked, best=best, why=why, longest=QUOTED
    )


def _runs(text: str, marks: Sequence[tuple[str, str]]) -> Iterator[Run]:
    """The text cut wherever a mark begins or ends."""
    spans = [(name, at, at + len(quote)) for name, quote in marks if (at := text.find(quote)) >= 0 and quote]
    cuts = sorted({0, len(text), *(at for _, start, end in spans for at in (start, end))})
    for start, end in pairwise(cuts):
        yield Run(text[start:end], tuple(name for name, a, b in spans if a <= start and end <= b))
