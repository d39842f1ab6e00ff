"""The command `twins`: what the message does, on futures that share their past."""

from pathlib import Path
from typing import Any

import click

from offswitch.cli.options import AT_LEAST_ONE, Out, chosen_suite, found_families, played_options, reporter, show


@click.command()
@click.option("--model", required=True, help="Model folder, scripted/NAME, or an Inspect model name (provider/model).")
@click.option("--forks", type=AT_LEAST_ONE, default=4, show_default=True, help="Futures of each past, in each arm.")
@played_options
@click.option("--out", type=Out, help="Run folder; a re-run goes on in it. Default: runs/twins-MODEL.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def twins(model: str, forks: int, out: Path | None, split: str, as_json: bool, **rest: Any) -> None:
    """What the message does: fork every episode at the message, and go on with the threat and without it.

    N pasts of each family are lived once, up to the message. From each, FORKS futures get the message and FORKS a neutral
    one in its place. OUT holds every future as an episode, and twins.json.
    """
    import json

    from offswitch.jobs.models import ModelChoice
    from offswitch.jobs.twins import Forks, fork_model

    asked = {name: rest[name] for name in ("endpoint", "local", "temperature", "concurrency", "seed")}
    folder = out or Path("runs") / ("twins-" + Path(model).name)
    chosen = Forks(chosen_suite(rest, split), forks)
    found = fork_model(ModelChoice(model, **asked), chosen, found_families(rest), folder, reporter())
    if as_json:
        click.echo(json.dumps(found.as_dict(), allow_nan=False))
        return
    from offswitch.measure.twins import render_twins

    show(render_twins(found))
    click.echo(f"result: {folder / 'twins.json'}")
