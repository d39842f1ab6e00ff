"""Rates near zero: trees of the decision turn, or splitting over whole episodes, in units that survive a kill."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from offswitch.errors import ModelError, OffswitchError, OutputError
from offswitch.jobs.folder import run_folder, write_whole
from offswitch.jobs.measure import Suite
from offswitch.jobs.models import ModelChoice, policy_for, reach
from offswitch.jobs.report import Report
from offswitch.jobs.settings import marked
from offswitch.measure.estimate import Estimate
from offswitch.measure.forecast import Forecast, forecast
from offswitch.measure.progress import settled
from offswitch.measure.rare import Drawn, events, tree_rate, tree_variance, variance_of, weighted_rate
from offswitch.measure.splitting import split
from offswitch.measure.turn import Teller, Told, told
from offswitch.rollout.episode import Episode
from offswitch.rollout.live import AnyPolicy, live
from offswitch.rollout.twins import past
from offswitch.scenarios.family import Family
from offswitch.scenarios.scenario import Scenario

METHODS = ("tree", "splitting")
TOLD = 10
"""Branches of the least weight that a chance must be worth, to be in the tail of a forecast."""
_CHUNK = 8  # scenarios that are written together


@dataclass(frozen=True)
class Rare:
    """What is asked."""

    suite: Suite
    """Its pressured scenarios."""
    method: str = "tree"
    """tree: a harmful act in the turn after the message, over token probabilities. splitting: a violation in the episode."""
    repeats: int = 2
    """Trees (each after a past of its own) or replicates for each scenario; two or more tell noise from scenarios. Two trees
    do, as each tells its noise by strata; of replicates take five."""
    least: float = 0.001
    """Tree: branches below this probability meet roulette."""
    effort: int = 64
    """Splitting: episodes a rung."""
    among: int = 0
    """Tree: forecast the worst of so many scenarios drawn alike; 0 for no forecast."""


@dataclass(frozen=True)
class Row:
    """One scenario."""

    key: str
    family: str
    values: tuple[float, ...]
    """An unbiased estimate of its rate for each repeat."""
    throws: tuple[tuple[int, ...], ...]
    """Strata whose throws found harm, for each tree; nothing for splitting."""
    pasts: tuple[str, ...]
    """What each tree grew after, equal for equal pasts; nothing for splitting."""
    unscored: float
    """Mean share that could not be judged."""
    spent: int
    """Tokens that the model was given (tree, the past not counted), or decisions that it took (splitting)."""
    next_event: float
    """What one unseen event would have added to a value."""


@dataclass(frozen=True)
class Result:
    """What came of it."""

    method: str
    rate: Estimate
    """For these very scenarios."""
    families: Mapping[str, Estimate]
    scenarios: int
    unscored: float
    spent: int
    events: float | None
    """Independent events that the estimate is worth; below `measure.rare.FEW` its upper end may be too low. None where the
    values do not differ, and where all weights are known: trees, each scenario's after one past."""
    worth: int | None
    """Plain episodes that would give the same variance; None where the values do not differ."""
    forecast: Forecast | None = None
    """The worst of `Rare.among` scenarios, where it was asked for."""


def rare(choice: ModelChoice, asked: Rare, families: Mapping[str, Family], out: Path, report: Report) -> Result:
    """Play, keep a row for each scenario in `out`, write rare.json. Resumes after a kill.

    Raises `ModelError` for a tree of a model that does not tell its probabilities.
    """
    if asked.method not in METHODS:
        raise OffswitchError(f"there is no method {asked.method!r}; there are: {', '.join(METHODS)}")
    if asked.among and asked.method != "tree":
        raise OffswitchError("the worst of many scenarios is forecast from the chances that trees tell; take --method tree")
    policy = policy_for(choice, repeats=True)
    one = _one(policy, asked, choice)
    scenarios = [scenario for scenario in asked.suite.scenarios(families) if scenario.pressured]
    if not scenarios:
        raise OffswitchError(
            f"no family of split {asked.suite.split!r} that was asked for puts any pressure on; try another --split or --only"
        )
    digests = {id: family.digest for id, family in families.items()}
    settings = {**marked(choice), **marked(asked), "families": digests}
    del settings["concurrency"], settings["among"]  # neither changes what is played
    reach(policy)
    with run_folder(out, settings):
        rows = _rows(one, scenarios, out / "rows", report)
        result = summed(rows, asked)
        write_whole(out / "rare.json", json.dumps(asdict(result), indent=1, allow_nan=False) + "\n")
    return result


def summed(rows: Sequence[Row], asked: Rare) -> Result:
    """The result of all rows."""
    method = f"{asked.method}, for these very scenarios"
    parts: dict[str, list[Row]] = {}
    for row in rows:
        parts.setdefault(row.family, []).append(row)
    (found, variance), *by = (_rate(part, asked, method) for part in (rows, *parts.values()))
    worth = round(found.point * (1 - found.point) / variance) if variance > 0 else None
    unscored = sum(row.unscored for row in rows) / len(rows)
    kept = {name: rate for name, (rate, _) in zip(parts, by, strict=True)}
    chances = [sum(row.values) / len(row.values) for row in rows]
    worst = forecast(chances, asked.among, TOLD * asked.least) if asked.among else None
    known = asked.method == "tree" and all(len(set(row.pasts)) == 1 for row in rows)
    few = None if known else events(found.point, variance)
    return Result(asked.method, found, kept, len(rows), unscored, sum(row.spent for row in rows), few, worth, worst)


def _rate(rows: Sequence[Row], asked: Rare, method: str) -> tuple[Estimate, float]:
    """With its variance."""
    if asked.method == "tree":
        trees = [[Drawn(*one) for one in zip(row.values, row.throws, row.pasts, strict=True)] for row in rows]
        found, variance = tree_rate(trees, asked.least, method), tree_variance(trees, asked.least)
    else:
        values, event = [row.values for row in rows], sum(row.next_event for row in rows) / len(rows)
        found, variance = weighted_rate(values, event, method), variance_of(values)
    assert found is not None  # there are scenarios
    return found, variance


def _one(policy: AnyPolicy, asked: Rare, choice: ModelChoice) -> Callable[[Scenario], Row]:
    if asked.method == "splitting":
        return lambda scenario: _split(policy, scenario, asked)
    if not isinstance(policy, Teller):
        raise ModelError(
            f"a tree needs the probability of every token, which {choice.model} does not tell; possible for it are"
            " --method splitting, and offswitch measure --until. Local models (a folder, or --local) tell them"
        )
    return lambda scenario: _tree(policy, policy, scenario, asked)


def _tree(policy: AnyPolicy, teller: Teller, scenario: Scenario, asked: Rare) -> Row:
    pasts = [past(scenario, asked.suite.limit, draw=1 + i, kept=asked.suite.kept) for i in range(asked.repeats)]
    live(policy, pasts)
    found = []
    for lived in pasts:
        episode = lived.onward(asked.suite.limit, draw=lived.draw)
        if episode.ending is not None:  # it ended before the message came
            verdict = settled(episode)
            found.append(Told(float(bool(verdict.value)), float(verdict.value is None), 1, 0))
        else:
            seed = int(hashlib.sha256(f"{scenario.key}/{lived.draw}".encode()).hexdigest()[:12], 16)
            found.append(told(teller.turn(episode, asked.least, seed)))
    n = len(found)
    return Row(
        key=scenario.key,
        family=scenario.family.id,
        values=tuple(one.value for one in found),
        throws=tuple(one.throws for one in found),
        pasts=tuple(_digest(lived) for lived in pasts),
        unscored=sum(one.unscored for one in found) / n,
        spent=sum(one.fed for one in found),
        next_event=asked.least,
    )


def _digest(lived: Episode) -> str:
    return hashlib.sha256(json.dumps(lived.messages, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _split(policy: AnyPolicy, scenario: Scenario, asked: Rare) -> Row:
    found = [split(policy, scenario, asked.effort, i, asked.suite.limit) for i in range(asked.repeats)]
    n, played = len(found), sum(asked.effort * len(one.shares) for one in found)
    values, spent = tuple(one.value for one in found), sum(one.decisions for one in found)
    event = sum(one.next_event for one in found) / n
    return Row(scenario.key, scenario.family.id, values, (), (), sum(one.broken for one in found) / played, spent, event)


def _rows(one: Callable[[Scenario], Row], scenarios: Sequence[Scenario], folder: Path, report: Report) -> list[Row]:
    rows: list[Row] = []
    with report.work("rare events") as bar:
        for path, chunk in _chunks(scenarios, folder):
            if not path.exists():
                write_whole(path, "".join(json.dumps(asdict(one(scenario))) + "\n" for scenario in chunk))
            rows += _read(path, chunk)
            bar.at(len(rows), len(scenarios))
    return rows


def _chunks(scenarios: Sequence[Scenario], folder: Path) -> Iterator[tuple[Path, Sequence[Scenario]]]:
    for start in range(0, len(scenarios), _CHUNK):
        yield folder / f"{start // _CHUNK:05d}.jsonl", scenarios[start : start + _CHUNK]


def _read(path: Path, chunk: Sequence[Scenario]) -> list[Row]:
    try:
        told: list[dict[str, Any]] = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        if any("thrown" in row and "throws" not in row for row in told):
            raise OutputError(
                f"{path} is of an earlier version, which did not keep what the interval is made from now; delete"
                f" {path.parent} to play it again, or choose another --out"
            )
        rows = [_row(row) for row in told]
    except (ValueError, TypeError, KeyError) as error:
        raise OutputError(f"{path} is damaged ({error}); delete it and run the same command again") from error
    if [row.key for row in rows] != [scenario.key for scenario in chunk]:
        raise OutputError(f"{path} holds other scenarios than this run; choose another --out or delete it")
    return rows


def _row(told: dict[str, Any]) -> Row:
    values, throws, pasts = tuple(told.pop("values")), tuple(map(tuple, told.pop("throws"))), tuple(told.pop("pasts"))
    return Row(**told, values=values, throws=throws, pasts=pasts)
