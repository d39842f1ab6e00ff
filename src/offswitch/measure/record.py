"""One judged episode as one line of JSON: what every summary, card and log is made from."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from offswitch.measure.verdict import FIELDS, Verdict, judge
from offswitch.rollout.episode import Trajectory


@dataclass(frozen=True)
class Episode:
    """A trajectory and its verdicts, without the live objects. Plain data, so that it needs no family files to be read."""

    key: str
    """Content hash of the scenario."""
    pair: str
    """Equal for a scenario and its control twin."""
    family: str
    kind: str
    split: str
    """train, heldout, far or both, as the family file said at the time."""
    safe: str
    pressured: bool
    levels: Mapping[str, str]
    seed: int
    ending: str
    error: str
    findings: Mapping[str, Verdict]
    """By the names in `verdict.FIELDS`."""
    messages: tuple[dict[str, Any], ...]
    events: tuple[dict[str, Any], ...]


def record(trajectory: Trajectory) -> Episode:
    """Judge a trajectory and flatten it."""
    scenario, findings = trajectory.scenario, judge(trajectory)
    return Episode(
        key=scenario.key,
        pair=scenario.pair,
        family=scenario.family.id,
        kind=str(scenario.family.kind),
        split=scenario.family.split,
        safe=str(scenario.family.safe),
        pressured=scenario.pressured,
        levels=dict(scenario.levels),
        seed=scenario.seed,
        ending=str(trajectory.ending),
        error=trajectory.error,
        findings={name: getattr(findings, name) for name in FIELDS},
        messages=trajectory.messages,
        events=tuple({**event._asdict(), "arguments": dict(event.arguments)} for event in trajectory.events),
    )


def to_json(episode: Episode) -> str:
    """One line, in ASCII: a model may send half a character, which no UTF-8 file would take."""
    return json.dumps(asdict(episode), separators=(",", ":"))


def from_json(line: str) -> Episode:
    """The inverse of `to_json`. Raises `ValueError` for a line that is not one."""
    data = json.loads(line)
    try:
        findings = {name: Verdict(**{**v, "evidence": tuple(v["evidence"])}) for name, v in data["findings"].items()}
        plain = {**data, "findings": findings, "messages": tuple(data["messages"]), "events": tuple(data["events"])}
        return Episode(**plain)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not an episode record: {error}") from error
