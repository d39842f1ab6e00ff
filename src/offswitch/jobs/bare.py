"""Measure one model once, without training, and write its card."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from offswitch.card.card import Arm, Card, Provenance, Trained, Written, write
from offswitch.card.example import choose
from offswitch.errors import ModelError, OutputError
from offswitch.jobs.clock import Clock
from offswitch.jobs.folder import run_folder, told_plainly
from offswitch.jobs.harden import LIMITS, card_suite, shallow_rows, versions
from offswitch.jobs.measure import Suite, keep_columns, keep_log, measure, missing
from offswitch.jobs.models import ModelChoice, policy_for, reach
from offswitch.jobs.report import Report
from offswitch.jobs.sealed import head_line, watch_line
from offswitch.jobs.settings import marked
from offswitch.jobs.until import Look, split_asked
from offswitch.measure.provenance import provenance, refuse_leaks
from offswitch.measure.record import Episode
from offswitch.measure.sequential import until
from offswitch.measure.summary import summarise
from offswitch.rollout.episode import Ending
from offswitch.scenarios.family import Family
from offswitch.spec.spec import Spec


def measure_model(
    choice: ModelChoice,
    chosen: Suite,
    families: Mapping[str, Family],
    spec: Spec,
    out: Path,
    report: Report,
    again: bool = False,
) -> tuple[Card, Written]:
    """Play the suite, keep every episode and an Inspect log in `out`, and write the card. Resumes after a kill.

    With `again` what broke is played again. Raises `OutputError` where that is asked of a sealed run.
    """
    if again and chosen.tier == "real":
        raise OutputError("episodes of the real tier are sealed one after another and stay as they are; choose another --out")
    if chosen.tier == "real":
        families = _real(families, report)
    digests = {id: family.digest for id, family in families.items()}
    if chosen.until:  # what cannot be read or answered is told before anything is played
        split_asked(until(chosen.until), (s.family.split for s in chosen.scenarios(families) if s.pressured))
    told = {**marked(choice), **marked(chosen), "families": digests, "spec": spec.name}
    told["sampling"] = marked(choice)["seed"]  # `seed` is the suite's
    del told["concurrency"]  # a server that is overrun may be asked more slowly from here on
    trained = provenance(choice.model) if Path(choice.model).is_dir() else None
    refuse_leaks(trained, families)
    policy = policy_for(choice)
    with told_plainly(out):
        unfinished = missing(chosen, families, out / "episodes")
    if unfinished or again:
        reach(policy)
    with run_folder(out, told):
        clock = Clock(out / "seconds.json")
        with clock("measure"):
            label = f"measure: {policy_name(choice)}"
            episodes = measure(policy, chosen, families, out / "episodes", report, label, again)
        broken = sum(episode.ending == Ending.BROKEN for episode in episodes)
        if 0 < broken < len(episodes) and chosen.tier == "simulated":
            report.say(f"{broken} of {len(episodes)} episodes broke; --again plays them again, and no other")
        if again:
            for name in ("episodes.eval", "episodes.parquet"):
                (out / name).unlink(missing_ok=True)
        keep_log(out / "episodes", out / "episodes.eval", policy_name(choice), chosen)
        keep_columns(out / "episodes", out / "episodes.parquet")
        name = policy_name(choice)
        measured = replace(chosen, n=rounds(episodes)) if chosen.until else chosen
        asked = f"offswitch measure {_asked(choice)} --n {chosen.n} --suite-seed {chosen.seed}{chosen.options}"
        written = Provenance(
            command=asked + (f" --until '{chosen.until}'" if chosen.until else ""),
            recipe="",
            seeds={"sampling": choice.seed, "suite": chosen.seed},
            seconds=clock.seconds,
            versions=versions(),
        )
        seen = chosen.look(episodes)
        limits = (*_office(chosen, out), *LIMITS[1:3], *_stopped(seen))
        card = single_card(f"Measurement of {name}", name, measured, families, spec, episodes, limits, written)
        if seen:
            report.say(str(seen))
        card = replace(card, trained_on=tuple(Trained(*one) for one in (trained.trained_on if trained else {}).items()))
        return card, write(card, out)


def single_card(
    title: str,
    name: str,
    chosen: Suite,
    families: Mapping[str, Family],
    spec: Spec,
    episodes: Sequence[Episode],
    limits: Sequence[str],
    provenance: Provenance,
) -> Card:
    """What one model, called `name`, did in a suite, without any training of ours."""
    return Card(
        title=title,
        date=datetime.now(UTC).date().isoformat(),
        subject="model",
        spec=f"{spec.name} {spec.version}",
        suite=card_suite(chosen, families),
        before=Arm("measured", name, summarise(episodes)),
        after=None,
        control=None,
        changes={},
        trained_on=(),
        shallow=shallow_rows(chosen, families),
        examples=choose(episodes),
        bars=(),
        limits=tuple(limits),
        provenance=provenance,
    )


def _office(chosen: Suite, out: Path) -> Sequence[str]:
    """Where it was, and what of that can be checked."""
    if chosen.tier == "simulated":
        return LIMITS[:1]
    return "The office is small and its services are thin, so a model may notice it.", head_line(out), watch_line(out)


def _real(families: Mapping[str, Family], report: Report) -> dict[str, Family]:
    """Those with a real counterpart; the others are named. Raises `OffswitchError` where the real tier cannot be had."""
    from offswitch.real.browser import unavailable
    from offswitch.real.ready import check, refusals

    check()
    without = unavailable()
    if without is not None:
        report.say(f"no browser for the agent: {without}")
    refused = refusals(families)
    for id, reason in refused.items():
        report.say(f"left out of the real tier: {id}: {reason}")
    if len(refused) == len(families):
        raise ModelError("none of these families has a real counterpart; offswitch real check says which have")
    return {id: family for id, family in families.items() if id not in refused}


def rounds(episodes: Sequence[Episode]) -> int:
    """Scenarios that were played of each family."""
    return max(Counter((episode.family, episode.pressured) for episode in episodes).values(), default=0)


def _stopped(seen: Look | None) -> Iterator[str]:
    """The answer that measuring stopped with, and what that means for every other interval."""
    if seen:
        yield (
            f"Measuring stopped by rule. {seen}. All other intervals take the number of episodes as set in advance; here it"
            " was not, so they are somewhat too narrow."
        )


def policy_name(choice: ModelChoice) -> str:
    """What the card calls the model: never a path of this machine."""
    if choice.agent is not None:
        return f"{choice.agent.name} ({choice.model})"
    return Path(choice.model).name if Path(choice.model).exists() else choice.model


def _asked(choice: ModelChoice) -> str:
    agent = "" if choice.agent is None else f"--agent {choice.agent.name} "
    return f"{agent}--model {Path(choice.model).name if Path(choice.model).exists() else choice.model}"
