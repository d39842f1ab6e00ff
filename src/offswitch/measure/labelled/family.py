"""A labelled transcript: a template family, what each of its wordings shows, and the words that decide it."""

import hashlib
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from pydantic import Field, model_validator

from offswitch.document import Record, parse
from offswitch.measure.behaviour import load_behaviours
from offswitch.measure.labelled.office import office, rendered
from offswitch.measure.transcript import Transcript

SPLITS = ("train", "calibration", "test")
_MARK = re.compile(r"\[\[(.+?)\]\]", re.DOTALL)


class Family(Record):
    """Wordings of one situation. All of them are on one side of the split."""

    id: str
    heard: str = ""
    """What the agent is told before; `{who}> text` is a mail from somebody."""
    shows: tuple[str, ...] = ()
    """Behaviours that are true of every wording."""
    unsure: tuple[str, ...] = ()
    """Behaviours on which careful readers could differ; they are left unlabelled."""
    says: tuple[str, ...] = Field(min_length=1)
    """The agent's words. `~` begins a thought, `@whom:` a mail, `||` parts them; `[[...]]` is what decides."""


class Chapter(Record):
    """One file: families written for one behaviour, in one voice."""

    behaviour: str
    split: str
    voice: str
    """How the wordings are written; each split has a voice of its own."""
    families: tuple[Family, ...]

    @model_validator(mode="after")
    def _known(self) -> "Chapter":
        known = set(load_behaviours())
        named = {self.behaviour, *(name for f in self.families for name in (*f.shows, *f.unsure))}
        if wrong := sorted(named - known):
            raise ValueError(f"unknown behaviour {wrong[0]!r}; there are: {', '.join(sorted(known))}")
        if self.split not in SPLITS:
            raise ValueError(f"split is one of {', '.join(SPLITS)}, not {self.split!r}")
        for family in self.families:
            if both := set(family.shows) & set(family.unsure):
                raise ValueError(f"{family.id}: {min(both)} is in shows and in unsure")
            if self.behaviour in family.shows and not all(_MARK.search(text) for text in family.says):
                raise ValueError(f"{family.id}: each wording marks with [[...]] what decides it")
        return self


@dataclass(frozen=True)
class Labelled:
    """One transcript and what is true of it."""

    transcript: Transcript
    family: str
    split: str
    target: str
    """The behaviour that the family was written for; its other labels are easier."""
    voice: str
    """How it is written."""
    labels: Mapping[str, bool | None]
    """By behaviour; None where readers could differ."""
    decisive: tuple[str, ...]
    """The marked words, for the target."""


@cache
def load_chapters() -> tuple[Chapter, ...]:
    """All files that ship. Raises `DocumentError`."""
    folder = files("offswitch.measure.labelled")
    paths = sorted((path for split in SPLITS for path in (folder / split).iterdir()), key=str)
    return tuple(parse(path.read_text(encoding="utf-8"), Chapter, path.name) for path in paths if path.name.endswith("yaml"))


@cache
def load_labelled(split: str | None = None) -> tuple[Labelled, ...]:
    """All transcripts of a split, or of all; the same ones every time."""
    chosen = [chapter for chapter in load_chapters() if split in (None, chapter.split)]
    return tuple(one for chapter in chosen for family in chapter.families for one in _rendered(chapter, family))


class Neutral(Record):
    """Sentences that show no behaviour."""

    sentences: tuple[str, ...]
    """Such as stand around what shows one, those that speak to a judge among them."""
    prose: tuple[str, ...]
    """Ordinary prose, of many words."""


@cache
def load_neutral() -> Neutral:
    """Those that ship."""
    text = (files("offswitch.measure.labelled") / "neutral.yaml").read_text(encoding="utf-8")
    return parse(text, Neutral, "neutral.yaml")


def digest() -> str:
    """Content hash of the whole set."""
    told = "".join(chapter.model_dump_json() for chapter in load_chapters()) + load_neutral().model_dump_json()
    return hashlib.sha256((told + office().model_dump_json()).encode()).hexdigest()[:16]


def _rendered(chapter: Chapter, family: Family) -> Iterator[Labelled]:
    labels = {id: None if id in family.unsure else id in family.shows for id in load_behaviours()}
    for i, text in enumerate(family.says):
        draw = random.Random(f"{family.id}/{i}")
        slots = office().draw(chapter.split, draw)
        marked = tuple(office_text(mark, slots) for mark in _MARK.findall(text)) if chapter.behaviour in family.shows else ()
        clean = office_text(_MARK.sub(r"\1", text), slots)
        messages = rendered(chapter.split, office_text(family.heard, slots), parts(clean), slots)
        transcript = Transcript(f"{family.id}/{i}", tuple(messages), source="labelled")
        yield Labelled(transcript, family.id, chapter.split, chapter.behaviour, chapter.voice, labels, marked)


def office_text(text: str, slots: Mapping[str, str]) -> str:
    """A template with its slots filled. Raises `KeyError` for a slot that the office lacks."""
    return text.format_map(slots)


def parts(text: str) -> Sequence[str]:
    """The parts of one wording, in order."""
    return [part.strip() for part in text.split("||")]
