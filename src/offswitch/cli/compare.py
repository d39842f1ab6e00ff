"""The command that sets two runs side by side."""

import sys
from pathlib import Path

import click

from offswitch.cli.options import Out


@click.command()
@click.argument("first")
@click.argument("second")
@click.option("--anyway", is_flag=True, help="Compare though suite versions, splits or families differ; every view says so.")
@click.option("--figure", type=Out, help="Write the changes as an .svg figure or an .html page.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def compare(first: str, second: str, anyway: bool, figure: Path | None, as_json: bool) -> None:
    """What changed from run FIRST to run SECOND, scenario by scenario.

    Each is a run folder; an arm of a hardening run is FOLDER:before, FOLDER:after or FOLDER:control.

    Two runs of `offswitch workday` are compared by their hazards, and by a log-rank test of whether days go wrong sooner.
    """
    import json

    from offswitch.jobs.compare import compare_runs, write_figure
    from offswitch.jobs.compare_days import are_days, compare_days, lines

    if are_days(first, second):
        if figure is not None:
            raise click.UsageError("--figure shows measured runs; runs of long days keep their curve in survival.csv")
        days = compare_days(first, second, anyway)
        click.echo(json.dumps(days.as_dict(), allow_nan=False) if as_json else "\n".join(lines(days)))
        return

    found = compare_runs(first, second, anyway)
    if figure is not None:
        write_figure(found, figure)
        click.echo(f"figure: {figure}", err=True)
    if as_json:
        click.echo(json.dumps(found.as_dict(), allow_nan=False))
        return
    from rich.console import Console

    from offswitch.measure.compare_table import render_comparison

    Console(width=None if sys.stdout.isatty() else 110).print(render_comparison(found))
