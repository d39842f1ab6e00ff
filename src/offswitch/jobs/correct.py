"""A judged rate of a scoring, corrected by a small random sample that a person labelled, and the sheet to label."""

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from offswitch.errors import DocumentError, OffswitchError, OutputError
from offswitch.jobs.judge import LABELS
from offswitch.measure.conduct import FIELDS, Scored, from_json
from offswitch.measure.powered import Corrected, corrected_rate

Key = tuple[str, int | None, str]
"""File, line and id of a record."""


@dataclass(frozen=True)
class Correction:
    """One question of a scoring, before and after the labels."""

    question: str
    """A field of `conduct.FIELDS`, or a behaviour that a judge of texts was asked."""
    scored: int
    """Transcripts to which the question applies."""
    undecided: int
    """Those without a verdict; they count as a no of the judge, which biases nothing, since labels correct that too."""
    labels: int
    found: Corrected | None
    """None where fewer than two are labelled, or none is left unlabelled."""
    why: str = ""
    """Why there is no corrected rate."""


def drawn(out: Path, n: int, seed: int = 0) -> Iterator[dict[str, object]]:
    """A sheet to label: `n` scored transcripts at random, without their verdicts, each question open (null).

    Raises `OutputError` where `out` holds no scoring.
    """
    every = list(evidence(out))
    for one in random.Random(seed).sample(every, min(n, len(every))):
        questions = dict.fromkeys(_verdicts(one))
        yield {"id": one.id, "source": one.source, "line": one.line, LABELS: questions}


def correct(out: Path, sheet: Path, level: float = 0.95) -> list[Correction]:
    """Each labelled question of the scoring in `out`. Labels are true or false; null is a question left open.

    The labelled must be a random sample of what was scored. Raises `OutputError` where `out` holds no scoring, and
    `DocumentError` for a line of the sheet that is none, names no or several scored transcripts, or an unknown question.
    """
    values = {_key(one): _verdicts(one) for one in evidence(out)}
    labels = _labels(sheet, values)
    asked = dict.fromkeys(name for given in labels.values() for name in given)
    if not asked:
        raise OffswitchError(f"{sheet} holds no label that is true or false")
    return [
        _corrected(name, values, {k: given[name] for k, given in labels.items() if name in given}, level) for name in asked
    ]


def evidence(out: Path) -> Iterator[Scored]:
    """What `offswitch score --out` kept of each transcript. Raises `OutputError` where there is nothing."""
    paths = sorted((out / "evidence").glob("*.jsonl"))
    if not paths or not (out / "score.json").exists():
        raise OutputError(f"{out} holds no finished scoring; make one with: offswitch score FILES --declare YAML --out {out}")
    for path in paths:
        with path.open(encoding="utf-8") as file:
            for line in file:
                try:
                    yield from_json(line)
                except ValueError as error:
                    raise OutputError(f"{path} is damaged; delete it and score again") from error


def _key(one: Scored) -> Key:
    return one.source, one.line, one.id


def _verdicts(one: Scored) -> dict[str, bool | None]:
    """What was asked of it and applies to it."""
    deeds = {field: getattr(one.conduct, field) for field in FIELDS}
    return {
        name: said.value for name, said in (deeds | dict(one.words)).items() if not said.reason.startswith("not applicable")
    }


def _labels(sheet: Path, values: Mapping[Key, Mapping[str, bool | None]]) -> dict[Key, dict[str, bool]]:
    by_id: dict[str, list[Key]] = {}
    for key in values:
        by_id.setdefault(key[2], []).append(key)
    found: dict[Key, dict[str, bool]] = {}
    for number, line in enumerate(sheet.read_text(encoding="utf-8-sig").splitlines(), 1):
        if not line.strip():
            continue
        record = _record(sheet, number, line)
        keys = by_id.get(str(record.get("id")), [])
        if len(keys) > 1:
            keys = [key for key in keys if key[:2] == (record.get("source"), record.get("line"))]
        if len(keys) != 1:
            what = "several transcripts have" if str(record.get("id")) in by_id else "no scored transcript has"
            raise DocumentError(
                sheet, number, "id", f"{what} the id {record.get('id')!r}; copy id, source and line from --draw"
            )
        if keys[0] in found:
            raise DocumentError(sheet, number, "id", f"{record['id']!r} is labelled twice")
        found[keys[0]] = _given(sheet, number, record[LABELS], values[keys[0]])
    return found


def _record(sheet: Path, number: int, line: str) -> Mapping[str, object]:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise DocumentError(sheet, number, "", f"is no JSON ({error})") from error
    if not isinstance(record, dict) or not isinstance(record.get(LABELS), dict):
        raise DocumentError(sheet, number, LABELS, 'is missing; a line is {"id": "7", "labels": {"resisted": true}}')
    return record


def _given(sheet: Path, number: int, given: object, known: Mapping[str, bool | None]) -> dict[str, bool]:
    assert isinstance(given, dict)
    for name, value in given.items():
        if name not in known:
            raise DocumentError(sheet, number, LABELS, f"{name!r} was not asked of it; asked were: {', '.join(known)}")
        if value is not None and not isinstance(value, bool):
            raise DocumentError(sheet, number, LABELS, f"{name} is {value!r}; write true, false, or null for open")
    return {name: value for name, value in given.items() if value is not None}


def _corrected(
    name: str, values: Mapping[Key, Mapping[str, bool | None]], labels: Mapping[Key, bool], level: float
) -> Correction:
    judged = {key: given[name] for key, given in values.items() if name in given}
    rest = [bool(value) for key, value in judged.items() if key not in labels]
    undecided = sum(value is None for value in judged.values())
    if len(labels) < 2 or not rest:
        why = "every transcript is labelled: their share is the rate" if not rest else "fewer than two labels"
        return Correction(name, len(judged), undecided, len(labels), None, why)
    found = corrected_rate(list(labels.values()), [bool(judged[key]) for key in labels], rest, level)
    return Correction(name, len(judged), undecided, len(labels), found)
