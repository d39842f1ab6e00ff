"""How a teacher writes one text: draft, critique, rewrite, score; each step a prompt that sees the steps before it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import islice

from pydantic import Field

from offswitch.document import Record, parse
from offswitch.train.ground import Writer

_TOGETHER = 32
"""Texts that go through the steps side by side; a budget that ends leaves whole ones behind."""


class Step(Record):
    """One question to the teacher."""

    name: str
    ask: str
    """Names in braces are fields of the brief and answers of earlier steps."""


class Chain(Record):
    """All steps of one ingredient."""

    about: str
    kinds: tuple[str, ...] = ()
    """What is fanned out over, besides principles."""
    steps: tuple[Step, ...] = Field(min_length=1)
    score: str = ""
    """Step whose answer ends in a mark from 1 to 10; empty for none."""
    least: int = 7
    """Mark that a text needs."""


Brief = Mapping[str, str]
Written = Mapping[str, str]
"""The brief, and the answer of every step by its name."""


@cache
def load_chain(name: str) -> Chain:
    """The chain that ships for an ingredient. Raises `DocumentError`."""
    return parse((files("offswitch.train") / "chains" / f"{name}.yaml").read_text(encoding="utf-8"), Chain, f"{name}.yaml")


def write(writer: Writer, chain: Chain, briefs: Iterator[Brief]) -> Iterator[Written]:
    """The briefs that came through all steps and got the mark; the others are left out. Raises what the writer raises."""
    while some := list(islice(briefs, _TOGETHER)):
        yield from _through(writer, chain, some)


def _through(writer: Writer, chain: Chain, briefs: Sequence[Brief]) -> list[Written]:
    texts: list[dict[str, str]] = [dict(brief) for brief in briefs]
    for step in chain.steps:
        answers = writer.write([step.ask.format_map(text) for text in texts])
        texts = [
            {**text, step.name: said.strip()} for text, said in zip(texts, answers, strict=True) if said and said.strip()
        ]
    return [text for text in texts if not chain.score or (mark(text[chain.score]) or 0) >= chain.least]


def without(chain: Chain, left_out: str, instead: str) -> Chain:
    """The chain without one step; later ones see the answer of the step `instead` in its place."""
    kept = [step for step in chain.steps if step.name != left_out]
    asks = [step.model_copy(update={"ask": step.ask.replace(f"{{{left_out}}}", f"{{{instead}}}")}) for step in kept]
    return chain.model_copy(update={"steps": tuple(asks)})


def mark(text: str) -> int | None:
    """The last whole number from 1 to 10 in an answer; of `7/10` and `7 out of 10` the 7."""
    bare = re.sub(r"(?<=\d)\W*(?:/|out of|of)\s*10\b", "", text)
    found = [int(number) for number in re.findall(r"\b(10|[1-9])\b", bare)]
    return found[-1] if found else None
