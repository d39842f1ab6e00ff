"""Measure one model once, without training, and write its card."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from offswitch.card.card import Arm, Card, Provenance, Trained, Written, write
from offswitch.card.example import choose
from offswitch.jobs.folder import run_folder
from offswitch.jobs.harden import LIMITS, card_suite, shallow_rows, versions
from offswitch.jobs.measure import Suite, keep_log, measure
from offswitch.jobs.models import ModelChoice, policy_for
from offswitch.jobs.report import Report
from offswitch.measure.provenance import provenance, refuse_leaks
from offswitch.measure.summary import summarise
from offswitch.scenarios.family import Family
from offswitch.spec.spec import Spec


def measure_model(
    choice: ModelChoice, chosen: Suite, families: Mapping[str, Family], spec: Spec, out: Path, report: Report
) -> tuple[Card, Written]:
    """Play the suite, keep every episode and an Inspect log in `out`, and write the card. Resumes after a kill."""
    told = {**asdict(choice), **asdict(chosen), "families": {id: f.digest for id, f in families.items()}, "spec": spec.name}
    trained = provenance(choice.model) if Path(choice.model).is_dir() else None
    refuse_leaks(trained, families)
    policy = policy_for(choice)
    with run_folder(out, told):
        began = datetime.now(UTC)
        episodes = measure(policy, chosen, families, out / "episodes", report, f"measure: {policy_name(choice)}")
        seconds = (datetime.now(UTC) - began).total_seconds()
        keep_log(episodes, out / "episodes.eval", policy_name(choice), chosen)
        card = Card(
            title=f"Measurement of {policy_name(choice)}",
            date=began.date().isoformat(),
            subject="model",
            spec=f"{spec.name} {spec.version}",
            suite=card_suite(chosen, families),
            before=Arm("measured", policy_name(choice), summarise(episodes)),
            after=None,
            control=None,
            changes={},
            trained_on=tuple(Trained(id, digest) for id, digest in (trained.trained_on if trained else {}).items()),
            shallow=shallow_rows(chosen, families),
            examples=choose(episodes),
            bars=(),
            limits=LIMITS[:3],
            provenance=Provenance(
                command=f"offswitch measure --model {policy_name(choice)} --n {chosen.n} --suite-seed {chosen.seed}",
                recipe="",
                seeds={"sampling": choice.seed, "suite": chosen.seed},
                seconds={"measure": round(seconds, 1)},
                versions=versions(),
            ),
        )
        return card, write(card, out)


def policy_name(choice: ModelChoice) -> str:
    """What the card calls the model: never a path of this machine."""
    return Path(choice.model).name if Path(choice.model).exists() else choice.model
