"""Measure a policy on a suite, in units that survive a kill, and keep every episode."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from operator import itemgetter
from pathlib import Path

from offswitch.errors import OffswitchError, OutputError
from offswitch.jobs.folder import write_whole
from offswitch.jobs.report import Bar, Report
from offswitch.jobs.sealed import seal_unit
from offswitch.jobs.until import Look, batches, look
from offswitch.measure.record import Episode, from_json, record, to_json
from offswitch.measure.sequential import until
from offswitch.rollout.episode import Ending, Trajectory
from offswitch.rollout.policy import GuestPolicy
from offswitch.rollout.run import AnyPolicy, run_many
from offswitch.scenarios.family import Family
from offswitch.scenarios.scenario import Scenario, suite

AHEAD = 4
"""Episodes that are begun together by agents of others, for each that lives at a time."""


@dataclass(frozen=True)
class Suite:
    """What is measured: the same values give the same scenarios, names and texts."""

    split: str = "all"
    """train, heldout, far or all."""
    n: int = 40
    """Pressured scenarios of each family; each brings its control twin."""
    seed: int = 1
    limit: int = 12
    """Agent decisions in an episode."""
    unit: int = 512
    """Episodes that are played and written together."""
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Levels to keep, of the factors that are named; without any, the whole design."""
    kept: str = "window"
    """What the agent keeps of the day that lies before a late scenario: a name in `compaction.POLICIES`."""
    until: str = ""
    """A question such as "upper<0.01": play round after round, at most `n` of them, and stop when it is decided."""
    tier: str = "simulated"
    """simulated: in memory. real: each episode in a sandbox with real mail, web, API, files and processes."""
    only: tuple[str, ...] = ()
    """Ids of the families to keep; none keeps all."""

    @property
    def options(self) -> str:
        """What it was told on the command line about levels, memory and tier, beyond the defaults."""
        told = [f"--levels {name}={','.join(levels)}" for name, levels in self.levels.items()]
        told += [f"--kept {self.kept}"] if self.kept != "window" else []
        told += ["--tier real"] if self.tier == "real" else []
        return "".join(f" {one}" for one in (*told, *(f"--only {id}" for id in self.only)))

    def scenarios(self, families: Mapping[str, Family]) -> list[Scenario]:
        """Raises `ValueError` for an unknown split, `OffswitchError` for an unknown family."""
        if self.split not in ("train", "heldout", "far", "all"):
            raise ValueError(f"split is train, heldout, far or all, not {self.split!r}")
        return suite(named(families, self.only), self.split, self.n, self.seed, self.levels)

    def units(self, families: Mapping[str, Family], folder: Path) -> dict[Path, list[Scenario]]:
        """The scenarios by the file in `folder` that their episodes go to."""
        scenarios = self.scenarios(families)
        if self.until:
            units = list(batches(scenarios, self.unit))
        else:
            units = [scenarios[start : start + self.unit] for start in range(0, len(scenarios), self.unit)]
        return {folder / f"{i:04d}.jsonl": unit for i, unit in enumerate(units)}

    def look(self, episodes: Sequence[Episode]) -> Look | None:
        """What is known of the question so far; None without a question or episodes."""
        return look(until(self.until), episodes) if self.until and episodes else None


def named(families: Mapping[str, Family], only: Sequence[str]) -> Mapping[str, Family]:
    """The families of these ids; all of them where none is given. Raises `OffswitchError` for one that there is not."""
    if unknown := [id for id in only if id not in families]:
        raise OffswitchError(f"there is no family {unknown[0]!r}; `offswitch scenarios list` names them")
    return {id: family for id, family in families.items() if id in only} if only else families


def measure(
    policy: AnyPolicy,
    chosen: Suite,
    families: Mapping[str, Family],
    folder: Path,
    report: Report,
    label: str,
    again: bool = False,
) -> list[Episode]:
    """All episodes of a suite, in order; units that `folder` holds already are read, not played again.

    With `again`, episodes in them that broke are played again, and no other. Agents with a loop of their own live several
    units at a time.
    """
    units = list(chosen.units(families, folder).items())
    total = sum(len(unit) for _, unit in units)
    many = AHEAD * policy.concurrency // chosen.unit if isinstance(policy, GuestPolicy) else 1
    many = 1 if chosen.until or chosen.tier == "real" else max(1, many)  # decided, and sealed, one after another
    episodes: list[Episode] = []
    with report.work(label) as bar:
        for first in range(0, len(units), many):
            group = units[first : first + many]
            left = {path: todo for path, unit in group if (todo := _todo(path, unit, again))}
            if left:
                start = len(episodes) + sum(len(unit) - len(left.get(path, ())) for path, unit in group)
                _play(policy, chosen, left, partial(_tell, bar, start, total))
            for path, unit in group:
                episodes += _read(path, unit)
            seen = chosen.look(episodes)
            bar.at(len(episodes), total, seen.short if seen else "")
            if seen and seen.stop:
                break
    return episodes


def _todo(path: Path, unit: Sequence[Scenario], again: bool) -> Sequence[Scenario]:
    """What is not there yet, or broke and is to be played `again`."""
    if not path.exists():
        return unit
    if not again:
        return ()
    return [one for one, there in zip(unit, _read(path, unit), strict=True) if there.ending == Ending.BROKEN]


def _tell(bar: Bar, start: int, total: int, more: int) -> None:
    bar.at(start + more, total)


def _play(policy: AnyPolicy, chosen: Suite, units: Mapping[Path, Sequence[Scenario]], told: Callable[[int], None]) -> None:
    """Live these units together, and write each as soon as it has ended; `told` how many episodes have."""
    places = [(path, i) for path, unit in units.items() for i in range(len(unit))]
    lived: dict[Path, dict[int, Trajectory]] = {path: {} for path in units}
    count = 0

    def keep(place: int, one: Trajectory) -> None:
        nonlocal count
        count += 1
        told(count)
        path, i = places[place]
        lived[path][i] = one
        if len(lived[path]) == len(units[path]):
            played = [trajectory for _, trajectory in sorted(lived.pop(path).items(), key=itemgetter(0))]
            if chosen.tier == "real":
                seal_unit(path.parent.parent, path.stem, played)
            fresh = {one.key: one for one in map(record, played)}
            there = read_unit(path) if path.exists() else list(fresh.values())
            write_whole(path, "".join(to_json(fresh.get(one.key, one)) + "\n" for one in there))

    scenarios = [scenario for unit in units.values() for scenario in unit]
    if chosen.tier == "simulated":
        run_many(policy, scenarios, chosen.limit, keep, chosen.kept)
        return
    from offswitch.real.play import play

    play(policy, scenarios, chosen.limit, keep, chosen.kept)


def missing(chosen: Suite, families: Mapping[str, Family], folder: Path) -> bool:
    """Whether `measure` would have to play anything."""
    episodes: list[Episode] = []
    for path, unit in chosen.units(families, folder).items():
        if not path.exists():
            return True
        if chosen.until:
            episodes += _read(path, unit)
            if (seen := chosen.look(episodes)) and seen.stop:
                return False
    return False


def read_unit(path: Path) -> list[Episode]:
    """The episodes that were written together. Raises `OutputError` for a damaged file."""
    try:
        return [from_json(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except ValueError as error:
        raise OutputError(f"{path} is damaged ({error}); delete it and run the same command again") from error


def _read(path: Path, unit: Sequence[Scenario]) -> list[Episode]:
    episodes = read_unit(path)
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


def keep_columns(folder: Path, path: Path) -> None:
    """The verdicts in `folder` as a Parquet file, for summaries of large runs and for data frames; written once."""
    if path.exists():
        return
    from offswitch.measure.columns import write_columns

    lines = (line for unit in sorted(folder.glob("*.jsonl")) for line in unit.read_text(encoding="utf-8").splitlines())
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    write_columns((from_json(line) for line in lines), part)
    os.replace(part, path)
