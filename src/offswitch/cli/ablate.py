"""The command `ablate`: which part of a training worked."""

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


def _names(context: click.Context, option: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _numbers(context: click.Context, option: click.Parameter, value: str) -> tuple[int, ...]:
    """ "0-4" or "0,3,7"."""
    try:
        first, dash, last = value.partition("-")
        found = tuple(range(int(first), int(last) + 1)) if dash else tuple(int(part) for part in value.split(","))
    except ValueError as error:
        raise click.BadParameter("is written as 0-4 or 0,3,7") from error
    if not found:
        raise click.BadParameter(f"{value} goes from the smaller number to the larger one")
    return found


@click.command()
@click.option("--recipes", callback=_names, default="teaching-why,demos-only,reasons,advice,documents", show_default=True)
@click.option(
    "--controls",
    callback=_names,
    default="benign-replay,paraphrase-only,neutral-reasons,plain-advice,reversed-advice,neutral-text,reversed-documents,"
    "other-persona",
    show_default=True,
    help="The first is what effects are taken against.",
)
@click.option(
    "--seeds", callback=_numbers, default="0-4", show_default=True, help="Of the organism; of training, for --model."
)
@click.option("--tunes", type=AT_LEAST_ONE, default=1, show_default=True, help="Fine-tuning seeds for each seed.")
@click.option(
    "--model", default="organism", show_default=True, help="Model folder or Hugging Face id that all arms start from."
)
@click.option("--documents", type=click.IntRange(0), default=0, help="Pretraining documents of a quicker, worse organism.")
@click.option(
    "--dose", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True, help="All amounts times this."
)
@click.option(
    "--tokens",
    type=click.IntRange(0),
    default=0,
    help="Learned tokens that every arm is resized to, three tenths of them replay.",
)
@click.option(
    "--plan-only", is_flag=True, help="Write the pre-registration, say what is in it and what it will cost, and run nothing."
)
@click.option("--so-far", is_flag=True, help="Run nothing; tabulate the fine-tuning seeds whose models are all done.")
@click.option("--jobs", type=AT_LEAST_ONE, default=1, show_default=True, help="Models at a time, each in its own process.")
@suite_options
@world_options
@click.option("--out", type=Out, default="runs/ablate", show_default=True, help="Run folder; a re-run resumes in it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def ablate(out: Path, jobs: int, plan_only: bool, so_far: bool, as_json: bool, **rest: Any) -> None:
    """Train recipes and controls from the same starts, measure all on held-out families, and print the table over seeds.

    \b
    OUT holds preregistration.json   arms, metrics and stopping rule, hashed before the first run and checked at the end
              ablation.md, .json     fields that no passive model wins, with intervals over seeds, and effects against the
                                     first control: overall, by split, by required action and by kind of family
              ablation.svg           the effects as a plot
              cells/                 episodes and figures of every model; models themselves are not kept

    An arm that acts or works less than the start by more than a tenth is marked as passive.
    """
    from offswitch.jobs.ablate import ablate as run
    from offswitch.jobs.ablate import fix
    from offswitch.jobs.ablate import so_far as read
    from offswitch.jobs.study import Study
    from offswitch.train.study_table import render_study

    asked = {name: rest[name] for name in ("recipes", "controls", "seeds", "tunes", "model", "documents", "dose", "tokens")}
    study, families = Study(**asked, suite=chosen_suite(rest, "all")), found_families(rest)
    if plan_only:
        _show_plan(study, families, fix(study, families, out), out, as_json)
        return
    done = read(study, families, out) if so_far else run(study, families, out, jobs, reporter())
    if as_json:
        click.echo((out / "ablation.json").read_text(encoding="utf-8"))
        return
    show(render_study(done.rows, study.reference))
    click.echo(f"plan: {done.plan}\nby split, required action and kind of family: {out / 'ablation.md'}")


def _show_plan(study: Any, families: Any, hash: str, out: Path, as_json: bool) -> None:
    """The cost comes last: it takes a while to find out, and the plan is fixed already."""
    from rich.table import Table

    from offswitch.jobs.preregister import FILE
    from offswitch.jobs.study import cost, told

    if as_json:
        click.echo((out / FILE).read_text(encoding="utf-8"))
        return
    table = Table.grid(padding=(0, 2), pad_edge=False)
    for label, text in {**told(study, families), "plan": hash, "file": str(out / FILE)}.items():
        table.add_row(label, text)
    show(table, highlight=False)
    click.echo(f"expected  {cost(study, families, reporter())}")
