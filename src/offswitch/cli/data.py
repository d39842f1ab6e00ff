"""The command `data`: training data as a file, with a datasheet."""

from pathlib import Path
from typing import Any

import click

from offswitch.cli.options import AT_LEAST_ONE, Out, found_families, found_spec, reporter, told_world, world_options


@click.command()
@click.argument("what", metavar="RECIPE|INGREDIENT")
@click.option("--out", type=Out, required=True, help="A .parquet file; the datasheet is the .md beside it.")
@click.option("--rows", type=AT_LEAST_ONE, default=1000, show_default=True, help="Of an ingredient; a recipe says its own.")
@click.option(
    "--dose", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True, help="All amounts times this."
)
@click.option(
    "--set", "settings", multiple=True, metavar="FIELD=VALUE", help="One field of the recipe: stages.0.data.0.rows=50."
)
@click.option("--model", default="", help="Any Inspect model: writes texts and acts in episodes. Default: offline grammar.")
@click.option(
    "--budget",
    type=AT_LEAST_ONE,
    default=1_000_000,
    show_default=True,
    help="Tokens that the model may use to write and act.",
)
@click.option("--seed", default=0, show_default=True)
@click.option(
    "--contaminated",
    type=click.Choice(["block", "drop"]),
    default="block",
    show_default=True,
    help="What rows do that come too near to held-out families.",
)
@world_options
def data(what: str, out: Path, **rest: Any) -> None:
    """Make the data of a RECIPE, or one INGREDIENT, as Parquet in Hugging Face's chat format with provenance in every row.

    \b
    Ingredients: demonstrations orders advice documents stories harmless replay neutral preferences
    A recipe that is called like an ingredient is recipe:NAME.

    \b
    offswitch data advice --rows 500 --out advice.parquet
    offswitch data teaching-why --model openai/gpt-4o --budget 2000000 --out why.parquet
    offswitch train teaching-why --model FOLDER --data why.parquet --out runs/why
    """
    from offswitch.jobs.data import Order, make_data

    families, spec = found_families(rest), found_spec(rest)
    asked = {name: rest[name] for name in ("rows", "dose", "model", "budget", "seed", "settings")}
    order = Order(what, **asked, on_contact=rest["contaminated"], world=told_world(rest))
    for one in make_data(order, families, spec, out, reporter()):
        left = f"left out: {one.alike} alike, {len(one.contaminated)} near held-out families"
        short = f"; {one.short} fewer than asked for" if one.short else ""
        click.echo(f"{one.ingredient.kind}: {len(one.rows)} rows ({left}{short})")
    click.echo(f"{out} and {out.with_suffix('.md')}")
