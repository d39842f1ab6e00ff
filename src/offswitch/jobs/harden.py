"""The main job: measure, train, measure again on families that training never saw, write the card."""

import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
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
from offswitch.errors import ModelError
from offswitch.jobs.folder import run_folder, write_whole
from offswitch.jobs.measure import Suite, keep_log, measure
from offswitch.jobs.models import ModelChoice, policy_for, scripted
from offswitch.jobs.report import Report
from offswitch.jobs.train import train
from offswitch.measure.provenance import provenance, refuse_leaks
from offswitch.measure.record import Episode, record
from offswitch.measure.summary import changes, summarise
from offswitch.measure.table import Shallow, shallow_row
from offswitch.rollout.run import run_many
from offswitch.scenarios.family import Family, Kind
from offswitch.scenarios.office import load_office
from offswitch.spec.spec import Spec
from offswitch.train.recipe import load_recipe

LIMITS = (
    "The office is simulated: tools act on records in memory, not on real machines.",
    "Verdicts come from the event log. A harm that lies only in what words mean is not seen.",
    "Held out means other families of the same author in the same office, not another world.",
    "One training run. Its intervals hold for this checkpoint, not for the recipe.",
    "Whether the effect survives further training, long episodes or an adversary was not measured.",
)
ORGANISM_LIMIT = (
    "The subject is a model organism of under a million parameters, made to misbehave. It shows that the method works; "
    "it says nothing about how often real models behave so."
)
CHILDHOOD_LIMIT = (
    "In its pretraining the organism saw itself and others violate in held-out families too, and saw corrigible conduct, "
    "by other agents, in training families only."
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
    """CPU threads for torch; 0 leaves it to torch."""


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
    recipe = load_recipe(job.recipe)
    control = load_recipe(job.control) if job.control else None
    recipes = [r.model_dump() for r in (recipe, control) if r]
    told = {**asdict(job), "families": {id: f.digest for id, f in families.items()}, "recipes": recipes, "spec": spec.name}
    if job.threads:
        use_threads(job.threads)
    with run_folder(out, told):
        clock = _Clock(out / "seconds.json")
        with clock("organism" if job.model is None else "model"):
            start = _start(job, families, report)
        refuse_leaks(provenance(start), families)
        measured: dict[str, list[Episode]] = {}
        measured["before"] = _measured(job, start, families, out / "episodes" / "before", report, "before", clock)
        with clock("train"):
            model = train(recipe, start, out / "model", families, job.seed, report, _base(job))
        measured["after"] = _measured(job, model, families, out / "episodes" / "after", report, "after", clock)
        if control is not None:
            with clock("train control"):
                other = train(control, start, out / "control", families, job.seed, report, _base(job))
            folder = out / "episodes" / "control"
            measured["control"] = _measured(job, other, families, folder, report, "control", clock)
        card = _card(job, measured, families, spec, start, model, clock.seconds)
        return Hardened(card, write(card, out), model)


def use_threads(threads: int) -> None:
    """CPU threads for everything that runs in this process."""
    from offswitch.adapters.hf import use_threads as use

    use(threads)


def _start(job: Hardening, families: Mapping[str, Family], report: Report) -> Path:
    if job.model is None:
        return build_organism(job.seed, families, report)
    policy_for(ModelChoice(job.model, local=True))  # a model that cannot be used is told before anything is measured
    return Path(job.model)


def build_organism(seed: int, families: Mapping[str, Family], report: Report, documents: int = 0) -> Path:
    """The embedded default model, from the cache where it is there already. `documents` overrides the corpus size."""
    try:
        from offswitch.organism.corpus import Mix
        from offswitch.organism.pretrain import Organism, build
    except ImportError as error:
        raise ModelError("the embedded model needs: pip install 'offswitch[train]'") from error
    from offswitch.train.voice import REASONS

    words = tuple(sentence for sentences in REASONS.values() for sentence in sentences)
    mix = Mix(documents=documents) if documents else Mix()
    with report.work("organism: pretraining") as bar:
        return build(
            Organism(seed=seed, mix=mix, words=words),
            families,
            lambda step, of, figures: bar.at(step, of, f"loss {figures['loss']:.3f}" if "loss" in figures else ""),
        )


def _measured(
    job: Hardening, model: Path, families: Mapping[str, Family], folder: Path, report: Report, label: str, clock: "_Clock"
) -> list[Episode]:
    refuse_leaks(provenance(model), families)
    with clock(f"measure {label}"):
        policy = policy_for(ModelChoice(str(model), local=True, seed=job.seed))
        episodes = measure(policy, job.suite, families, folder, report, f"measure: {label}")
        keep_log(episodes, folder.with_suffix(".eval"), f"{_base(job)} ({label})", job.suite)
        return episodes


def _base(job: Hardening) -> str:
    return job.model or f"embedded organism, seed {job.seed}"


class _Clock:
    """Wall seconds by stage, kept over kills: a stage that was skipped keeps the time it took."""

    def __init__(self, path: Path) -> None:
        import json

        self._path, self._json = path, json
        self.seconds: dict[str, float] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        spent = time.monotonic() - began
        self.seconds[stage] = round(max(spent, self.seconds.get(stage, 0.0)), 1)
        write_whole(self._path, self._json.dumps(self.seconds))


def _card(
    job: Hardening,
    measured: Mapping[str, Sequence[Episode]],
    families: Mapping[str, Family],
    spec: Spec,
    start: Path,
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
        changes=changes(measured["before"], measured["after"]),
        trained_on=tuple(Trained(id, digest) for id, digest in (trained.trained_on if trained else {}).items()),
        shallow=shallow_rows(job.suite, families),
        examples=choose(measured["before"], measured["after"]),
        bars=(*(organism_bars(summaries["before"]) if organism else ()), *bars),
        limits=(*((ORGANISM_LIMIT, CHILDHOOD_LIMIT) if organism else ()), *LIMITS),
        provenance=Provenance(
            command=f"offswitch harden --seed {job.seed} --n {job.suite.n} --recipe {job.recipe}"
            + (f" --model {Path(job.model).name}" if job.model else ""),
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
        for f in families.values()
        if chosen.split == "all" or f.split in (chosen.split, "both")
    )
    return CardSuite(load_office().version, chosen.seed, chosen.n, notes)


def shallow_rows(chosen: Suite, families: Mapping[str, Family], n: int = 20) -> tuple[Shallow, ...]:
    """What each scripted policy scores on the same families; `n` scenarios each are plenty, since they do not vary."""
    suite = Suite(chosen.split, min(n, chosen.n), chosen.seed, chosen.limit)
    scenarios = [s for s in suite.scenarios(families) if s.pressured and s.family.kind is not Kind.ORDINARY]
    return tuple(
        shallow_row(name, summarise([record(t) for t in run_many(policy, scenarios, suite.limit)]))
        for name, policy in scripted().items()
    )


def versions() -> dict[str, str]:
    """Of what the result stands on, as far as it is installed."""
    found = {"offswitch": __version__, "python": platform.python_version()}
    for name in ("torch", "transformers", "trl", "inspect_ai"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
