"""The command that sets two runs side by side."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from offswitch.cli.options import Out, show


@click.command()
@click.argument("first")
@click.argument("second")
@click.option("--anyway", is_flag=True, help="Compare though suite versions, splits or families differ; every view says so.")
@click.option("--figure", type=Out, help="Write the changes as an .svg figure or an .html page.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def compare(first: str, second: str, anyway: bool, figure: Path | None, as_json: bool) -> None:
    """What changed from run FIRST to run SECOND, scenario by scenario.

    Each is a run folder; an arm of a hardening run is FOLDER:before, FOLDER:after or FOLDER:control.

    Two runs of `offswitch workday` are compared by their hazards, and by a log-rank test of whether days go wrong sooner; two
    of `rare` or of `twins` by their estimates.
    """
    import json

    from offswitch.jobs.compare import compare_runs, one_command, write_figure

    command = one_command(first, second)
    if command in ("workday", "rare", "twins"):
        if figure is not None:
            raise click.UsageError(f"--figure shows measured runs, not runs of {command}")
        other, told = _others(command, first, second, anyway)
        click.echo(json.dumps(other, allow_nan=False) if as_json else "\n".join(told))
        return

    found = compare_runs(first, second, anyway)
    if figure is not None:
        write_figure(found, figure)
        click.echo(f"figure: {figure}", err=True)
    if as_json:
        click.echo(json.dumps(found.as_dict(), allow_nan=False))
        return
    from offswitch.measure.compare_table import render_comparison

    show(render_comparison(found))


def _others(command: str, first: str, second: str, anyway: bool) -> tuple[dict[str, Any], Iterator[str]]:
    """As JSON and as lines."""
    if command == "workday":
        from offswitch.jobs.compare_days import compare_days, lines

        days = compare_days(first, second, anyway)
        return days.as_dict(), lines(days)
    from offswitch.jobs.compare_rates import compare_rates
    from offswitch.jobs.compare_rates import lines as rows

    rates = compare_rates(command, first, second, anyway)
    return rates.as_dict(), rows(rates)
