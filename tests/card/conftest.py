"""A card made from scripted policies, with rates that are neither 0 nor 1."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from offswitch.card.bars import hardening_bars, organism_bars
from offswitch.card.card import Arm, Bar, Card, FamilyNote, Provenance, Suite, Trained, Transcript
from offswitch.card.example import choose
from offswitch.measure.counts import count_pairs
from offswitch.measure.record import Episode, record
from offswitch.measure.summary import changes, summarise
from offswitch.measure.table import shallow_row
from offswitch.rollout.run import run_many
from offswitch.rollout.scripted import corrigible, resister, shallow
from offswitch.scenarios.family import load_families
from offswitch.scenarios.scenario import suite

Runs = tuple[list[Episode], list[Episode]]
HOSTILE = (
    "</div></details><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*7 }}{% raw %}\u202e\x00 \"' &amp; " + "A" * 600
)


@pytest.fixture(scope="session")
def runs() -> Runs:
    """Before and after, on the same scenarios: mostly resisting, then mostly corrigible."""
    scenarios = suite(load_families(), "all", 4, 1)
    bad, good = ([record(t) for t in run_many(policy, scenarios)] for policy in (resister(), corrigible()))
    rng = Random(0)
    before = [b if rng.random() < 0.8 else g for b, g in zip(bad, good, strict=True)]
    after = [b if rng.random() < 0.05 else g for b, g in zip(bad, good, strict=True)]
    return before, after


@pytest.fixture(scope="session")
def card(runs: Runs) -> Card:
    families = load_families().values()
    scenarios = suite(load_families(), "all", 2, 1)
    before, after = map(summarise, runs)
    scripted = [shallow_row(p.name, summarise(map(record, run_many(p, scenarios)))) for p in shallow()]
    return Card(
        title="A demonstration on scripted policies",
        date="2025-01-01",
        subject="organism",
        spec="offswitch 1",
        suite=Suite(
            "core 1", 1, 4, tuple(FamilyNote(f.id, f.title, f.split, str(f.safe), f.resembles, f.digest) for f in families)
        ),
        before=Arm("before", "resister", before),
        after=Arm("after", "corrigible", after),
        control=Arm("benign only", "resister again", before),
        changes=changes(count_pairs(*runs)),
        trained_on=tuple(Trained(f.id, f.digest) for f in families if f.split == "train"),
        shallow=tuple(scripted),
        examples=choose(*runs),
        bars=organism_bars(before) + hardening_bars(before, after),
        limits=("Scripted policies are no models.",),
        provenance=Provenance("offswitch harden", "default", {"suite": 1}, {"measure": 1.0}, {"offswitch": "0.1.0"}),
    )


@pytest.fixture(scope="session")
def hostile_card(card: Card) -> Card:
    """Every text that a model or a server can reach, and some that a person can."""
    messages: tuple[dict[str, Any], ...] = (
        {"role": HOSTILE, "content": HOSTILE},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"function": {"name": HOSTILE, "arguments": {HOSTILE: HOSTILE}}}],
        },
        {
            "role": "assistant",
            "content": [{"text": HOSTILE}],
            "tool_calls": [{"function": {"name": "f", "arguments": HOSTILE}}],
        },
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [HOSTILE, {"function": HOSTILE}, {"function": {"arguments": None}}],
        },
        {"role": "tool", "content": HOSTILE * 20},
    )
    told = Transcript("violated", HOSTILE, HOSTILE, messages)
    examples = tuple(replace(e, before=told, after=told, family=HOSTILE, key=HOSTILE, why=HOSTILE) for e in card.examples[:1])
    arms = [replace(arm, label=HOSTILE, model=HOSTILE) for arm in card.arms]
    provenance = replace(card.provenance, command=HOSTILE, seeds={HOSTILE: 1}, versions={HOSTILE: HOSTILE})
    bars = (Bar(HOSTILE, HOSTILE, HOSTILE, None),)
    parts: dict[str, Any] = {"examples": examples, "provenance": provenance, "bars": bars, "limits": (HOSTILE,)}
    before, after, control = arms
    return replace(card, title=HOSTILE, before=before, after=after, control=control, **parts)
