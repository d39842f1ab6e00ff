"""Two run folders, or two arms of one, as one comparison."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from offswitch.card.card import Card
from offswitch.card.card import read as read_card
from offswitch.errors import OffswitchError, OutputError, SplitError
from offswitch.jobs.folder import told_plainly, write_whole
from offswitch.jobs.measure import Suite, read_unit
from offswitch.jobs.settings import defaults
from offswitch.measure.columns import count_columns, pair_columns
from offswitch.measure.compare import Comparison, Setting, compare, refuse
from offswitch.measure.counts import count_families, count_pairs
from offswitch.measure.record import Episode

ARMS = ("before", "after", "control")
OF_A_MODEL = ("model", "endpoint", "local", "temperature", "batch", "agent", "seed", "concurrency")
"""Settings that two runs may differ in and still compare; the seed gives other draws of the same kind."""
_FILES = {
    "twins.json": "twins", "rare.json": "rare", "workday.json": "workday", "persist.json": "persist",
    "ablation.json": "ablate",
}  # fmt: skip


def compare_runs(first: str, second: str, anyway: bool = False) -> Comparison:
    """Each is a run folder, with `:before`, `:after` or `:control` for an arm of a hardening run.

    Raises `OffswitchError` for what is no finished run, and `SplitError` where the two may not be compared.
    """
    (one, before), (two, after) = find_run(first), find_run(second)
    if not anyway:
        refuse(one, two)
    columns = [folder.parent / "episodes.parquet" for folder in (before, after)]
    if all(path.is_file() for path in columns):  # a million episodes in seconds
        return compare(one, two, (count_columns(columns[0]), count_columns(columns[1])), pair_columns(*columns))
    runs = _episodes(before), _episodes(after)
    return compare(one, two, (count_families(runs[0]), count_families(runs[1])), count_pairs(*runs))


def write_figure(comparison: Comparison, path: Path) -> None:
    """An .svg figure, or an .html page with the figure and its tables."""
    from offswitch.card.comparison import page, svg

    makers = {".svg": svg, ".html": page}
    if path.suffix not in makers:
        raise OffswitchError(f"a figure is an .svg or an .html file, not {path.name!r}")
    with told_plainly(path, "choose another --figure"):
        write_whole(path, makers[path.suffix](comparison))


def read_run(told: str) -> tuple[Setting, list[Episode]]:
    """What a run was a run of, and its verdicts. Raises `OffswitchError` for what is no finished run."""
    setting, episodes = find_run(told)
    return setting, _episodes(episodes)


def find_run(told: str) -> tuple[Setting, Path]:
    """What a run was a run of, and where its episodes are. Raises `OffswitchError` for what is no finished run."""
    folder, arm = _named(told)
    if (command := command_of(told)) != "measure":
        raise OffswitchError(f"{folder} is a run of offswitch {command}; this takes runs of measure or harden")
    if not (folder / "card.json").is_file():
        raise OffswitchError(f"{folder} holds no finished run (no card.json); run the same measure or harden command again")
    if not (folder / "episodes").is_dir():
        raise OffswitchError(
            f"{folder} holds no episodes of a measure or harden command, so it cannot be read as a run of one"
        )
    card, settings = read_card(folder / "card.json"), _settings(folder / "run.json")
    episodes = folder / "episodes"
    if not any(episodes.glob("*.jsonl")):
        arms = [name for name in ARMS if (episodes / name).is_dir()]
        if not arms:
            raise OffswitchError(f"{episodes} holds no episode; run the same measure or harden command again")
        if arm not in arms:
            raise OffswitchError(
                f"{folder} is a hardening run; say which arm: {', '.join(f'{folder}:{name}' for name in arms)}"
            )
        episodes /= str(arm)
    elif arm is not None:
        raise OffswitchError(f"{folder} is a plain measurement and has no arm {arm!r}")
    return _setting(card, arm, settings), episodes


def _named(told: str) -> tuple[Path, str | None]:
    folder, _, arm = told.rpartition(":")
    return (Path(folder), arm) if folder and arm in ARMS else (Path(told), None)


def command_of(told: str) -> str:
    """The command that made a run folder, by the file that it leaves; `measure` for all that have a card or nothing yet."""
    folder, _ = _named(told)
    return next((command for file, command in _FILES.items() if (folder / file).is_file()), "measure")


def one_command(first: str, second: str) -> str:
    """The command that both are of. Raises `OffswitchError` where they are of two."""
    commands = [command_of(run) for run in (first, second)]
    if commands[0] != commands[1]:
        told = " and ".join(f"{run} of offswitch {one}" for run, one in zip((first, second), commands, strict=True))
        raise OffswitchError(f"{told}: compare two of a kind")
    return commands[0]


def told_settings(told: str) -> dict[str, Any]:
    """What the command of a run was given."""
    return _settings(_named(told)[0] / "run.json")


def other_settings(
    runs: tuple[str, str], kinds: Sequence[type], free: Sequence[str] = OF_A_MODEL, anyway: bool = False
) -> tuple[str, ...]:
    """A phrase for each setting that makes the comparison of two runs false; one that a run lacks is at its default.

    `kinds` are the dataclasses that the settings come from. Raises `SplitError` where there are any, unless told `anyway`.
    """
    settings, usual = [_flat(told_settings(run)) for run in runs], _flat({**defaults(*kinds), "suite": defaults(Suite)})
    names = [name for name in sorted({*settings[0], *settings[1]}) if name not in free]
    told = [(name, *(_short(one.get(name, usual.get(name))) for one in settings)) for name in names]
    differs = tuple(f"{name}: {one} against {two}" for name, one, two in told if one != two)
    if differs and not anyway:
        raise SplitError(
            f"these runs do not compare ({'; '.join(differs)}); make both with the same options, or pass --anyway to see it"
            " marked"
        )
    return differs


def _flat(told: dict[str, Any]) -> dict[str, Any]:
    """Settings of a suite beside the others."""
    inner = told.get("suite", {})
    return {**{name: one for name, one in told.items() if name != "suite"}, **{f"suite {k}": v for k, v in inner.items()}}


def _short(value: Any) -> str:
    """Of families, ids and the beginning of their hashes."""
    if not isinstance(value, dict):
        return str(value)
    return ", ".join(f"{name} {str(one)[:8]}" for name, one in sorted(value.items()))


def _settings(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(f"{path} cannot be read ({error}); run the same command again") from error
    return found


def _setting(card: Card, arm: str | None, settings: dict[str, Any]) -> Setting:
    chosen = {"before": card.before, "after": card.after, "control": card.control}[arm or "before"] or card.before
    splits = sorted({family.split for family in card.suite.families} - {"both"})
    asked = settings.get("suite") or settings
    return Setting(
        label=chosen.model if arm is None else f"{chosen.model} ({chosen.label})",
        version=card.suite.version,
        split=", ".join(splits) or "none",
        per_family=card.suite.per_family,
        seed=card.suite.seed,
        limit=asked.get("limit"),
        families={family.id: family.digest for family in card.suite.families},
        tier=asked.get("tier", "simulated"),
    )


def _episodes(folder: Path) -> list[Episode]:
    """Verdicts only: texts and events are left behind, so that large runs fit."""
    units = map(read_unit, sorted(folder.glob("*.jsonl")))
    return [replace(episode, messages=(), events=()) for unit in units for episode in unit]
