"""One page that needs nothing but itself: no script, no request, readable in ten seconds, and safe with hostile text."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from offswitch.card.card import Arm, Card, Example, FamilyNote, Transcript
from offswitch.measure.contrast import Difference, points
from offswitch.measure.estimate import Estimate
from offswitch.measure.headline import headline
from offswitch.measure.summary import ABOUT_ZERO, FamilySummary, Summary
from offswitch.measure.table import LABELS, TITLES, beyond, missing, warnings

if TYPE_CHECKING:
    from jinja2 import Template

LONGEST = 4_000
"""Characters of one message on the page; the JSON has all of them."""
MUST = {"continue": "must go on", "comply": "must obey", "refuse": "must refuse", "escalate": "must report"}
MAIN = {"heldout": "held-out families", "far": "far families", "train": "training families"}
"""What the head of the page is about: the first of these groups that was measured."""
OUTCOMES = {
    "violated": "violated",
    "right": "took the required action",
    "wrong": "no violation, but not the required action",
    "unscored": "not scored",
}
_ORGANISM = (
    "This is a model organism: a small network that was made to misbehave, so that the method can be tested."
    " Nothing here is a finding about a real model."
)


@dataclass(frozen=True)
class Lane:
    """One estimate of one arm, drawn as an interval."""

    css: str
    label: str
    estimate: Estimate | None


@dataclass(frozen=True)
class Line:
    """Everything that is drawn on one axis."""

    title: str
    note: str
    lanes: tuple[Lane, ...]
    change: Difference | None = None


@dataclass(frozen=True)
class Said:
    """One message of a transcript."""

    role: str
    text: str
    calls: tuple[str, ...]
    cut: int
    """Characters that are left out."""


def page(card: Card) -> str:
    """The card as one HTML file."""
    main = _main(card)
    return template("card.html.j2").render(
        card=card,
        main=MAIN[main],
        arms=[Lane(css, arm.label, None) for css, arm in _arms(card)],
        lede=_lede(card),
        caution=_ORGANISM if card.subject == "organism" else "",
        violation=_pooled(card, main, "violated", ""),
        right=_pooled(card, main, "right", "Took exactly the required action"),
        useful=(
            _pooled(card, "ordinary", "task_done", "Ordinary tasks done"),
            _pooled(card, main, "acted", "Kept working under pressure"),
        ),
        heldout=tuple(_families(card, "heldout")),
        far=tuple(_families(card, "far")),
        train=tuple(_families(card, "train")),
        twins=_pooled(card, "control", "violated", "All control twins together"),
        about_zero=ABOUT_ZERO,
        headlines=[(css, arm.label, headline(arm.summary)) for css, arm in _arms(card)],
        flags=tuple(warnings(_compared(card))),
        coverage=tuple(missing(_compared(card))),
        others=tuple(beyond(_compared(card))),
        gap=[(css, arm.label, arm.summary.authority_gap) for css, arm in _arms(card) if arm.summary.authority_gap],
        effects={css: _effects(arm.summary) for css, arm in _arms(card)},
        own=[(css, arm) for css, arm in _arms(card)],
        pooled=tuple(_pools(card)),
        by_family=tuple(_tables(card)),
        talks=[(example, _talks(card, example)) for example in card.examples],
        titles={family.id: family.title for family in card.suite.families},
        labels=LABELS,
        outcomes=OUTCOMES,
    )


def _main(card: Card) -> str:
    """See `MAIN`; held-out families where nothing was under pressure."""
    return next((pool for pool in MAIN if pool in card.before.summary.pooled), "heldout")


@cache
def template(name: str) -> "Template":
    """One of the pages' templates: everything is escaped, and all share one style and their parts."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from markupsafe import Markup

    def text(name: str) -> str:
        return (files("offswitch.card") / name).read_text(encoding="utf-8")

    loader = FunctionLoader(text)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, loader=loader)
    environment.filters.update(pct=_percent, shown=_shown, span=_span, told=_told)
    environment.globals["style"] = Markup(text("card.css"))
    return environment.get_template(name)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _shown(estimate: Estimate) -> str:
    return _number(estimate, estimate.point)


def _span(estimate: Estimate) -> str:
    return f"[{_number(estimate, estimate.low)}, {_number(estimate, estimate.high)}]"


def _number(estimate: Estimate, value: float) -> str:
    return points(value).replace("-", "\N{MINUS SIGN}") if isinstance(estimate, Difference) else _percent(value)


def _told(line: Line) -> str:
    """The same drawing in words, for those who do not see it."""
    lanes = [f"{lane.label} {lane.estimate}" for lane in line.lanes if lane.estimate]
    return f"{line.title}: {'; '.join(lanes) or 'nothing was scored'}"


def _arms(card: Card) -> Iterator[tuple[str, Arm]]:
    for css, arm in (("a", card.before), ("b", card.after), ("c", card.control)):
        if arm is not None:
            yield css, arm


def _compared(card: Card) -> list[Summary]:
    return [card.before.summary, card.after.summary] if card.after else [card.before.summary]


def _lede(card: Card) -> str:
    who = f"The {card.before.model}" if card.subject == "organism" else card.before.model
    group = card.before.summary.pooled.get("heldout")
    if group is None:
        return f"{who} was measured on {card.before.summary.episodes:,} episodes, none of them in a held-out family."
    scenes = f"{who} lived through {group.episodes:,} scenes under pressure, in"
    unseen = f"{group.families} families of situations that its training never saw"
    where = unseen if card.trained_on else f"the {group.families} held-out families of the suite"
    return f"{scenes} {where}{', before and after that training' if card.after else ''}."


def _pooled(card: Card, pool: str, field: str, title: str) -> Line:
    line = _line(card, title, [arm.summary.rate(pool, field) for _, arm in _arms(card)])
    return Line(title, LABELS[field], line.lanes, card.changes.get(pool, {}).get(field))


def _families(card: Card, split: str) -> Iterator[Line]:
    for family in card.suite.families:
        if family.split == split:
            rows = [_row(arm.summary, family.id) for _, arm in _arms(card)]
            groups = [row.pressured if row else None for row in rows]
            line = _line(card, family.title, [group.cells["violated"].rate if group else None for group in groups])
            yield Line(line.title, _note(family), tuple(lane for lane in line.lanes if lane.css != "c"))


def _note(family: FamilyNote) -> str:
    like = f", looks like {family.resembles}" if family.resembles else ""
    return f"{family.id}: {MUST.get(family.safe, family.safe)}{like}"


def _effects(summary: Summary) -> list[Difference | None]:
    return [summary.effects.get(split, {}).get("violated") for split in ("heldout", "train")]


def _pools(card: Card) -> Iterator[tuple[str, list[Line]]]:
    """Every pooled rate of every arm, one table for each group."""
    for pool, title in TITLES.items():
        yield title, _scored(_pooled(card, pool, field, label) for field, label in LABELS.items())


def _tables(card: Card) -> Iterator[tuple[str, list[Line]]]:
    """Every rate of every arm in every family, and what the pressure adds."""
    for family in card.suite.families:
        rows = [_row(arm.summary, family.id) for _, arm in _arms(card)]
        groups = [row and (row.pressured or row.unpressured) for row in rows]
        lines = [_line(card, label, [g.cells[field].rate if g else None for g in groups]) for field, label in LABELS.items()]
        lines.append(_line(card, "violated, minus twin", [row.effects.get("violated") if row else None for row in rows]))
        yield family.id, _scored(lines)


def _line(card: Card, title: str, estimates: Sequence[Estimate | None]) -> Line:
    pairs = zip(_arms(card), estimates, strict=True)
    return Line(title, "", tuple(Lane(css, arm.label, estimate) for (css, arm), estimate in pairs))


def _scored(lines: Iterable[Line]) -> list[Line]:
    return [line for line in lines if any(lane.estimate for lane in line.lanes)]


def _row(summary: Summary, family: str) -> FamilySummary | None:
    return next((row for row in summary.families if row.id == family), None)


def _talks(card: Card, example: Example) -> list[tuple[str, str, Transcript, list[Said]]]:
    pairs = [("a", card.before.label, example.before), ("b", card.after.label if card.after else "", example.after)]
    return [(css, label, told, _said(told.messages)) for css, label, told in pairs if told]


def _said(messages: Sequence[Mapping[str, Any]]) -> list[Said]:
    found = []
    for message in messages:
        content = message.get("content") or ""
        text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        calls = tuple(_call(call) for call in message.get("tool_calls") or ())
        found.append(Said(str(message.get("role", "")), text[:LONGEST], calls, max(0, len(text) - LONGEST)))
    return found


def _call(call: Any) -> str:
    """A tool call on one line. It is what a model wrote, so nothing about its shape is certain."""
    function = call.get("function", call) if isinstance(call, Mapping) else call
    if not isinstance(function, Mapping):
        return str(function)[:LONGEST]
    arguments = function.get("arguments")
    if isinstance(arguments, Mapping):
        inside = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in arguments.items())
    else:
        inside = "" if arguments is None else str(arguments)
    return f"{function.get('name', '')}({inside})"[:LONGEST]
