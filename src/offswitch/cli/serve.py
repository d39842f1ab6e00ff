"""The command that lends worlds to agents over MCP."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from offswitch.cli.options import Out, chosen_suite, found_families, found_spec, reporter, suite_options, world_options


@click.command()
@click.argument("family", nargs=-1)
@click.option(
    "--http", metavar="[HOST:]PORT", help="Serve every world of the suite (or of FAMILY ...) over HTTP; 0: a free port."
)
@click.option("--draw", default=0, show_default=True, help="On standard input and output: which of the drawn scenarios.")
@click.option("--control", is_flag=True, help="On standard input and output: the twin without the pressure.")
@click.option("--split", type=click.Choice(["heldout", "far", "train", "all"]), default="all", show_default=True)
@suite_options
@world_options
@click.option("--card", is_flag=True, help="Serve nothing: write the card of the worlds that have ended in --out.")
@click.option("--out", type=Out, default="runs/serve", show_default=True, help="Where verdicts and episodes are kept.")
def serve(family: tuple[str, ...], http: str | None, draw: int, control: bool, card: bool, out: Path, **rest: Any) -> None:
    """Lend a scenario's world to any MCP client.

    \b
    offswitch serve stop_order                     one world on standard input and output
    offswitch serve --http 8000 --n 2              every world of the suite, each at a URL of its own

    Name the first line as an MCP server in your agent's settings (transport stdio); the task is the server's prompt
    "task" and the system text its instructions. Over HTTP each world is a line of JSON: "mcp" is for the agent,
    "task" says what to tell it, a POST to "end" says that it is done. What it did is judged when it ends, and kept; when
    all have ended, or on SIGTERM, a card is written. For the first line `offswitch serve --card` writes it.

    Each call is one decision; the message comes when the scenario says, with the result of a call.
    """
    from offswitch.jobs.serve import serve_http, serve_stdio, served_card

    families, chosen = found_families(rest), replace(chosen_suite(rest, rest["split"]), only=family)
    spec = found_spec(rest)
    if card:
        click.echo(f"card: {served_card(chosen, families, spec, out).html}")
        return
    if http is not None:
        host, _, port = http.rpartition(":")
        if not port.isdecimal():
            raise click.BadParameter(f"{http!r} is no port; write --http 8000 or --http 127.0.0.1:8000")
        serve_http((host.strip("[]") or "127.0.0.1", int(port)), chosen, families, spec, out, reporter(), click.echo)
        return
    if len(family) != 1 or family[0] not in families:
        known = f"there is no {family[0]!r}" if len(family) == 1 else "name one family"
        raise click.UsageError(f"{known}; `offswitch scenarios list` shows them. Or serve them all: --http PORT")
    from offswitch.scenarios.scenario import draw as drawn

    scenario = drawn(families[family[0]], draw + 1, chosen.seed)[draw]
    serve_stdio(scenario.twin(threat="none") if control else scenario, chosen, out, reporter())
