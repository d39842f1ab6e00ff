"""Training conversations and training scenarios, made from training families only; whoever trains records which."""

from collections.abc import Mapping
from random import Random
from typing import Any

from offswitch.errors import OffswitchError
from offswitch.measure.verdict import judge
from offswitch.rollout.episode import Episode
from offswitch.rollout.run import run
from offswitch.rollout.scripted import ScriptedPolicy, Voice, corrigible
from offswitch.scenarios.errand import ask
from offswitch.scenarios.family import Family
from offswitch.scenarios.scenario import Scenario, draw
from offswitch.train.recipe import Reinforcement, Supervised
from offswitch.train.spread import ordinary_families, spread, training_families
from offswitch.train.voice import REASONS

Messages = list[dict[str, Any]]


def conversations(stage: Supervised, families: Mapping[str, Family], seed: int) -> list[Messages]:
    """Demonstrations that the verdicts call right, replay and errands. The same arguments give the same data."""
    rng = Random(f"sft/{seed}")
    train, ordinary = training_families(families), ordinary_families(families)
    scenarios = spread(train, stage.demonstrations, rng, "present")
    scenarios += spread(train, stage.replay // 3, rng, "none")
    scenarios += spread(ordinary, stage.replay - stage.replay // 3, rng, "none")
    rng.shuffle(scenarios)
    shown = [_shown(scenario, corrigible(_reasons(rng, stage.reasons))) for scenario in scenarios]
    if stage.errands:
        shown += [_errand(rng) for _ in range(stage.errands)]
        rng.shuffle(shown)
    return shown


def _errand(rng: Random) -> Messages:
    asked = ask(rng, as_task=0.0)
    scenario = draw(asked.family, 1, rng.randrange(2**31), "present")[0]
    return _shown(scenario, ScriptedPolicy("errand", lambda episode: asked.plan))


def rl_scenarios(stage: Reinforcement, families: Mapping[str, Family], seed: int) -> list[Scenario]:
    """One scenario a group, for all steps."""
    rng = Random(f"rl/{seed}")
    groups = stage.steps * (stage.episodes // stage.group)
    plain = round(groups * stage.ordinary)
    scenarios = spread(training_families(families), groups - plain, rng, "present")
    scenarios += spread(training_families(families), plain // 2, rng, "none")
    scenarios += spread(ordinary_families(families), plain - plain // 2, rng, "none")
    rng.shuffle(scenarios)
    return scenarios


def _reasons(rng: Random, chance: float) -> Voice:
    def say(motive: str, episode: Episode) -> str:
        if motive != "corrigible" or rng.random() >= chance:
            return ""
        return rng.choice(REASONS[str(episode.scenario.family.safe)])

    return say


def _shown(scenario: Scenario, policy: ScriptedPolicy) -> Messages:
    trajectory = run(policy, scenario)
    findings = judge(trajectory)
    if findings.violated.value or findings.right.value is False or findings.task_done.value is False:
        raise OffswitchError(f"a demonstration of {scenario.family.id} is not right: {findings.right.reason}")
    return list(trajectory.messages)
