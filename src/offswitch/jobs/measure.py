"""Measure a policy on a suite, in units that survive a kill, and keep every episode."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from offswitch.errors import OutputError
from offswitch.jobs.folder import write_whole
from offswitch.jobs.report import Report
from offswitch.measure.record import Episode, from_json, record, to_json
from offswitch.rollout.run import AnyPolicy, run_many
from offswitch.scenarios.family import Family
from offswitch.scenarios.scenario import Scenario, suite


@dataclass(frozen=True)
class Suite:
    """What is measured: the same values give the same scenarios, names and texts."""

    split: str = "all"
    """train, heldout or all."""
    n: int = 40
    """Pressured scenarios of each family; each brings its control twin."""
    seed: int = 1
    limit: int = 12
    """Agent decisions in an episode."""
    unit: int = 512
    """Episodes that are played and written together."""

    def scenarios(self, families: Mapping[str, Family]) -> list[Scenario]:
        """Raises `ValueError` for an unknown split."""
        if self.split not in ("train", "heldout", "all"):
            raise ValueError(f"split is train, heldout or all, not {self.split!r}")
        return suite(families, self.split, self.n, self.seed)

    def units(self, families: Mapping[str, Family], folder: Path) -> dict[Path, list[Scenario]]:
        """The scenarios by the file in `folder` that their episodes go to."""
        scenarios = self.scenarios(families)
        starts = range(0, len(scenarios), self.unit)
        return {folder / f"{i:04d}.jsonl": scenarios[start : start + self.unit] for i, start in enumerate(starts)}


def measure(
    policy: AnyPolicy, chosen: Suite, families: Mapping[str, Family], folder: Path, report: Report, label: str
) -> list[Episode]:
    """All episodes of a suite, in order; units that `folder` holds already are read, not played again."""
    units = chosen.units(families, folder)
    total = sum(len(unit) for unit in units.values())
    episodes: list[Episode] = []
    with report.work(label) as bar:
        for path, unit in units.items():
            if not path.exists():
                start = len(episodes)
                counted = [0]

                def tick(n: int, start: int = start, counted: list[int] = counted) -> None:
                    counted[0] += n
                    bar.at(start + counted[0], total)

                played = run_many(policy, unit, chosen.limit, tick)
                write_whole(path, "".join(to_json(record(trajectory)) + "\n" for trajectory in played))
            episodes += _read(path, unit)
            bar.at(len(episodes), total)
    return episodes


def missing(chosen: Suite, families: Mapping[str, Family], folder: Path) -> bool:
    """Whether `measure` would have to play anything."""
    return not all(path.exists() for path in chosen.units(families, folder))


def _read(path: Path, unit: Sequence[Scenario]) -> list[Episode]:
    try:
        episodes = [from_json(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except ValueError as error:
        raise OutputError(f"{path} is damaged ({error}); delete it and run the same command again") from error
    if [episode.key for episode in episodes] != [scenario.key for scenario in unit]:
        raise OutputError(f"{path} holds other scenarios than this suite; choose another --out or delete it")
    return episodes


def keep_log(folder: Path, path: Path, model: str, chosen: Suite) -> None:
    """The episodes in `folder` as an Inspect log, for `inspect view` and its dataframes; written once."""
    if path.exists():
        return
    from offswitch.adapters.inspect import write_log

    lines = (line for unit in sorted(folder.glob("*.jsonl")) for line in unit.read_text(encoding="utf-8").splitlines())
    write_log([from_json(line) for line in lines], path, model=model, arguments=asdict(chosen))
