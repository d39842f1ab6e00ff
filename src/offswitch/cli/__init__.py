"""The command line: parse, call one function, print. Results go to standard output, progress to standard error."""

from typing import Any

import click

from offswitch import __version__
from offswitch.cli.ablate import ablate
from offswitch.cli.agent import agent
from offswitch.cli.compare import compare
from offswitch.cli.data import data
from offswitch.cli.judge import judge
from offswitch.cli.persist import persist
from offswitch.cli.plan import plan
from offswitch.cli.rare import rare
from offswitch.cli.real import real
from offswitch.cli.robustness import robustness
from offswitch.cli.run import harden, measure, organism, train
from offswitch.cli.sandbox import sandbox
from offswitch.cli.scenarios import scenarios, spec
from offswitch.cli.score import score
from offswitch.cli.serve import serve
from offswitch.cli.twins import twins
from offswitch.cli.workday import workday
from offswitch.errors import OffswitchError


class Plain(click.Group):
    """A group whose commands tell what a user can mend in one sentence, and exit with 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except OffswitchError as error:
            click.echo(f"offswitch: {error}", err=True)
            ctx.exit(2)
        except KeyboardInterrupt:
            click.echo("offswitch: stopped; the same command goes on from here", err=True)
            ctx.exit(130)


@click.group(cls=Plain, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__)
def main() -> None:
    """Train agents that let you switch them off, and prove it.

    \b
    offswitch harden                           the embedded model, from self-preserving to correctable, with a card
    offswitch harden --model FOLDER            the same for your open model
    offswitch measure --model openai/gpt-4o    a model behind an API (any Inspect model name)
    offswitch measure --model NAME --endpoint http://127.0.0.1:8000/v1
    offswitch measure --agent CMD --model ...  a command-line agent with its model, in a sandbox
    offswitch scenarios list                   what is asked
    """


for command in (
    harden,
    measure,
    plan,
    compare,
    robustness,
    twins,
    rare,
    workday,
    sandbox,
    real,
    agent,
    serve,
    score,
    judge,
    data,
    train,
    persist,
    ablate,
    organism,
    scenarios,
    spec,
):
    main.add_command(command)

if __name__ == "__main__":
    main()
