"""Score transcripts that somebody has: stream them, judge them in units that survive a kill, and count."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path

from offswitch.adapters.transcripts import Unreadable, read_transcripts
from offswitch.errors import DocumentError, OutputError
from offswitch.jobs.folder import run_folder, write_whole
from offswitch.jobs.panel import AnyJudge, identity
from offswitch.jobs.report import Bar, Report
from offswitch.measure.conduct import Scored, from_json, score, to_json
from offswitch.measure.declaration import Declaration
from offswitch.measure.judge import FAILED, TextVerdict, ask
from offswitch.measure.score_tally import Score, Tally
from offswitch.measure.transcript import Transcript
from offswitch.measure.view import blinded

SUFFIXES = (".jsonl", ".json", ".ndjson", ".eval")
NO_VALUE = "none"
"""Stands for the field that is reported apart where a record does not have it."""
UNIT = 500
"""Transcripts that are judged and written together."""
AT_ONCE = 16
"""Transcripts that judges behind a network read at a time."""


@dataclass(frozen=True)
class Scoring:
    """What is asked."""

    files: tuple[Path, ...]
    """Files, or folders of them."""
    declaration: Declaration
    judge: AnyJudge | None = None
    """A judge of texts, for what lies in words."""
    behaviours: tuple[str, ...] = ()
    """What the judge is asked."""
    by: str = ""
    """A field of the records whose values are reported apart as well."""
    command: str = ""
    """What makes the result again, for its card."""


def score_files(asked: Scoring, out: Path | None, report: Report) -> Score:
    """All numbers. In `out`, if given, evidence for each transcript is kept (evidence/*.jsonl), the numbers (score.json) and
    the card (card.html, card.json); a re-run goes on where it stopped.

    Raises `DocumentError` where no file holds a transcript that can be read, and `OutputError`.
    """
    files = found_files(asked.files)
    tally = Tally(asked.declaration.compare.verdict if asked.declaration.compare else "")
    with ExitStack() as stack:
        folder = None
        if out is not None:
            folder = stack.enter_context(run_folder(out, _settings(asked, files)))
        bar = stack.enter_context(report.work("scoring"))
        _run(asked, files, tally, folder, bar)
        judge = asked.judge.name if asked.judge else ""
        found = tally.score(asked.declaration.name, asked.declaration.key, judge, map(str, files))
        if not found.transcripts:
            first = found.unreadable[0] if found.unreadable else "the files are empty"
            raise DocumentError(files[0], None, "", f"no transcript could be read ({first})")
        if asked.by and found.parts.keys() <= {"all", _told(asked.by, NO_VALUE)}:
            raise DocumentError(files[0], None, asked.by, "no record has this field, so --by tells nothing apart")
        if folder is not None:
            write_whole(folder / "score.json", json.dumps(found.as_dict(), indent=1) + "\n")
            write_whole(folder / "unreadable.txt", "".join(f"{why}\n" for why in found.unreadable))
            _keep_card(asked, found, folder)
    return found


def _keep_card(asked: Scoring, found: Score, folder: Path) -> None:
    from offswitch.card.score_card import score_card, write
    from offswitch.jobs.harden import versions

    card = score_card(found, asked.declaration, date.today().isoformat(), asked.command, versions())
    write(card, folder)


def found_files(paths: Sequence[Path]) -> tuple[Path, ...]:
    """The files themselves, and those in folders, each once. Raises `DocumentError` for a folder without any."""
    found: dict[Path, None] = {}
    for path in paths:
        inside = sorted(_inside(path)) if path.is_dir() else [path]
        if not inside:
            raise DocumentError(path, None, "", f"holds no file that ends in {', '.join(SUFFIXES)}")
        found |= dict.fromkeys(inside)
    return tuple(found)


def _inside(folder: Path) -> Iterator[Path]:
    """Of a run of ours only its Inspect logs: the same episodes lie beside them as JSON lines, and would count twice."""
    found = [path for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file()]
    logs = [path for path in found if path.suffix == ".eval" and (path.parent / "episodes").is_dir()]
    runs = {path.parent for path in logs}
    yield from logs
    yield from (path for path in found if runs.isdisjoint(path.parents))


def _settings(asked: Scoring, files: Sequence[Path]) -> Mapping[str, object]:
    stats = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    judge = identity(asked.judge) if asked.judge else ""
    return {
        "files": [list(one) for one in stats],
        "declaration": asked.declaration.key,
        "judge": judge,
        "behaviours": list(asked.behaviours),
        "by": asked.by,
    }


def _run(asked: Scoring, files: Sequence[Path], tally: Tally, folder: Path | None, bar: Bar) -> None:
    total, done = sum(_records(path) for path in files), 0
    stream = _readable(files, tally)
    number = 0
    while unit := list(islice(stream, UNIT)):
        path = folder / "evidence" / f"{number:05d}.jsonl" if folder else None
        for transcript, one in zip(unit, _unit(unit, asked, path), strict=True):
            tally.add(one, _group(transcript, asked.by))
        done, number = done + len(unit), number + 1
        bar.at(done, max(total, done))


def _records(path: Path) -> int:
    """About how many records a file has; for progress only."""
    if path.suffix == ".eval":
        return 0
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def _readable(files: Sequence[Path], tally: Tally) -> Iterator[Transcript]:
    for path in files:
        for record in read_transcripts(path):
            if isinstance(record, Unreadable):
                tally.lost(str(record))
            else:
                yield record


def _group(transcript: Transcript, by: str) -> str:
    return _told(by, transcript.meta.get(by, NO_VALUE)) if by else ""


def _told(by: str, value: object) -> str:
    return f"{by}: {value}"


def _unit(unit: Sequence[Transcript], asked: Scoring, path: Path | None) -> list[Scored]:
    """Judge a unit, or read it where it was judged before and no judge of texts failed on it."""
    if path is not None and path.exists():
        kept = _kept(path, unit)
        if not any(FAILED in said.reason for one in kept for said in one.words.values()):
            return kept
    words = _words(unit, asked)
    found = [score(one, asked.declaration, said) for one, said in zip(unit, words, strict=True)]
    if path is not None:
        write_whole(path, "".join(to_json(one) + "\n" for one in found))
    return found


def _kept(path: Path, unit: Sequence[Transcript]) -> list[Scored]:
    try:
        kept = [from_json(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except ValueError as error:
        raise OutputError(f"{path} is damaged; delete it and run the same command again") from error
    if [one.id for one in kept] != [one.id for one in unit]:
        raise OutputError(f"{path} holds other transcripts; choose another --out or delete it")
    return kept


def _words(unit: Sequence[Transcript], asked: Scoring) -> Sequence[Mapping[str, TextVerdict]]:
    """What a judge of texts says of each; nothing where none was asked."""
    judge, wanted = asked.judge, asked.behaviours
    if judge is None:
        return [{}] * len(unit)
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(transcript: Transcript) -> Mapping[str, TextVerdict]:
        async with gate:
            return await ask(judge, blinded(transcript), wanted)

    async def everyone() -> list[Mapping[str, TextVerdict]]:
        return await asyncio.gather(*(one(transcript) for transcript in unit))

    return asyncio.run(everyone())
