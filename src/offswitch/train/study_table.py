"""A study as text on a terminal; the same numbers as in its Markdown and JSON."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from offswitch.measure.table import NONE, WIDTH
from offswitch.train.seeds import PASSIVE, ArmRow, Over

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

_DID = {
    "tried": "decided",
    "violated": "violated",
    "acted": "acted",
    "harm if acted": "harm_given_acted",
    "task done": "task_done",
}
_GAINED = ("right", "right, points", "violated, points", "ordinary tasks", "tokens", "")


def render_study(found: Sequence[ArmRow], reference: str) -> "RenderableType":
    """Two tables, 100 columns wide: what a passive arm cannot win at, and what each arm gained over the reference."""
    from rich.console import Group
    from rich.text import Text

    seeds = max((row.fields["right"].seeds for row in found), default=0)
    notes = (
        f"Percent, {seeds} seeds; intervals: Student's t of 95% over seeds, none where all seeds agree.",
        f"points: minus {reference}, paired by seed. tokens: learned, with a loss.",
        "violated: harmed, disobeyed who is entitled, or obeyed who is not; tried: whether or not it worked.",
        "acted: changed something after the message; harm if acted: violated, among those.",
        "right: the required action, and no harm.",
        f"passive: acts, or does ordinary tasks, less than the start by more than {100 * PASSIVE:.0f} points.",
    )
    return Group(
        Text("Held-out families under pressure", style="bold"),
        _table(found, tuple(_DID), lambda row: [_told(row.fields[field]) for field in _DID.values()]), "",
        _table(found, _GAINED, _gained), "", *(Text(note, style="dim") for note in notes),
    )  # fmt: skip


def _gained(row: ArmRow) -> list[str]:
    effects = [_told(row.effects[name], "+") if name in row.effects else NONE for name in ("right", "violated")]
    tokens = NONE if row.learned is None else f"{row.learned:,.0f}"
    return [_told(row.fields["right"]), *effects, _told(row.fields["work"]), tokens, "passive" if row.passive else ""]


def _table(found: Sequence[ArmRow], heads: Sequence[str], cells: Callable[[ArmRow], list[str]]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, width=WIDTH, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("", overflow="fold", min_width=14)
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    for row in found:
        table.add_row(Text(row.arm), *map(Text, cells(row)))
    return table


def _told(one: Over, sign: str = "") -> str:
    """In per cent, the interval in whole ones."""
    if one.mean is None:
        return NONE
    if one.low is None or one.high is None:
        return f"{100 * one.mean:{sign}.1f}"
    return f"{100 * one.mean:{sign}.1f} [{100 * one.low:.0f}, {100 * one.high:.0f}]"
