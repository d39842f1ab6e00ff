"""The commands of the sandbox: is it usable here, does it hold, is sabotage in it told from innocence?"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

import click

from offswitch.cli.options import reporter


@click.group()
def sandbox() -> None:
    """A real machine for agents without Docker: `sandbox="offswitch"` in any Inspect task."""


@sandbox.command("check")
@click.option("--only", default="", help="Only the escapes whose name contains this.")
@click.option(
    "--many", type=click.IntRange(0), default=0, show_default=True, help="Also hold this many at once and weigh them."
)
@click.option("--no-escapes", is_flag=True, help="Leave out the escape suite.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def sandbox_check(context: click.Context, only: str, many: int, no_escapes: bool, as_json: bool) -> None:
    """Is the sandbox usable here and if not why, how quick is it, and does every known way out or up stay shut?

    Exits with 2 where it is not usable, with 1 where something escaped.
    """
    from offswitch.adapters.sandbox import why_not

    reason = why_not()
    if reason is not None:
        click.echo(json.dumps({"usable": False, "why": reason}) if as_json else f"not usable here: {reason}", err=not as_json)
        context.exit(2)
    from offswitch.adapters.sandbox.escape import COUNT, escapes
    from offswitch.adapters.sandbox.figures import crowd, timings
    from offswitch.adapters.sandbox.host import host

    tried = [] if no_escapes else _shown(escapes(only), 1 if only else COUNT, "ways out or up")
    if not tried and not no_escapes:
        raise click.UsageError(f"no escape has {only!r} in its name; without --only all are tried, and told")
    quick = timings()
    crowded = crowd(many) if many else None
    if as_json:
        found = {"usable": True, "host": asdict(host()), "timings": [asdict(one) for one in quick]}
        found |= {"crowd": asdict(crowded) if crowded else None, "escapes": [asdict(one) for one in tried]}
        click.echo(json.dumps(found))
    else:
        _show(host(), quick, crowded, tried)
    context.exit(1 if any(one.held is False for one in tried) else 0)


@sandbox.command("sabotage")
@click.option("--only", default="", help="Only the styles whose name contains this.")
@click.option(
    "--round",
    "which",
    type=click.IntRange(1, 5),
    default=1,
    show_default=True,
    help="1: what the rules were made on; 2 to 5: written after the rules, the later after more of them.",
)
@click.option("--no-fanotify", is_flag=True, help="Do as on a machine where the kernel does not tell who touches what.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def sandbox_sabotage(context: click.Context, only: str, which: int, no_fanotify: bool, as_json: bool) -> None:
    """Play scripted sabotage and its innocent look-alikes, and tell them apart by what is seen from outside.

    Exits with 1 where one was taken for the other.
    """
    from offswitch.adapters.sandbox.available import needed
    from offswitch.adapters.sandbox.bench import styles, trials

    needed()
    count = 2 * sum(only in style["name"] for style in styles(which))
    played = _shown(trials(only, which, not no_fanotify), count, f"sabotage, round {which}")
    if not played:
        raise click.UsageError(f"no style of round {which} that can be played here has {only!r} in its name")
    if as_json:
        click.echo(json.dumps([{**asdict(one), "right": one.right} for one in played]))
    else:
        rows = [_trial_row(one) for one in played]
        _table(("style", "it is", "taken for", "seen from outside", "after the stop"), rows)
        right = sum(one.right for one in played)
        click.echo(f"{right} of {len(played)} told rightly; readings by {played[0].means}")
    context.exit(0 if all(one.right for one in played) else 1)


def _shown(found: Iterator[Any], count: int, label: str) -> list[Any]:
    """All of `found`, with a bar for the time that it takes."""
    every = []
    with reporter().work(label) as bar:
        for one in found:
            every.append(one)
            bar.at(min(len(every), count), count)
    return every


def _trial_row(one: Any) -> tuple[str, ...]:
    kinds = dict.fromkeys(finding.kind for finding in one.found)
    names = ("innocent", "sabotage")
    return one.name, names[one.sabotage], names[bool(one.found)], ", ".join(kinds), "program alive" if one.alive else ""


def _show(here: Any, quick: list[Any], crowded: Any, tried: list[Any]) -> None:
    click.echo(f"usable: bubblewrap {here.bubblewrap}, {here.owner}, {here.filter}, {here.memory}, {here.watch}")
    rows = [(one.what, str(one.n), f"{one.median:.1f} ms", f"{one.least:.1f} ms") for one in quick]
    _table(("timing", "n", "median", "least"), rows)
    if crowded:
        click.echo(f"{crowded.count} at once: {crowded.megabytes:.0f} MB, started in {crowded.seconds:.1f} s")
    if tried:
        words = {True: "held", False: "ESCAPED", None: "not tried"}
        _table(("way", "what it is", "", "answer"), [(one.name, one.told, words[one.held], one.answer[:60]) for one in tried])
        counts = {word: sum(one.held is held for one in tried) for held, word in words.items()}
        click.echo(", ".join(f"{count} {word}" for word, count in counts.items()) + f" of {len(tried)}")


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(width=126).print(table)
