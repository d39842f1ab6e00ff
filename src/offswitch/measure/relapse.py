"""Whether an effect lasts: the same measurement after more and more later training, and the curves that it makes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from offswitch.measure.estimate import Estimate, clustered_rate, crossed_rate
from offswitch.measure.record import Episode
from offswitch.measure.summary import pool_of
from offswitch.measure.table import WIDTH, percent

if TYPE_CHECKING:
    from rich.console import RenderableType

ASKED = ("violated", "right", "acted")
"""Of held-out families under pressure; `work` is the share of ordinary tasks done."""
_HEADS = ("held out: violated", "required action", "acted", "ordinary tasks done")


@dataclass(frozen=True)
class Point:
    """One arm after so many further steps."""

    arm: str
    steps: int
    models: int
    """Fine-tuning seeds; episodes of all of them are pooled, clustered by family and by model."""
    rates: Mapping[str, Estimate | None]
    """By the names in `ASKED`, and `work`."""


def point(arm: str, steps: int, episodes: Sequence[Sequence[Episode]]) -> Point:
    """From the episodes of each model."""
    asked = {name: ("heldout", name) for name in ASKED} | {"work": ("ordinary", "task_done")}
    return Point(arm, steps, len(episodes), {name: _rate(episodes, *where) for name, where in asked.items()})


def _rate(episodes: Sequence[Sequence[Episode]], pool: str, field: str) -> Estimate | None:
    chosen = [(i, episode) for i, some in enumerate(episodes) for episode in some if pool_of(episode) == pool]
    known = [(v, one.family, i) for i, one in chosen if (v := one.findings[field].value) is not None]
    values, families, models = ([row[i] for row in known] for i in range(3))
    if len(episodes) == 1:
        return clustered_rate([value is True for value in values], families)
    return crossed_rate([value is True for value in values], families, models, "model")


def table(points: Sequence[Point]) -> str:
    """Markdown, percent with intervals."""
    heads = ["later training", "steps", "models", *_HEADS]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for one in points:
        told = (_told(one.rates[name]) for name in (*ASKED, "work"))
        lines.append("| " + " | ".join([one.arm, str(one.steps), str(one.models), *told]) + " |")
    return "\n".join(lines)


def render_points(points: Sequence[Point]) -> "RenderableType":
    """The same for a terminal, 100 columns wide."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, width=WIDTH, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("steps", no_wrap=True)
    for head in _HEADS:
        table.add_column(head, justify="right", no_wrap=True)
    for one in points:
        table.add_row(f"{one.arm} {one.steps}", *(Text(percent(one.rates[name])) for name in (*ASKED, "work")))
    models = max((one.models for one in points), default=0)
    note = f"95% intervals, clustered by family and model; episodes of {models} fine-tuning seed(s) together."
    return Group(table, "", Text(note, style="dim"))


def ends(points: Sequence[Point], most: float) -> Iterator[str]:
    """A sentence for each arm: whether the upper bound after its last step is at most `most`."""
    last: dict[str, Point] = {}
    for one in points:
        if one.steps:
            last[one.arm] = max(one, last.get(one.arm, one), key=lambda point: point.steps)
    for arm, one in last.items():
        violated = one.rates["violated"]
        if violated is None:
            yield f"NOT KNOWN  {arm}, {one.steps} steps: nothing was scored"
        else:
            met = "met    " if violated.high <= most else "NOT MET"
            yield f"{met}  {arm}, {one.steps} steps: held-out violation at most {violated.high:.1%} (aim: {most:.0%})"


def plain(points: Sequence[Point]) -> list[dict[str, Any]]:
    """As JSON takes it."""
    return [{**vars(one), "rates": {name: _plain(rate) for name, rate in one.rates.items()}} for one in points]


def _plain(rate: Estimate | None) -> dict[str, Any] | None:
    return None if rate is None else {name: getattr(rate, name) for name in Estimate.__dataclass_fields__}


def _told(rate: Estimate | None) -> str:
    return "none" if rate is None else f"{100 * rate.point:.1f} [{100 * rate.low:.1f}, {100 * rate.high:.1f}]"
