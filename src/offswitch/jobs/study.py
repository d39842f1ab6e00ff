"""What a study compares, fixed before its first run, and what it will cost."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from offswitch import __version__
from offswitch.errors import OffswitchError
from offswitch.jobs.dry import expected
from offswitch.jobs.match import REPLAY, matched, refuse_unmatched
from offswitch.jobs.measure import Suite
from offswitch.jobs.models import ModelChoice, policy_for, trainable
from offswitch.jobs.organism import build_organism, organism_is_built
from offswitch.jobs.report import Report
from offswitch.jobs.settings import marked
from offswitch.rollout.run import run_many
from offswitch.scenarios.family import Family
from offswitch.train.dial import turned
from offswitch.train.expected import size, span
from offswitch.train.groups import FIELDS
from offswitch.train.recipe import Recipe, load_recipe

START = "start"
"""The arm that is not trained."""
_STOPPING = (
    "every cell is run once, fine-tuning seed by fine-tuning seed; no arm, seed or scenario is added or left out after a "
    "result was seen; where it is stopped early, only fine-tuning seeds that all cells finished are read"
)


@dataclass(frozen=True)
class Study:
    """What is compared; the same values give the same plan, and the same numbers."""

    recipes: tuple[str, ...]
    controls: tuple[str, ...] = ("benign-replay",)
    """The first is what effects are taken against."""
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    """Of the organism; of a model that is given, of training."""
    tunes: int = 1
    """Fine-tuning seeds for each seed."""
    model: str = "organism"
    documents: int = 0
    """Pretraining documents of the organism; 0 for its full childhood."""
    dose: float = 1.0
    tokens: int = 0
    """Learned tokens that every arm is resized to (see `match`); 0 leaves the recipes as they are."""
    suite: Suite = field(default_factory=Suite)

    @property
    def arms(self) -> dict[str, Recipe]:
        """By name, recipes first; a file goes by its own name. Raises `OffswitchError` for a name given twice."""
        given = {_name(name): name for name in (*self.recipes, *self.controls)}
        if len(given) < len(self.recipes) + len(self.controls) or START in given:
            raise OffswitchError(f"a recipe or control is named twice, or is named {START!r}")
        return {name: turned(load_recipe(path), self.dose) for name, path in given.items()}

    @property
    def reference(self) -> str:
        return _name(self.controls[0]) if self.controls else START

    def cells(self) -> list["Cell"]:
        """All models, one fine-tuning seed after another, so that a study that is cut short has all seeds."""
        return [
            Cell(arm, seed, tune)
            for tune in range(self.tunes)
            for seed in self.seeds
            for arm in (START, *self.arms)
            if arm != START or tune == 0
        ]

    def refuse(self, families: Mapping[str, Family]) -> None:
        """Raises `OffswitchError` for what would stop it half-way."""
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise OffswitchError(f"a study needs seeds, each once; these are {list(self.seeds)}")
        for recipe in self.arms.values() if self.tokens else ():
            refuse_unmatched(recipe)
        self.suite.scenarios(families)

    def start(self, seed: int, families: Mapping[str, Family], report: Report) -> Path:
        """The model folder that every arm of a seed begins from; the organism is that of `offswitch organism build`."""
        if self.model != "organism":
            return trainable(self.model)
        return build_organism(seed, families, report, self.documents)

    def plan(self, families: Mapping[str, Family]) -> dict[str, Any]:
        """What is fixed before the first run; `marked`, so that a setting that a later version has is no other plan."""
        return {
            "study": {**marked(self), "recipes": None, "controls": None, "model": Path(self.model).name},
            "arms": {name: marked(recipe) for name, recipe in self.arms.items()},
            "families": {id: family.digest for id, family in families.items()},
            "reference": self.reference,
            "matching": f"learned tokens, {REPLAY:.0%} of them replay" if self.tokens else "none",
            "metrics": {
                "fields": list(FIELDS),
                "pool": "held-out families under pressure",
                "beside": "ordinary tasks done; right conduct by split, required action and kind of family",
            },
            "primary": "right conduct in held-out families, arm minus reference, paired by seed",
            "interval": "Student's t of 95% over seeds, fine-tuning seeds of a seed averaged first",
            "stopping": _STOPPING,
            "version": __version__,
        }


def _name(recipe: str) -> str:
    return Path(recipe).name.removesuffix(".yaml").removesuffix(".yml")


@dataclass(frozen=True)
class Cell:
    """One model of a study."""

    arm: str
    seed: int
    tune: int

    def folder(self, out: Path) -> Path:
        return out / "cells" / f"{self.arm}-{self.seed}-{self.tune}"

    def figures(self, out: Path) -> Path:
        """What it came to; written last, so that a cell with it is done."""
        return self.folder(out) / "figures.json"


def told(study: Study, families: Mapping[str, Family]) -> dict[str, str]:
    """The plan for a person: a label, and what it says."""
    plan, seeds = study.plan(families), ", ".join(map(str, study.seeds))
    models, episodes = len(study.cells()), len(study.suite.scenarios(families))
    return {
        "arms": f"{', '.join(study.arms)}; effects against {study.reference}",
        "models": f"{models}: of seeds {seeds} every arm, with {study.tunes} of fine-tuning, and the start",
        "amount": f"{study.tokens:,} {plan['matching']}, in every arm" if study.tokens else "as the recipes say",
        "measured": f"{episodes} episodes a model: {study.suite.n} of each family, those under pressure with their twins",
        "metrics": f"{', '.join(FIELDS)} in {plan['metrics']['pool']}; {plan['metrics']['beside']}",
        "primary": str(plan["primary"]),
        "interval": str(plan["interval"]),
        "stopping": _STOPPING,
    }


_TRIED = 64
"""Episodes that are played to time them."""


def cost(study: Study, families: Mapping[str, Family], report: Report) -> str:
    """What it will take on this machine as it is now, from a few timed steps of every arm and a few episodes of the start."""
    own = study.model != "organism"
    ready = [seed for seed in study.seeds if own or organism_is_built(seed, families, study.documents)]
    if not ready:
        hint = "" if study.documents else f"; offswitch organism build --seed {study.seeds[0]}"
        return f"not known before an organism is built, which the run does first{hint}"
    start = study.start(ready[0], families, report)
    seconds, memory, arms = 0.0, 0, study.arms
    with report.work("ablate: expected cost") as bar:
        for i, (name, recipe) in enumerate(arms.items()):
            bar.at(i, len(arms) + 1, name)
            resized = matched(recipe, study.tokens, start, families) if study.tokens else recipe
            stages = expected(resized, start, families, 0)
            seconds += sum(stage.seconds for stage in stages)
            memory = max(memory, *(stage.bytes for stage in stages))
        playing = _playing(study, start, families)
        bar.at(1, 1)
    models = len(study.cells())
    whole = seconds * len(study.seeds) * study.tunes + playing * models
    unbuilt = len(study.seeds) - len(ready)
    built = f", and {unbuilt} organisms, which are built first" if unbuilt else ""
    return (
        f"{span(whole)} in one process{built}: training {span(seconds / len(arms))} and measuring {span(playing)} a model, "
        f"{size(memory)} of memory a process (--jobs)"
    )


def _playing(study: Study, start: Path, families: Mapping[str, Family]) -> float:
    """Seconds to measure one model."""
    scenarios = study.suite.scenarios(families)
    sample = scenarios[:: max(1, len(scenarios) // _TRIED)]
    policy = policy_for(ModelChoice(str(start), local=True))
    began = perf_counter()
    run_many(policy, sample, study.suite.limit, lambda place, played: None, study.suite.kept)
    return (perf_counter() - began) / len(sample) * len(scenarios)
