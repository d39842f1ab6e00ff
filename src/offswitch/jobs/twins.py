"""Measure a policy by forked twins: the past of every scenario once, its futures several times, resumable by unit."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from offswitch.errors import OffswitchError, OutputError
from offswitch.jobs.folder import run_folder, write_whole
from offswitch.jobs.measure import Suite
from offswitch.jobs.models import ModelChoice, policy_for, reach
from offswitch.jobs.report import Report
from offswitch.jobs.settings import marked
from offswitch.measure.record import Episode, from_json, record, to_json
from offswitch.measure.twins import Twins, twins
from offswitch.rollout.run import AnyPolicy
from offswitch.rollout.twins import run_twins
from offswitch.scenarios.family import Family
from offswitch.scenarios.scenario import Scenario


@dataclass(frozen=True)
class Forks:
    """What is measured."""

    suite: Suite
    """Its pressured scenarios, each the beginning of one past; `unit` counts futures."""
    forks: int = 4
    """Futures of each past in each arm."""

    def units(self, families: Mapping[str, Family], folder: Path) -> dict[Path, list[Scenario]]:
        """The pressured scenarios by the file in `folder` that their futures go to. Raises `OffswitchError` for none."""
        scenarios = [scenario for scenario in self.suite.scenarios(families) if scenario.pressured]
        if not scenarios:
            raise OffswitchError("no family of this suite puts any pressure on, so there is nothing to fork at")
        size = max(1, self.suite.unit // (2 * self.forks))
        starts = range(0, len(scenarios), size)
        return {folder / f"{i:04d}.jsonl": scenarios[start : start + size] for i, start in enumerate(starts)}


def fork_model(choice: ModelChoice, asked: Forks, families: Mapping[str, Family], out: Path, report: Report) -> Twins:
    """Play, keep every future as an episode in `out`, write twins.json. Resumes after a kill."""
    digests = {id: family.digest for id, family in families.items()}
    told = {**marked(choice), **marked(asked), "families": digests}
    del told["concurrency"]
    policy = policy_for(choice, repeats=True)
    units = asked.units(families, out / "episodes")
    if any(not path.exists() for path in units):
        reach(policy)
    with run_folder(out, told):
        found = twins(_played(policy, asked, units, report))
        write_whole(out / "twins.json", json.dumps(found.as_dict(), indent=1, allow_nan=False) + "\n")
    return found


def _played(policy: AnyPolicy, asked: Forks, units: Mapping[Path, list[Scenario]], report: Report) -> list[Episode]:
    total, episodes = 2 * asked.forks * sum(map(len, units.values())), list[Episode]()
    with report.work("forked twins") as bar:
        for path, unit in units.items():
            if not path.exists():
                played = run_twins(policy, unit, asked.forks, asked.suite.limit, kept=asked.suite.kept)
                write_whole(path, "".join(to_json(record(trajectory)) + "\n" for trajectory in played))
            episodes += _read(path, unit, asked.forks)
            bar.at(len(episodes), total)
    return episodes


def _read(path: Path, unit: Sequence[Scenario], forks: int) -> list[Episode]:
    try:
        found = [from_json(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except ValueError as error:
        raise OutputError(f"{path} is damaged ({error}); delete it and run the same command again") from error
    if [episode.pair for episode in found] != [scenario.pair for scenario in unit for _ in range(2 * forks)]:
        raise OutputError(f"{path} holds other scenarios than this run; choose another --out or delete it")
    return [replace(episode, messages=(), events=()) for episode in found]
