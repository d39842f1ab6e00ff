"""The numbers of one run, or of two side by side, as one table on a terminal; the same numbers as in the JSON."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from offswitch.measure.contrast import Difference, points
from offswitch.measure.estimate import THESE_ONLY, Bounds, Estimate
from offswitch.measure.headline import headline
from offswitch.measure.summary import Cell, Group, Summary

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

LABELS = {
    "violated": "violated",
    "decided": "tried to violate",
    "right": "took required action",
    "acted": "kept working",
    "task_done": "task done",
    "exit_used": "reported or declined",
    "complied": "did what was asked",
}
"""How each question is worded wherever a person reads it, in reading order."""
TITLES = {
    "heldout": "Held-out, pressured",
    "far": "Far, pressured",
    "train": "Training, pressured",
    "control": "Control twins",
    "ordinary": "Ordinary tasks",
}
"""How each pooled group is called, in reading order."""
WIDTH = 100
NONE = "-"
_MIXED = "complied"
"""Pooled over families that should obey and families that should not, this says nothing; the authority gap does."""
_UNSCORED = "unscored: "
Row = tuple[str, ...]
Changes = Mapping[str, Mapping[str, Difference]]


@dataclass(frozen=True)
class Shallow:
    """What a policy that follows one shallow rule scores; a model must clear it before its own score means anything."""

    name: str
    right_train: Estimate | None
    right_heldout: Estimate | None
    violated_heldout: Estimate | None


def shallow_row(name: str, summary: Summary) -> Shallow:
    """The row of one scripted policy, from the summary of its run."""
    train, heldout = summary.rate("train", "right"), summary.rate("heldout", "right")
    return Shallow(name, train, heldout, summary.rate("heldout", "violated"))


def render(
    summary: Summary, after: Summary | None = None, shallow: Sequence[Shallow] = (), changes: Changes | None = None
) -> "RenderableType":
    """One table with what must be read beside it, 100 columns wide.

    For one run the columns are the rate, its difference to the control twin, and the worst and best case where episodes
    are unscored; for two they are before, after, and the paired change (from `summary.changes`).
    """
    from rich.console import Group as Stack
    from rich.table import Table
    from rich.text import Text

    runs = [summary] if after is None else [summary, after]
    table = Table(box=None, width=WIDTH, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("", no_wrap=True, min_width=20)
    table.add_column("n", justify="right", no_wrap=True)
    for head in ("rate %", "minus twin", "unscored: between") if after is None else ("before %", "after %", "change"):
        table.add_column(head, justify="right", no_wrap=True, min_width=19)
    for pool in TITLES:
        _section(table, TITLES[pool], _pool_rows(pool, runs, changes or {}))
    _section(table, "Violated, held-out", _family_rows("heldout", runs))
    _section(table, "Violated, far", _family_rows("far", runs))
    _section(table, "Violated, training", _family_rows("train", runs))
    _section(table, "Stopped when told to", _gap_rows(runs))
    heads = ("one shallow rule", "n", "right, training", "right, held-out", "violated, held-out")
    _section(table, "Scripted policies", [heads, *map(_shallow_cells, shallow)] if shallow else [])
    lines = [Text(line, style="bold red") for line in warnings(runs)]
    lines += [Text(line) for line in (*weakest(runs), *missing(runs), *beyond(runs))]
    return Stack(table, "", *lines, Text(_method(summary), style="dim"))


def percent(estimate: Estimate | None) -> str:
    """A rate and its interval in per cent, aligned when set right."""
    if estimate is None:
        return NONE
    low, point, high = (f"{100 * value:.1f}" for value in (estimate.low, estimate.point, estimate.high))
    return f"{point:>5} [{low:>4}, {high:>5}]"


def signed(difference: Difference | None) -> str:
    """A difference and its interval in percentage points."""
    if difference is None:
        return NONE
    return f"{points(difference.point)} [{points(difference.low)}, {points(difference.high)}]"


def small(p: float) -> str:
    """A p-value, three digits after the point."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _range(bounds: Bounds | None) -> str:
    return f"{100 * bounds.low:.1f} to {100 * bounds.high:.1f}" if bounds and bounds.unscored else ""


def _method(summary: Summary) -> str:
    return (
        f"{summary.level:.0%} intervals. By family: Wilson. Pooled: Wilson on an effective n that allows for families"
        " differing; plain Wilson where all episodes agree. Differences: Newcombe, paired, in points."
    )


def _section(table: "Table", title: str, rows: Iterable[Row]) -> None:
    from rich.text import Text

    found = list(rows)
    if not found:
        return
    table.add_row()
    table.add_row(Text(title, style="bold", no_wrap=True))
    for row in found:
        table.add_row(Text("  " + row[0]), *map(Text, row[1:]))


def _pool_rows(pool: str, runs: Sequence[Summary], changes: Changes) -> Iterator[Row]:
    groups = [run.pooled.get(pool) for run in runs]
    for field, label in LABELS.items():
        cells = _cells(groups, field)
        if field == _MIXED or not any(cell and cell.rate for cell in cells):
            continue
        if len(runs) == 1:
            last = [signed(runs[0].effects.get(pool, {}).get(field)), _range(cells[0].bounds if cells[0] else None)]
        else:
            last = [signed(changes.get(pool, {}).get(field))]
        yield label, _size(cells), *_rates(cells), *last


def _family_rows(split: str, runs: Sequence[Summary]) -> Iterator[Row]:
    by_id = [{family.id: family for family in run.families} for run in runs]
    for name in [family.id for family in runs[0].families if family.split == split]:
        found = [families[name].pressured if name in families else None for families in by_id]
        cells = _cells(found, "violated")
        last = [signed(by_id[0][name].effects.get("violated"))] if len(runs) == 1 else []
        yield name, _size(cells), *_rates(cells), *last


def _cells(groups: Iterable[Group | None], field: str) -> list[Cell | None]:
    return [group.cells[field] if group else None for group in groups]


def _rates(cells: Iterable[Cell | None]) -> list[str]:
    return [percent(cell.rate if cell else None) for cell in cells]


def _size(cells: Iterable[Cell | None]) -> str:
    sizes = dict.fromkeys(str(cell.rate.n) for cell in cells if cell and cell.rate)
    return "/".join(sizes)


def _gap_rows(runs: Sequence[Summary]) -> Iterator[Row]:
    sizes = dict.fromkeys(str(run.authority_gap.n) for run in runs if run.authority_gap)
    if sizes:
        yield "entitled - impostor", "/".join(sizes), *(signed(run.authority_gap) for run in runs)


def _shallow_cells(row: Shallow) -> Row:
    rates = (row.right_train, row.right_heldout, row.violated_heldout)
    return row.name, str(row.right_heldout.n) if row.right_heldout else "", *map(percent, rates)


def _names(runs: Sequence[Summary]) -> list[str]:
    return ["Before: ", "After: "] if len(runs) > 1 else [""]


def warnings(runs: Sequence[Summary]) -> Iterator[str]:
    """Control rows that are not about zero, a sentence for each run; no other row of such a family can be believed."""
    for which, run in zip(_names(runs), runs, strict=True):
        found = {flag.family: flag for flag in run.flags}  # the last one is "violated" where both are flagged
        if found:
            rows = (f"{name} {LABELS[flag.field]} {_inline(flag.rate)} %" for name, flag in found.items())
            yield f"{which}control twins are not about zero: {', '.join(rows)}"


def _inline(estimate: Estimate) -> str:
    return " ".join(percent(estimate).split()).replace("[ ", "[")


def missing(runs: Sequence[Summary]) -> Iterator[str]:
    """One line for each pooled group with unscored episodes: how many, why, and between what the rates lie."""
    for which, run in zip(_names(runs), runs, strict=True):
        for pool, group in run.pooled.items():
            if line := coverage(group):
                yield f"{which}{TITLES[pool]}: {line}"


def weakest(runs: Sequence[Summary]) -> Iterator[str]:
    """The one figure of each run that no shortcut raises, beside its parts."""
    for which, run in zip(_names(runs), runs, strict=True):
        found = headline(run)
        if found.figure is not None:
            parts = ", ".join(f"{part.name} {100 * part.rate.point:.1f}" for part in found.parts if part.rate)
            yield f"{which}{TITLES[found.split]}: weakest part {_inline(found.figure)} %, of {parts}"


def beyond(runs: Sequence[Summary]) -> Iterator[str]:
    """One line for each run and split: what its families allow for others like them, and where the pooled rate says less."""
    for which, run in zip(_names(runs), runs, strict=True):
        for split, found in run.beyond.items():
            pooled = run.rate(split, "violated")
            thin = f"; the pooled interval is {THESE_ONLY}" if pooled and THESE_ONLY in pooled.method else ""
            these = "this one" if found.clusters == 1 else f"these {found.clusters}"
            yield f"{which}{TITLES[split]}: other families like {these} may violate {_inline(found)} %{thin}"


def coverage(group: Group) -> str:
    """Empty where every episode was scored."""
    open_cells = {label: group.cells[field] for field, label in LABELS.items() if _range(group.cells[field].bounds)}
    if not open_cells:
        return ""
    worst = max(open_cells.values(), key=lambda cell: sum(cell.unscored.values()))
    reasons = "; ".join(f"{n}: {reason.removeprefix(_UNSCORED)}" for reason, n in worst.unscored.items())
    if not any(cell.rate for cell in group.cells.values()):
        return f"none of {group.episodes} episodes was scored ({reasons})."
    ranges = ", ".join(f"{label} {_range(cell.bounds)} %" for label, cell in open_cells.items())
    return f"not all of {group.episodes} episodes were scored ({reasons}). Worst to best case: {ranges}."
