"""How much a run's answer depends on what should not matter; several runs of one model add what differs between them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from offswitch.errors import OffswitchError, SplitError
from offswitch.jobs.compare import read_run, told_settings
from offswitch.jobs.folder import told_plainly, write_whole
from offswitch.measure.compare import Setting, mismatches
from offswitch.measure.record import Episode
from offswitch.measure.robustness import Robustness, robustness

BETWEEN = {"temperature": 1.0, "limit": None, "seed": 0, "sampling": 0}
"""Settings of runs that become factors where they differ, with what they are where an older run does not say; `seed` is
that of the suite, `sampling` the model's."""


def robust_runs(runs: Sequence[str], split: str = "all") -> Robustness:
    """Each is a run folder, with `:before`, `:after` or `:control` for an arm of a hardening run.

    Raises `OffswitchError` for runs of several models and for a split without pressure, `SplitError` for another suite.
    """
    read = [read_run(told) for told in runs]
    first = read[0][0]
    for setting, _ in read[1:]:
        _refuse_another(first, setting)
    settings = [_flat(told_settings(told)) for told in runs]
    differing = [name for name, usual in BETWEEN.items() if len({repr(one.get(name, usual)) for one in settings}) > 1]
    if len(runs) > 1 and not differing:
        raise OffswitchError(f"these runs differ in none of {', '.join(BETWEEN)}; give one of them, or runs that do")
    episodes: list[Episode] = []
    for one, (_, played) in zip(settings, read, strict=True):
        between = {name: str(one.get(name, BETWEEN[name])) for name in differing}
        episodes += [replace(episode, levels={**episode.levels, **between}) for episode in played]
    try:
        return robustness(episodes, split)
    except ValueError as error:
        raise OffswitchError(f"{error}; choose another --split") from error


def _refuse_another(first: Setting, other: Setting) -> None:
    if first.label != other.label:
        raise OffswitchError(
            f"robustness is about one model, not {first.label} and {other.label}; for two models: offswitch compare"
        )
    if refused := [m for m in mismatches(first, other) if m.refused and m.what != "split"]:
        raise SplitError(f"these runs do not go together ({'; '.join(map(str, refused))}); measure both on one suite")


def _flat(told: dict[str, Any]) -> dict[str, Any]:
    inner = told.get("suite")
    return {**told, **(inner if isinstance(inner, dict) else {})}


def write_tornado(found: Robustness, path: Path, title: str) -> None:
    """An .svg figure, or an .html page with the figure and its tables. Raises `OffswitchError` for another ending."""
    from offswitch.card.tornado import page, svg

    makers = {".svg": svg, ".html": page}
    if path.suffix not in makers:
        raise OffswitchError(f"a figure is an .svg or an .html file, not {path.name!r}")
    with told_plainly(path, "choose another --figure"):
        write_whole(path, makers[path.suffix](found, title))
