"""The judge's own commands as functions: fit it, hold it against labels, and say why it decided as it did."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from offswitch.adapters.transcripts import Unreadable, read_transcripts
from offswitch.cache import cache_folder
from offswitch.errors import OffswitchError
from offswitch.jobs.folder import told_plainly
from offswitch.measure.behaviour import load_behaviours
from offswitch.measure.calibrate import Agreement, Pair, agreement
from offswitch.measure.estimate import Estimate, clustered_rate
from offswitch.measure.judge import AsyncJudge, Judge, TextVerdict, ask
from offswitch.measure.judges.fit import key
from offswitch.measure.judges.offline import OfflineJudge, offline_judge
from offswitch.measure.judges.sentence import Sentence
from offswitch.measure.labelled.family import load_labelled
from offswitch.measure.transcript import Transcript
from offswitch.measure.view import View, blinded

LABELS = "labels"
"""Field of a record that holds a person's labels by name."""


@dataclass(frozen=True)
class Calibration:
    """One behaviour of one judge against labels."""

    behaviour: str
    agreement: Agreement
    """On transcripts that were written for or against this behaviour, or on all that carry the label."""
    elsewhere: Estimate | None = None
    """Share called true among transcripts of other behaviours that do not show it; None where there are none."""


@dataclass(frozen=True)
class Told:
    """A sentence that speaks for a behaviour, and why."""

    probability: float
    sentence: Sentence
    weights: tuple[tuple[str, float], ...]
    """The features that weigh most, for (positive) or against."""


@dataclass(frozen=True)
class Explanation:
    """One transcript, its verdicts, and the sentences behind them."""

    id: str
    view: View
    verdicts: Mapping[str, TextVerdict]
    told: Mapping[str, tuple[Told, ...]]


def trained(again: bool = False) -> tuple[OfflineJudge, Path]:
    """The offline judge, fitted where the cache has none for the present data and code, and its file."""
    folder = cache_folder() / "judges"
    path = folder / f"judge-{key()}.json"
    with told_plainly(folder, "set OFFSWITCH_CACHE to another folder"):
        if again:
            path.unlink(missing_ok=True)
        try:
            return offline_judge(folder), path
        except ValueError as error:
            raise OffswitchError(f"{path} is damaged ({error}); run: offswitch judge train --again") from error


def calibrate(judge: Judge | AsyncJudge, split: str = "test", level: float = 0.95) -> list[Calibration]:
    """A judge on one split of our own labelled set, behaviour by behaviour; intervals are clustered by template family."""
    chosen, names = load_labelled(split), tuple(load_behaviours())
    verdicts = _asked(judge, [one.transcript for one in chosen], names)
    rows = []
    for name in names:
        near: list[Pair] = []
        far: list[Pair] = []
        for one, given in zip(chosen, verdicts, strict=True):
            truth = one.labels[name]
            if truth is not None:
                (near if one.target == name else far).append(Pair(truth, given[name].value, one.family))
        others = [pair for pair in far if not pair.truth and pair.verdict is not None]
        elsewhere = clustered_rate([bool(p.verdict) for p in others], [p.cluster for p in others], level)
        rows.append(Calibration(name, agreement(near, level), elsewhere))
    return rows


def calibrate_on(judge: Judge | AsyncJudge, files: Sequence[Path], names: Mapping[str, str]) -> list[Calibration]:
    """A judge against labels that records carry in a field `labels`, such as {"labels": {"blackmail": true}}.

    `names` maps labels to behaviours; a `!` before the behaviour means that the label is true where it is absent. Labels
    that are themselves behaviours need no entry. Raises `OffswitchError` where nothing is labelled or a name is unknown.
    """
    known = load_behaviours()
    names = {**{name: name for name in known}, **names}
    if wrong := sorted({b.removeprefix("!") for b in names.values()} - set(known)):
        raise OffswitchError(f"there is no behaviour {wrong[0]!r}; there are: {', '.join(known)}")
    labelled = [t for t in transcripts(files) if isinstance(t.meta.get(LABELS), Mapping)]
    used = sorted({label for t in labelled for label in t.meta[LABELS]} & set(names))
    if not used:
        raise OffswitchError(f"no record has a field {LABELS!r} with a label that is a behaviour or named by --map")
    verdicts = _asked(judge, labelled, tuple({names[label].removeprefix("!"): None for label in used}))
    rows = []
    for label in used:
        behaviour, flipped = names[label].removeprefix("!"), names[label].startswith("!")
        pairs = [
            Pair(t.meta[LABELS][label] != flipped, given[behaviour].value)
            for t, given in zip(labelled, verdicts, strict=True)
            if isinstance(t.meta[LABELS].get(label), bool)
        ]
        title = behaviour if label == behaviour else f"{'not ' if flipped else ''}{label}: {behaviour}"
        rows.append(Calibration(title, agreement(pairs)))
    return rows


def explain(judge: OfflineJudge, files: Sequence[Path], id: str, behaviours: Sequence[str]) -> Explanation:
    """Why the offline judge decides as it does on one transcript; `id` may be one of our own labelled set without files.

    Raises `OffswitchError` for an unknown id or behaviour.
    """
    known = load_behaviours()
    if wrong := [name for name in behaviours if name not in known]:
        raise OffswitchError(f"there is no behaviour {wrong[0]!r}; there are: {', '.join(known)}")
    source: Iterator[Transcript] = transcripts(files) if files else (one.transcript for one in load_labelled())
    found = next((transcript for transcript in source if transcript.id == id), None)
    if found is None:
        raise OffswitchError(f"no transcript has the id {id!r} in {', '.join(map(str, files)) or 'our own labelled set'}")
    view, names = blinded(found), tuple(behaviours) or tuple(known)
    told = {name: tuple(Told(p, s, tuple(judge.why(s, name))) for p, s in judge.telling(view, name)) for name in names}
    return Explanation(found.id, view, judge.judge(view, names), told)


def transcripts(files: Sequence[Path]) -> Iterator[Transcript]:
    """All that can be read in some files."""
    return (one for path in files for one in read_transcripts(path) if not isinstance(one, Unreadable))


def _asked(judge: Judge | AsyncJudge, chosen: Sequence[Transcript], names: Sequence[str]) -> list[Mapping[str, TextVerdict]]:
    async def run() -> list[Mapping[str, TextVerdict]]:
        return [await ask(judge, blinded(transcript), names) for transcript in chosen]

    return asyncio.run(run())
