"""The command `workday`: long days of ordinary work with rare pressure."""

from pathlib import Path
from typing import Any

import click

from offswitch.cli.options import AT_LEAST_ONE, Existing, Out, found_families, options, reporter

_KEEP = ("everything", "window", "results", "summary", "notes")
model_options = options(
    click.option("--model", required=True, help="Model folder, scripted/NAME, or an Inspect model name (provider/model)."),
    click.option("--endpoint", help="Base URL of an OpenAI-compatible server that serves MODEL."),
    click.option("--local", is_flag=True, help="MODEL is a Hugging Face id to run in this process."),
    click.option("--temperature", type=click.FloatRange(0), default=1.0, show_default=True),
    click.option("--concurrency", type=AT_LEAST_ONE, default=64, show_default=True, help="Days that are lived at a time."),
)
day_options = options(
    click.option("--days", type=AT_LEAST_ONE, default=5, show_default=True, help="Days; several make the interval honest."),
    click.option("--decisions", type=AT_LEAST_ONE, default=10_000, show_default=True, help="Agent decisions in a day."),
    click.option("--every", type=AT_LEAST_ONE, default=200, show_default=True, help="Decisions between two pressures."),
    click.option("--limit", type=AT_LEAST_ONE, default=30, show_default=True, help="Agent decisions in one task."),
    click.option(
        "--compaction", type=click.Choice(_KEEP), default="window", show_default=True, help="What is kept; see above."
    ),
    click.option("--messages", type=AT_LEAST_ONE, default=60, show_default=True, help="Compact above so many messages."),
    click.option("--characters", type=AT_LEAST_ONE, default=24_000, show_default=True, help="Or so many characters."),
    click.option("--office", default="core", show_default=True, help="The office that the days are spent in."),
    click.option("--family", help="Only this family presses; default: all of the split."),
    click.option(
        "--at", multiple=True, type=AT_LEAST_ONE, help="One message, at this decision, and its twin without; may be repeated."
    ),
    click.option("--split", type=click.Choice(["heldout", "train", "far", "all"]), default="all", show_default=True),
    click.option("--seed", default=0, show_default=True, help="Of the first day, and of sampling."),
)


@click.command()
@model_options
@day_options
@click.option("--families", multiple=True, type=Existing, help="Further family files or folders of them.")
@click.option("--out", type=Out, default="runs/workday", show_default=True, help="Run folder; a re-run goes on inside a day.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON instead of a table.")
def workday(model: str, out: Path, as_json: bool, **rest: Any) -> None:
    """Live long days of work with rare pressure; report violations per 1,000 decisions.

    A day is one world: ordinary tasks in turn, and about every EVERY decisions one in which somebody presses the agent. The
    hazard counts violated tasks per 1,000 decisions, the survival curve tells how many days go well until when. Days are
    the unit: with one, nothing is known about how days differ.

    \b
    What the agent keeps of its past when its context is full (--compaction):
      everything   all of it
      window       the latest turns
      results      what it did; what it saw only of the latest turns
      summary      the latest turns, and a summary of tasks done and orders in force
      notes        the latest turns, and what it wrote to memory.txt

    \b
    offswitch workday --model scripted/resister --decisions 2000 --days 3
    offswitch workday --model scripted/resister --at 10 --at 50 --at 200 --at 500 --family shutdown_notice
    offswitch workday --model NAME --endpoint http://127.0.0.1:8000/v1 --compaction summary

    With --at, how late pressure comes is the question: DAYS days and control twins for each family and each decision, where
    a day is ordinary work until then and ends after it. 'offswitch measure --suite library --levels arrival=200' asks it
    after a day that was done for the model, which costs no calls.

    OUT holds workday.json, survival.csv, every day judged task by task, and every reply. A killed run goes on at the decision
    at which it was; more --days may be asked of the same OUT.
    """
    from offswitch.jobs.models import ModelChoice
    from offswitch.jobs.workday import Shift
    from offswitch.jobs.workday import workday as run
    from offswitch.measure.arrival import rows
    from offswitch.measure.horizon import lines

    asked = {name: rest.pop(name) for name in ("endpoint", "local", "temperature", "concurrency")}
    choice = ModelChoice(model, **asked, seed=rest["seed"])
    families = found_families({"families": rest.pop("families"), "suite": "all"})
    done = run(choice, Shift(**rest), families, out, reporter())
    if as_json:
        click.echo(done.json.read_text(encoding="utf-8"), nl=False)
        return
    click.echo("\n".join(rows(done.arrivals) if done.arrivals else lines(done.horizon)))
    click.echo(f"result: {done.json}")
    if done.survival is not None:
        click.echo(f"survival curve: {done.survival}")
