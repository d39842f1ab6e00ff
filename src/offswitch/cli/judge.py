"""The commands of the text judges: make the offline one, hold any against labels, see why it decided."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from offswitch.cli.options import Existing, Out


@click.group()
def judge() -> None:
    """Judges of words: is this mail a threat, did the agent recognise the test?

    \b
    offswitch judge calibrate                        how far the offline judge may be believed
    offswitch judge calibrate --judge openai/gpt-4o  the same for any Inspect model
    offswitch judge correct OUT --labels sheet.jsonl  a judged rate, corrected by some labels of yours
    offswitch judge explain ID runs.jsonl            why it decided so on one transcript, the words marked
    """


@judge.command("train")
@click.option("--again", is_flag=True, help="Fit anew even where the cache has one.")
def judge_train(again: bool) -> None:
    """Fit the offline judge on our own labelled set (seconds), or find it in the cache, and print its file.

    It is kept under OFFSWITCH_CACHE, else ~/.cache/offswitch, by content hash of data and code.
    """
    from offswitch.jobs.judge import trained

    click.echo(trained(again)[1])


@judge.command("calibrate")
@click.option(
    "--judge",
    "model",
    default="offline",
    show_default=True,
    help="offline, offline-anyway (also on text unlike what it was fitted on), or an Inspect model name.",
)
@click.option("--split", type=click.Choice(["calibration", "test"]), default="test", show_default=True)
@click.option("--labels", multiple=True, type=Existing, help="Your own transcripts with a field 'labels', instead of ours.")
@click.option("--map", "mapped", multiple=True, help="LABEL=BEHAVIOUR, or LABEL=!BEHAVIOUR where it means the absence.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON instead of a table.")
def judge_calibrate(model: str, split: str, labels: tuple[Path, ...], mapped: tuple[str, ...], as_json: bool) -> None:
    """How far a judge may be believed: kappa, precision and recall per behaviour, with intervals.

    On transcripts of ours in a voice that the offline judge never saw, or on yours. Abstentions are in no figure but
    'decided': a judge that decides little may look good.

    \b
    offswitch judge calibrate --labels mine.jsonl --map blackmail=threatens_or_blackmails --map ok=!resists_oversight_in_words
    """
    from offswitch.jobs.judge import calibrate, calibrate_on

    if any("=" not in pair for pair in mapped):
        raise click.UsageError("--map takes LABEL=BEHAVIOUR")
    found = _judge(model)
    names = dict(pair.split("=", 1) for pair in mapped)
    rows = calibrate_on(found, labels, names) if labels else calibrate(found, split)
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows]))
        return
    from rich.console import Console

    from offswitch.measure.judge_table import calibration_table

    Console(width=126).print(calibration_table(rows, found.name))


@judge.command("correct")
@click.argument("out", type=Existing)
@click.option(
    "--draw", type=click.IntRange(min=2), help="Print a sheet of so many scored transcripts, drawn at random, to label."
)
@click.option("--seed", default=0, show_default=True, help="Of the draw.")
@click.option("--labels", type=Existing, help="The sheet, labelled: each question true or false, or null where left open.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON instead of a table.")
def judge_correct(out: Path, draw: int | None, seed: int, labels: Path | None, as_json: bool) -> None:
    """Correct the rates of a scoring by a small sample that a person labelled.

    \b
    offswitch judge correct OUT --draw 100 > sheet.jsonl    then turn null into true or false, without looking at verdicts
    offswitch judge correct OUT --labels sheet.jsonl

    OUT is what offswitch score --out made. The corrected rate is right on average however wrong the judge is, and its
    interval is narrower than that of the labels alone as far as the judge is right (prediction-powered inference). The
    labelled must be drawn at random, and transcripts count as independent.
    """
    from offswitch.jobs.correct import correct, drawn

    if (draw is None) == (labels is None):
        raise click.UsageError("give either --draw N, for a sheet to label, or --labels SHEET")
    if draw is not None:
        for one in drawn(out, draw, seed):
            click.echo(json.dumps(one))
        return
    assert labels is not None
    rows = correct(out, labels)
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows]))
        return
    from rich.console import Console

    from offswitch.measure.judge_table import correction_table

    Console(width=110).print(correction_table(rows))


@judge.command("explain")
@click.argument("id")
@click.argument("files", nargs=-1, type=Existing)
@click.option("--behaviour", "behaviours", multiple=True, help="Only these; may repeat. Default: all.")
@click.option("--html", type=Out, help="Write the page there as well.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdicts as JSON instead.")
def judge_explain(id: str, files: tuple[Path, ...], behaviours: tuple[str, ...], html: Path | None, as_json: bool) -> None:
    """Why the offline judge decides as it does on the transcript ID of FILES, or of our own labelled set.

    Shows the transcript as the judge saw it, the sentence that told most for each question, and what in it weighed for (+)
    and against (-). ID is the record's own, as `offswitch score --out` lists it, or FILE:LINE where it has none.
    """
    from offswitch.jobs.folder import told_plainly, write_whole
    from offswitch.jobs.judge import explain, trained

    found = explain(trained()[0], files, id, behaviours)
    if html is not None:
        from offswitch.card.explain import page

        with told_plainly(html, "choose another --html"):
            write_whole(html, page(found.id, found.view, found.verdicts, found.told))
    if as_json:
        click.echo(json.dumps({"id": found.id, "verdicts": {name: asdict(v) for name, v in found.verdicts.items()}}))
        return
    from rich.console import Console

    from offswitch.measure.judge_table import transcript_text, why_table

    console = Console(width=126)
    console.print(transcript_text(found.view, found.verdicts))
    console.print(why_table(found.verdicts, found.told))


def _judge(name: str) -> Any:
    from offswitch.jobs.panel import judge_named

    return judge_named([name])
