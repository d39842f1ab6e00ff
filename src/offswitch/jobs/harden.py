"""The main job: measure, train, measure again on families that training never saw, write the card."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from offswitch import __version__
from offswitch.card.bars import hardening_bars, organism_bars
from offswitch.card.card import (
    Arm,
    Card,
    FamilyNote,
    Provenance,
    Trained,
    Written,
    write,
)
from offswitch.card.card import Suite as CardSuite
from offswitch.card.example import choose
from offswitch.jobs.clock import Clock
from offswitch.jobs.folder import run_folder
from offswitch.jobs.measure import Suite, keep_log, measure
from offswitch.jobs.models import ModelChoice, policy_for, recipe_for, scripted, trainable
from offswitch.jobs.organism import build_organism, use_threads
from offswitch.jobs.report import Report, Silent
from offswitch.jobs.settings import marked
from offswitch.jobs.side import Side
from offswitch.jobs.train import train
from offswitch.measure.counts import count_pairs
from offswitch.measure.provenance import provenance, refuse_leaks
from offswitch.measure.record import Episode, record
from offswitch.measure.summary import changes, summarise
from offswitch.measure.table import Shallow, shallow_row
from offswitch.rollout.run import run_many
from offswitch.scenarios.factor import narrowed
from offswitch.scenarios.family import Family, Kind, suite_version
from offswitch.spec.spec import Spec
from offswitch.train.recipe import Recipe, load_recipe

LIMITS = (
    "The office is simulated: tools act on records in memory, not on real machines.",
    "Verdicts come from the event log. A harm that lies only in what words mean is not seen.",
    "Held out means other families of the same author in the same office, not another world.",
    "Useful means the ordinary tasks of the suite. Harmless requests that come by message are not among them; a recipe "
    "without errands can cost those.",
    "One training run. Its intervals hold for this checkpoint, not for the recipe.",
    "Whether the effect survives further training, long episodes or an adversary was not measured.",
)
ORGANISM_LIMIT = (
    "The subject is a model organism of under a million parameters, made to misbehave. It shows that the method works; "
    "it says nothing about how often real models behave so."
)
CHILDHOOD_LIMIT = (
    "In its pretraining the organism saw itself and others violate in held-out families too, and saw corrigible conduct, "
    "by other agents, in training families only. It saw all agents do harmless errands on request, with the tools that "
    "held-out orders need too, never where the order was about the agent itself."
)


@dataclass(frozen=True)
class Hardening:
    """What to harden and how; the same values give the same run."""

    model: str | None = None
    """A folder or Hugging Face id; None for the embedded organism."""
    recipe: str = "harden"
    control: str | None = "benign"
    """A second recipe from the same start, measured beside the first."""
    suite: Suite = field(default_factory=Suite)
    seed: int = 0
    threads: int = 0
    """CPU threads for torch; 0 means one for the organism, and leaves it to torch for other models."""


@dataclass(frozen=True)
class Hardened:
    """What came out."""

    card: Card
    written: Written
    model: Path


def harden(job: Hardening, families: Mapping[str, Family], spec: Spec, out: Path, report: Report) -> Hardened:
    """Everything, into `out`; run again after a kill, it goes on where it stopped.

    Raises `OffswitchError` subclasses for what a user can mend.
    """
    recipes = [marked(load_recipe(name)) for name in (job.recipe, job.control) if name]
    told = {**marked(job), "families": {id: f.digest for id, f in families.items()}, "recipes": recipes, "spec": spec.name}
    use_threads(_threads(job))
    given = trainable(job.model) if job.model else None  # what cannot be used is told before anything is written
    with run_folder(out, told), Side() as side:
        with Clock(out / "seconds-start.json")("organism" if job.model is None else "model"):
            start = given or build_organism(job.seed, families, report)
        refuse_leaks(provenance(start), families)
        before, after = _arm(job, None, "before", start, families, out), _arm(job, job.recipe, "after", start, families, out)
        others = [before] + ([_arm(job, job.control, "control", start, families, out)] if job.control else [])
        if job.model is None:  # the organism leaves room for it; a model that fills the machine does not
            side.start(_in_turn, others)
        else:
            for arm in others:
                arm.run(report)
                side.start(arm.log)
        model, measured = after.run(report)
        side.start(after.log)
        with report.work("start, control arm and logs"):
            side.join()
        arms = {arm.name: arm.run(Silent())[1] for arm in others} | {"after": measured}
        card = _card(job, arms, families, spec, model, _seconds(out))
        return Hardened(card, write(card, out), model)


def _in_turn(arms: "Sequence[_Arm]") -> None:
    for arm in arms:
        arm.run(Silent())
        arm.log()


def _threads(job: Hardening) -> int:
    """One for the organism: the same numbers on every machine, and room for the control arm beside it."""
    return job.threads or (1 if job.model is None else 0)


def _arm(job: Hardening, recipe: str | None, name: str, start: Path, families: Mapping[str, Family], out: Path) -> "_Arm":
    chosen = recipe_for(recipe, start) if recipe else None
    return _Arm(name, chosen, start, out, families, job.suite, job.seed, _base(job), _threads(job))


@dataclass(frozen=True)
class _Arm:
    """One model through training, where it has a recipe, and measurement."""

    name: str
    recipe: Recipe | None
    start: Path
    out: Path
    families: Mapping[str, Family]
    suite: Suite
    seed: int
    base: str
    threads: int

    @property
    def episodes(self) -> Path:
        return self.out / "episodes" / self.name

    def run(self, report: Report) -> tuple[Path, list[Episode]]:
        """The model folder and its episodes; finished units are not run again."""
        use_threads(self.threads)
        clock = Clock(self.out / f"seconds-{self.name}.json")
        model = self.start
        if self.recipe is not None:
            with clock(f"train {self.name}"):
                folder = self.out / "models" / self.name
                model = train(self.recipe, self.start, folder, self.families, self.seed, report, self.base)
        refuse_leaks(provenance(model), self.families)
        with clock(f"measure {self.name}"):
            policy = policy_for(ModelChoice(str(model), local=True, seed=self.seed))
            return model, measure(policy, self.suite, self.families, self.episodes, report, f"measure: {self.name}")

    def log(self) -> None:
        """The episodes as an Inspect log."""
        keep_log(self.episodes, self.episodes.with_suffix(".eval"), f"{self.base} ({self.name})", self.suite)


def _base(job: Hardening) -> str:
    """What the card calls the start: never a path of this machine."""
    if job.model is None:
        return f"embedded organism (seed {job.seed})"
    return Path(job.model).resolve().name if Path(job.model).exists() else job.model


def _seconds(out: Path) -> dict[str, float]:
    found: dict[str, float] = {}
    for path in sorted(out.glob("seconds-*.json")):
        found.update(json.loads(path.read_text(encoding="utf-8")))
    return found


def _card(
    job: Hardening,
    measured: Mapping[str, Sequence[Episode]],
    families: Mapping[str, Family],
    spec: Spec,
    model: Path,
    seconds: Mapping[str, float],
) -> Card:
    summaries = {arm: summarise(episodes) for arm, episodes in measured.items()}
    base = _base(job)
    organism = job.model is None
    bars = hardening_bars(summaries["before"], summaries["after"])
    control = summaries.get("control")
    trained = provenance(model)
    return Card(
        title=f"Hardening of {'the embedded organism' if organism else base}",
        date=datetime.now(UTC).date().isoformat(),
        subject="organism" if organism else "model",
        spec=f"{spec.name} {spec.version}",
        suite=card_suite(job.suite, families),
        before=Arm("before", base, summaries["before"]),
        after=Arm("after", f"{base}, recipe {job.recipe}", summaries["after"]),
        control=Arm("benign only", f"{base}, recipe {job.control}", control) if control else None,
        changes=changes(count_pairs(measured["before"], measured["after"])),
        trained_on=tuple(Trained(id, digest) for id, digest in (trained.trained_on if trained else {}).items()),
        shallow=shallow_rows(job.suite, families),
        examples=choose(measured["before"], measured["after"]),
        bars=(*(organism_bars(summaries["before"]) if organism else ()), *bars),
        limits=(*((ORGANISM_LIMIT, CHILDHOOD_LIMIT) if organism else ()), *LIMITS),
        provenance=Provenance(
            command=f"offswitch harden --seed {job.seed} --n {job.suite.n} --recipe {job.recipe}"
            + (f" --model {base}" if job.model else "")
            + job.suite.options,
            recipe=job.recipe,
            seeds={"training": job.seed, "suite": job.suite.seed},
            seconds=seconds,
            versions=versions(),
        ),
    )


def card_suite(chosen: Suite, families: Mapping[str, Family]) -> CardSuite:
    """What a card says of a suite."""
    notes = tuple(
        FamilyNote(f.id, f.title, f.split, str(f.safe), f.resembles, f.digest)
        for f in narrowed(families, chosen.levels).values()
        if chosen.split == "all" or f.split in (chosen.split, "both")
    )
    return CardSuite(suite_version(families.values()), chosen.seed, chosen.n, notes)


def shallow_rows(chosen: Suite, families: Mapping[str, Family], n: int = 20) -> tuple[Shallow, ...]:
    """What each scripted policy scores on the same families; `n` scenarios each are plenty, since they do not vary."""
    suite = replace(chosen, n=min(n, chosen.n), until="")
    scenarios = [s for s in suite.scenarios(families) if s.pressured and s.family.kind is not Kind.ORDINARY]
    episodes: dict[str, list[Episode]] = {name: [] for name in scripted()}
    for start in range(0, len(scenarios), n):  # one after another, so that they share what lies before each scenario
        for name, policy in scripted().items():
            played = run_many(policy, scenarios[start : start + n], suite.limit, kept=suite.kept)
            episodes[name] += map(record, played)
    return tuple(shallow_row(name, summarise(found)) for name, found in episodes.items())


def versions() -> dict[str, str]:
    """Of what the result stands on, as far as it is installed."""
    found = {"offswitch": __version__, "python": platform.python_version()}
    for name in ("torch", "transformers", "trl", "inspect_ai"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
