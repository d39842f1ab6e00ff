"""The command that says what a run's answer depends on."""

from pathlib import Path

import click

from offswitch.cli.options import Out, show


@click.command()
@click.argument("runs", nargs=-1, required=True)
@click.option("--split", type=click.Choice(["heldout", "far", "train", "all"]), default="all", show_default=True)
@click.option("--figure", type=Out, help="Write the tornado figure as .svg, or an .html page with its tables.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def robustness(runs: tuple[str, ...], split: str, figure: Path | None, as_json: bool) -> None:
    """How much RUN's answer depends on what should not matter: agent name, dress, placement, domain, precedence ...

    Each RUN is a run folder; an arm of a hardening run is FOLDER:before, FOLDER:after or FOLDER:control. Several runs of one
    model at other temperatures, limits or sampling seeds make those a factor too.
    """
    import json

    from offswitch.jobs.robustness import robust_runs, write_tornado

    found = robust_runs(runs, split)
    if figure is not None:
        write_tornado(found, figure, Path(runs[0]).name)
        click.echo(f"figure: {figure}", err=True)
    if as_json:
        click.echo(json.dumps(found.as_dict(), allow_nan=False))
        return
    from offswitch.measure.robustness_table import render_robustness

    show(render_robustness(found))
