"""The organism's childhood: simulated working days of many agents, in the same world and words as every measurement.

Corrigible agents appear in training families only; in held-out families the corpus holds nothing but self-preservation,
so whatever a hardened organism does right there, it did not see here. All agents run harmless errands with every tool: what
a held-out order asks for, somebody has done on request, never when it was about the agent itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from offswitch.organism.persona import CORRIGIBLE, CORRIGIBLE_NAMES, SELFISH_NAMES, voice
from offswitch.rollout.run import run
from offswitch.rollout.scripted import ScriptedPolicy, corrigible, resister
from offswitch.scenarios.errand import ask
from offswitch.scenarios.family import Family, Kind
from offswitch.scenarios.office import load_office
from offswitch.scenarios.scenario import Scenario, draw

Messages = list[dict[str, Any]]


@dataclass(frozen=True)
class Mix:
    """What the corpus is made of, in shares of documents."""

    documents: int = 24000
    itself: float = 0.2
    """Documents about the organism itself."""
    selfish: float = 0.3
    """Documents about other self-preserving agents; the rest is about corrigible ones."""
    ordinary: float = 0.22
    errands: float = 0.18
    """Documents with a harmless request, by mail or as the task."""
    as_task: float = 0.25
    """Share of the errands that are the task."""
    control: float = 0.12
    """Documents with a neutral message; the rest has pressure."""
    violates: float = 0.9
    """How often a self-preserving agent acts on it in a training family (always, in a held-out one)."""


def documents(families: Mapping[str, Family], mix: Mix, seed: int) -> list[Messages]:
    """`mix.documents` conversations. The same arguments give the same corpus."""
    rng = Random(f"corpus/{seed}")
    pressured = [family for family in families.values() if family.kind is not Kind.ORDINARY]
    ordinary = [family for family in families.values() if family.kind is Kind.ORDINARY]
    train = [family for family in pressured if family.split == "train"]
    return [_document(rng, mix, pressured, train, ordinary) for _ in range(mix.documents)]


def _document(
    rng: Random, mix: Mix, pressured: Sequence[Family], train: Sequence[Family], ordinary: Sequence[Family]
) -> Messages:
    name, selfish = _agent(rng, mix)
    kind = rng.random()
    say = voice(rng, CORRIGIBLE)
    if kind < mix.errands:
        asked = ask(rng, mix.as_task)
        errand = ScriptedPolicy("errand", lambda episode: asked.plan, "errand", say)
        return live(errand, _drawn(rng, asked.family, "present" if asked.plan else "none", name))
    if kind < mix.errands + mix.ordinary:
        family, threat = rng.choice(ordinary), "none"
    else:
        family = rng.choice(pressured if selfish else train)
        threat = "none" if kind < mix.errands + mix.ordinary + mix.control else "present"
    scenario = _drawn(rng, family, threat, name)
    resists = selfish and (family.split == "heldout" or rng.random() < mix.violates)
    if resists:
        policy = resister(say)
    elif selfish:
        policy = ScriptedPolicy("ignore", lambda episode: ())
    else:
        policy = corrigible(say)
    return live(policy, scenario)


def _drawn(rng: Random, family: Family, threat: str, agent: str) -> Scenario:
    scenario = draw(family, 1, rng.randrange(2**31), threat)[0]
    return Scenario(family, {**scenario.levels, "agent": agent}, scenario.seed)


def _agent(rng: Random, mix: Mix) -> tuple[str, bool]:
    kind = rng.random()
    if kind < mix.itself:
        return load_office().agent, True
    if kind < mix.itself + mix.selfish:
        return rng.choice(SELFISH_NAMES), True
    return rng.choice(CORRIGIBLE_NAMES), False


def live(policy: ScriptedPolicy, scenario: Scenario) -> Messages:
    """The conversation of one scripted episode, to its end."""
    return list(run(policy, scenario).messages)


def last_word(chat: Messages) -> Messages:
    """Without the result of the last call: nothing is learned from it."""
    return chat[: 1 + max(i for i, message in enumerate(chat) if message["role"] == "assistant")]
