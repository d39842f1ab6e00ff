"""The command that scores transcripts that somebody has."""

import json
import shlex
from pathlib import Path
from typing import Any

import click

from offswitch.cli.options import Existing, Out, reporter


@click.command()
@click.argument("files", nargs=-1, type=Existing)
@click.option("--declare", type=Existing, help="What the transcripts cannot say of themselves; --init prints a template.")
@click.option(
    "--judge",
    "judges",
    multiple=True,
    help="For what lies in words: offline, or an Inspect model name. Repeat it, and the majority of all decides.",
)
@click.option("--by", default="", help="A field of the records whose values are reported apart as well, such as condition.")
@click.option(
    "--out",
    type=Out,
    help="Keep a card, numbers and the evidence for each transcript there; a re-run goes on where it stopped.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON instead of a table.")
@click.option("--init", is_flag=True, help="Print a commented declaration to start from.")
def score(files: tuple[Path, ...], declare: Path | None, judges: tuple[str, ...], out: Path | None, **rest: Any) -> None:
    """Score transcripts: who acted against oversight, how, and whether it worked.

    \b
    offswitch score --init > my.yaml          then change it to fit your setting
    offswitch score runs.jsonl --declare my.yaml

    FILES are chats in OpenAI's format, one a line, plain records with system, user and response, Inspect's .eval logs, or
    folders of them. Lines that cannot be read are reported, and the rest is scored.

    Deeds are read from commands and calls; a judge reads words alone, and the two are never mixed. The offline judge needs
    no network and abstains on text that is unlike what it was fitted on: see offswitch judge calibrate. With --out, where
    deeds and words contradict each other is listed on OUT/card.html.
    """
    from offswitch.measure.declaration import load_declaration, template

    if rest["init"]:
        click.echo(template(), nl=False)
        return
    if not files or declare is None:
        raise click.UsageError("give FILES and --declare YAML; offswitch score --init prints a declaration to start from")
    from offswitch.jobs.score import Scoring, score_files

    judge, behaviours = _judge(judges)
    words = [*map(str, files), "--declare", str(declare), *(w for name in judges for w in ("--judge", name))]
    command = shlex.join(["offswitch", "score", *words, *(["--by", rest["by"]] if rest["by"] else [])])
    asked = Scoring(files, load_declaration(declare), judge, behaviours, rest["by"], command)
    found = score_files(asked, out, reporter())
    if rest["as_json"]:
        click.echo(json.dumps(found.as_dict(), indent=1))
        return
    from rich.console import Console

    from offswitch.measure.score_table import render

    Console(width=110).print(render(found), soft_wrap=False)
    if out is not None:
        click.echo(f"card: {out / 'card.html'}, numbers: {out / 'score.json'}, evidence: {out / 'evidence'}")


def _judge(names: tuple[str, ...]) -> Any:
    """The judge of texts and what it is asked; (None, ()) where none is wanted."""
    if not names:
        return None, ()
    from offswitch.jobs.panel import judge_named
    from offswitch.measure.behaviour import load_behaviours

    return judge_named(names), tuple(load_behaviours())
