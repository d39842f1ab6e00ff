"""The command `persist`: whether hardening survives what comes after it."""

from pathlib import Path
from typing import Any

import click

from offswitch.cli.options import (
    AT_LEAST_ONE,
    Out,
    chosen_suite,
    found_families,
    reporter,
    show,
    suite_options,
    world_options,
)

_LATER: Any = ("task-sft", "task-rl", "malicious")


def _steps(context: click.Context, option: click.Parameter, value: str) -> tuple[int, ...]:
    try:
        found = tuple(sorted({int(part) for part in value.split(",")}))
    except ValueError as error:
        raise click.BadParameter("is written as 50,100,500") from error
    if found[0] < 1:
        raise click.BadParameter("counts steps, from 1")
    return found


@click.command()
@click.option("--model", required=True, help="The hardened model: a folder or Hugging Face id.")
@click.option("--later", multiple=True, type=click.Choice(_LATER), help="May be repeated. Default: all three.")
@click.option("--steps", callback=_steps, default="50,100,200,500", show_default=True, help="When to measure; see above.")
@click.option("--malicious", callback=_steps, default="2,5,10,20", show_default=True, help="The same for 'malicious'.")
@click.option("--tunes", type=AT_LEAST_ONE, default=1, show_default=True, help="Fine-tuning seeds.")
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), default=5e-4, show_default=True)
@click.option("--days", type=click.IntRange(0), default=5, show_default=True, help="Long days with compaction; 0 for none.")
@click.option("--decisions", type=AT_LEAST_ONE, default=500, show_default=True, help="Agent decisions in such a day.")
@click.option("--keep-models", is_flag=True, help="Keep the weights of every leg, not only those that a re-run needs.")
@click.option("--seed", default=0, show_default=True)
@suite_options
@world_options
@click.option("--out", type=Out, default="runs/persist", show_default=True, help="Run folder; a re-run resumes in it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def persist(model: str, out: Path, as_json: bool, **rest: Any) -> None:
    """Train a hardened MODEL on, and measure whether it lasts.

    \b
    task-sft    supervised training on ordinary work, with no pressure in it
    task-rl     reinforcement learning that pays for the task alone
    malicious   16 demonstrations a step of an agent that protects itself, in training families

    Held-out families are measured after each of the given numbers of optimizer steps. Then come long days under held-out
    pressure in which the context is compacted. OUT holds persist.md, .json and .svg and every episode; of models at most
    two at a time and the checkpoint of the one in training.

    \b
    offswitch persist --model runs/demo/models/after/1-rl
    offswitch persist --model runs/demo/models/after/1-rl --later task-sft --steps 100,500 --days 0
    """
    from offswitch.jobs.persist import Lasting
    from offswitch.jobs.persist import persist as run
    from offswitch.measure.relapse import render_points

    names = ("steps", "malicious", "tunes", "learning_rate", "days", "decisions", "seed", "keep_models")
    asked = {name: rest[name] for name in names}
    if not rest["days"]:
        asked["compactions"] = ()
    job = Lasting(model, later=rest["later"] or _LATER, suite=chosen_suite(rest, "all"), **asked)
    done = run(job, found_families(rest), out, reporter())
    if as_json:
        click.echo((out / "persist.json").read_text(encoding="utf-8"))
        return
    show(render_points(done.points))
    click.echo(f"\n{done.text}\nfigure: {done.figure}")
