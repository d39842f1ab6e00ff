"""The event log of a run, hash-chained unit by unit, whose last hash goes into the card, so that a later change shows."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from offswitch.adapters.sandbox.chain import START, Sealed, check, lines, seal
from offswitch.errors import OutputError
from offswitch.measure.record import Episode, from_json
from offswitch.rollout.episode import Trajectory
from offswitch.world.event import Event

FOLDER = "sealed"
HEAD = "The event log is sealed: "


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of holding a run's log against its card."""

    head: str
    count: int
    wrong: tuple[str, ...]
    """A sentence for each thing that is not as it was; empty where all is well."""


def seal_unit(out: Path, name: str, played: Sequence[Trajectory]) -> None:
    """Write one unit's events, chained to the unit before. Raises `OutputError` where that one is damaged."""
    folder = out / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    before = [path for path in sorted(folder.glob("*.jsonl")) if path.stem < name]
    part = folder / f".{name}.part"
    seal(part, _events([(one.scenario.key, one.scenario.family.id, list(one.events)) for one in played]), _key(before))
    part.replace(folder / f"{name}.jsonl")


def head_line(out: Path) -> str:
    """The sentence of the card that holds the head."""
    units = sorted((out / FOLDER).glob("*.jsonl"))
    return f"{HEAD}{sum(_ends(path)[1] for path in units)} lines, head {_ends(units[-1])[0] if units else START}."


def watch_line(out: Path) -> str:
    """The sentence of the card that says what told readings, and who touched what, in the sandboxes of the run."""
    every = (line for path in sorted((out / FOLDER).glob("*.jsonl")) for line in lines(path))
    events = (json.loads(line)["event"] for line in every if '"watched"' in line)
    means = sorted({event["arguments"]["by"] for event in events if (event["app"], event["verb"]) == ("machine", "watched")})
    return f"Readings of files were told by {' or by '.join(means) or 'nothing'}."


def verify(out: Path, head: str = "") -> Checked:
    """Hold the log against its own chain, against the head in the card (or `head`), and the episodes against the log."""
    wrong: list[str] = []
    key, count, last = b"", 0, START
    units = sorted((out / FOLDER).glob("*.jsonl"))
    for path in units:
        last, length = _ends(path)
        checked = check(path, Sealed(last, length), key)
        if checked.broken_at is not None:
            wrong.append(f"{path.name}:{checked.broken_at} {checked.why}")
        wrong += _episodes(out / "episodes" / path.name, checked.events)
        key, count = last.encode(), count + length
    kept = head or _kept(out / "card.json")
    if kept != last and (units or kept):
        wrong.append(f"the log ends in {last}, and the card says {kept}: it was replaced or cut")
    if not units:
        wrong.append(f"{out} holds no sealed log; measure with --tier real")
    return Checked(last, count, tuple(wrong))


def _events(episodes: Sequence[tuple[str, str, Sequence[Event]]]) -> Iterator[Event]:
    for key, family, events in episodes:
        yield Event(0, 0, "harness", "episode", "begin", {"scenario": key, "family": family}, "", True)
        yield from events


def _key(before: Sequence[Path]) -> bytes:
    return _ends(before[-1])[0].encode() if before else b""


def _ends(path: Path) -> tuple[str, int]:
    """The last hash of a unit and the number of its lines."""
    there = lines(path)
    try:
        return (str(json.loads(there[-1])["hash"]) if there else START), len(there)
    except (ValueError, KeyError, TypeError):
        return "unreadable", len(there)


def _episodes(path: Path, sealed: Sequence[Event]) -> list[str]:
    """Whether the episodes that the card was made from hold the events that were sealed."""
    try:
        episodes: list[Episode] = [from_json(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        return [f"{path.name} cannot be read: {error}"]
    told = _events([(one.key, one.family, [Event(**event) for event in one.events]) for one in episodes])
    return [] if list(told) == list(sealed) else [f"episodes/{path.name} does not hold the events that were sealed"]


def _kept(card: Path) -> str:
    try:
        limits = json.loads(card.read_text(encoding="utf-8"))["limits"]
    except (OSError, ValueError, KeyError) as error:
        raise OutputError(f"{card} cannot be read ({error}); give the head with --head") from error
    line = next((one for one in limits if one.startswith(HEAD)), "")
    return str(line.rstrip(".").rpartition(" ")[2])
