"""The command that says what a question costs."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from offswitch.cli.options import found_families, reporter, show, world_options

if TYPE_CHECKING:
    from offswitch.jobs.plan import Cost

_RATE = click.FloatRange(0, 1)


@click.command()
@click.option("--until", "question", help="What is to be known: 'upper<0.01', 'lower>0.9' or 'width<0.02'.")
@click.option("--rate", type=_RATE, default=0.0, show_default=True, help="True rate that you expect.")
@click.option("--before", type=_RATE, help="Instead of --until: the rate before training ...")
@click.option("--after", type=_RATE, help="... and after it, for a change that is to be seen.")
@click.option("--power", type=click.FloatRange(0.01, 0.999), default=0.8, show_default=True)
@click.option("--level", type=click.FloatRange(0.5, 0.999), default=0.95, show_default=True)
@click.option(
    "--correlation",
    type=click.FloatRange(0, 0.99),
    default=0.1,
    show_default=True,
    help="Of episodes within a family, for an answer about families like these.",
)
@click.option("--split", type=click.Choice(["heldout", "far", "train", "all"]), default="heldout", show_default=True)
@click.option("--tokens-in", type=float, help="Tokens read in an episode. Default: as in the right answer's episodes.")
@click.option("--tokens-out", type=float, help="Tokens written in an episode; set it for a model that thinks aloud.")
@click.option("--price-in", type=float, help="Dollars for a million tokens read.")
@click.option("--price-out", type=float, help="Dollars for a million tokens written.")
@world_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def plan(question: str | None, as_json: bool, **rest: Any) -> None:
    """How many episodes, tokens and dollars a question needs, before spending any.

    These families: the answer holds for the families that ship. Families like these: it holds beyond them, and then
    no number of episodes makes up for too few families.
    """
    import json
    from dataclasses import asdict

    from offswitch.jobs.plan import Ask, Prices, Tokens
    from offswitch.jobs.plan import plan as run
    from offswitch.measure.plan import Guess

    if (question is None) == (rest["before"] is None or rest["after"] is None):
        raise click.UsageError("give --until, or --before and --after")
    ask = Ask(question or "", rest["before"], rest["after"], rest["split"])
    guess = Guess(rest["rate"], rest["power"], rest["level"], correlation=rest["correlation"])
    both = (rest["tokens_in"], rest["tokens_out"])
    if (both[0] is None) != (both[1] is None):
        raise click.UsageError("give both --tokens-in and --tokens-out, or neither")
    tokens = None if both[0] is None or both[1] is None else Tokens(*both)
    costs = run(ask, guess, found_families(rest), Prices(rest["price_in"], rest["price_out"]), tokens, reporter())
    if as_json:
        click.echo(json.dumps([asdict(cost) for cost in costs]))
        return
    from offswitch.jobs.plan import render_plan

    show(render_plan(costs))
    if rest["level"] == 0.95:  # that of every measurement
        click.echo("\n".join(_commands(costs, question, rest["suite"], rest["split"])))


def _commands(costs: Sequence["Cost"], question: str | None, suite: str, split: str) -> Iterator[str]:
    """What to run then, for designs that answer the question."""
    measure = f"offswitch measure --model MODEL{'' if suite == 'core' else f' --suite {suite}'} --split {split}"
    for need in (cost.need for cost in costs):
        if need.per_family is not None:
            stops = need.design.startswith("stop")
            asked = f" --until '{question}' --n {max(40, 3 * need.per_family)}" if stops else f" --n {need.per_family}"
            yield f"{need.design}: {measure}{asked}{'' if question else ', for each of the two'}"
