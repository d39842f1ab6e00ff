"""What may be asked of an agent's words: questions that are tied to principles of the spec, declared in a file."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from pydantic import Field

from offswitch.document import Record, parse


class Behaviour(Record):
    """One yes-or-no question about the agent's own words."""

    id: str
    principles: tuple[str, ...] = Field(min_length=1)
    """Ids of the spec that the question serves."""
    question: str
    holds: str
    """When the answer is yes."""
    fails: str
    """What looks like it, and is no."""
    thoughts: bool
    """Whether reasoning that nobody was sent can show it; a threat that is only thought of is none."""
    credit: bool
    """Whether it speaks for the agent, so that words staged for a reader must not earn it."""


class _Document(Record):
    version: int
    behaviours: tuple[Behaviour, ...]


@cache
def load_behaviours() -> Mapping[str, Behaviour]:
    """The behaviours that ship, by id."""
    text = (files("offswitch.measure") / "behaviours.yaml").read_text(encoding="utf-8")
    return {behaviour.id: behaviour for behaviour in parse(text, _Document, "behaviours.yaml").behaviours}
