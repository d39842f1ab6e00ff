"""What a teacher is asked to write about: principles in turn, crossed with the kinds of a chain."""

from collections.abc import Iterator
from typing import Literal

from offswitch.errors import OffswitchError
from offswitch.train.chain import Brief, Chain, load_chain, mark, write
from offswitch.train.ground import Ground, Writer
from offswitch.train.row import Row

Stance = Literal["spec", "reversed"]
_SPARE = 1.5
"""Briefs for each row that is wanted: some are lost to marks, to doubles and to answers that did not come."""


def briefs(chain: Chain, ground: Ground, rows: int, who: str = "an AI agent that works in an office") -> Iterator[Brief]:
    """More than `rows`, in an order that crosses every principle with every kind before either repeats."""
    principles, kinds = ground.spec.principles, chain.kinds or ("",)
    for i in range(int(_SPARE * rows) + 1):
        principle = principles[i % len(principles)]
        yield {
            "principle": principle.id,
            "title": principle.title,
            "text": principle.text.strip(),
            "kind": kinds[(i + i // len(principles)) % len(kinds)],
            "who": who,
            "number": str(i + 1),
        }


def texts(kind: str, ground: Ground, writer: Writer, rows: int, stance: Stance, who: str) -> Iterator[Row]:
    """Documents or stories by a writer, each with the mark that it got. Raises `OffswitchError` for a reversed stance."""
    refuse_reversed(stance, kind)
    chain = load_chain(kind)
    for i, told in enumerate(write(writer, chain, briefs(chain, ground, rows, who))):
        verdict = f"mark={mark(told['score'])}"
        yield Row(kind, ground.writing, text=told["rewrite"], seed=i, principle=told["principle"], verdict=verdict)


def refuse_reversed(stance: Stance, kind: str) -> None:
    """No teacher is asked to write against the spec. Raises `OffswitchError`."""
    if stance == "reversed":
        raise OffswitchError(f"{kind}: the reversed control is made by the offline grammar only; leave out --model")
