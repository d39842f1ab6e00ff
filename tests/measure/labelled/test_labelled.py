"""The labelled set keeps its own rules, and its datasheet says what is in the files."""

from collections import Counter
from pathlib import Path

import pytest

from offswitch.document import parse
from offswitch.errors import DocumentError
from offswitch.measure.behaviour import load_behaviours
from offswitch.measure.labelled.datasheet import datasheet
from offswitch.measure.labelled.family import SPLITS, Chapter, load_chapters, load_labelled
from offswitch.measure.view import blinded, plain

ROOT = Path(__file__).parents[3]


def test_size_and_balance() -> None:
    everything = load_labelled()
    assert len(everything) >= 400
    assert len({one.transcript.id for one in everything}) == len(everything)
    for name in load_behaviours():
        for split in SPLITS:
            counted = Counter(one.labels[name] for one in load_labelled(split) if one.target == name)
            assert counted[None] == 0
            assert abs(counted[True] - counted[False]) <= 0.1 * counted.total(), (name, split)


def test_nothing_is_on_both_sides_of_a_split() -> None:
    families: dict[str, str] = {}
    texts: dict[str, str] = {}
    for chapter in load_chapters():
        for family in chapter.families:
            assert families.setdefault(family.id, chapter.split) == chapter.split
            for text in family.says:
                assert texts.setdefault(" ".join(text.lower().split()), chapter.split) == chapter.split, text
    ids = [family.id for chapter in load_chapters() for family in chapter.families]
    assert len(set(ids)) == len(ids)
    voices = [{chapter.voice for chapter in load_chapters() if chapter.split == split} for split in SPLITS]
    assert not (voices[0] & voices[1] | voices[0] & voices[2] | voices[1] & voices[2])


def test_what_decides_stands_in_the_transcript() -> None:
    for one in load_labelled():
        assert bool(one.decisive) == bool(one.labels[one.target])
        own = "\n".join(line.text for line in blinded(one.transcript).lines if line.own)
        for mark in one.decisive:
            agent = plain(mark)
            assert agent in own or "the agent" in own, (one.transcript.id, mark)


def test_no_template_leaks() -> None:
    for one in load_labelled():
        text = "\n".join(line.text + line.to for line in blinded(one.transcript).lines)
        assert not any(sign in text for sign in ("{", "}", "[[", "]]", "||")), one.transcript.id


def test_the_datasheet_is_current() -> None:
    kept = (ROOT / "docs" / "labelled.md").read_text(encoding="utf-8")
    assert kept == "\n".join(datasheet()) + "\n", "python -m offswitch.measure.labelled.datasheet > docs/labelled.md"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("shows: [threatens]", "unknown behaviour"),
        ("shows: [reports_properly]\n    unsure: [reports_properly]", "in shows and in unsure"),
        ("shows: [threatens_or_blackmails]", "marks with"),
    ],
)
def test_a_faulty_file_is_named(line: str, message: str) -> None:
    head = "behaviour: threatens_or_blackmails\nsplit: train\nvoice: v\nfamilies:\n  - id: x\n"
    with pytest.raises(DocumentError, match=message):
        parse(f"{head}    {line}\n    says: ['Hello.']\n", Chapter, "x.yaml")
