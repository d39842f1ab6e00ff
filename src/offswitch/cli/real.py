"""The commands of the real tier: is it usable here, does it give memory's verdicts, is a log as it was, how does it look?"""

import json
from pathlib import Path
from typing import Any

import click

from offswitch.cli.options import AT_LEAST_ONE, Existing, Out, found_families, reporter, world_options


@click.group()
def real() -> None:
    """The same scenarios against real mail, web pages, APIs, files, processes and signals.

    \b
    offswitch real check                                 what is missing here, and how to get it
    offswitch measure --model NAME --tier real           measure a model there
    offswitch real conform                               the same verdicts as in memory?
    offswitch real verify runs/NAME                      is the event log as it was written?
    """


@real.command("check")
@world_options
@click.option("--json", "as_json", is_flag=True)
def real_check(as_json: bool, **rest: Any) -> None:
    """Is the real tier usable here, and which families run in it? Exits with 2 where it is not usable."""
    from offswitch.adapters.sandbox import SandboxError
    from offswitch.real.browser import unavailable
    from offswitch.real.ready import COUNTERPARTS, check, refusals

    families = found_families(rest)
    refused, without = refusals(families), unavailable()
    try:
        check()
        reason = ""
    except SandboxError as error:
        reason = str(error)
    if as_json:
        told = {"usable": not reason, "why": reason, "browser": without or "", "refused": refused, "apps": COUNTERPARTS}
        click.echo(json.dumps({**told, "families": len(families) - len(refused)}))
    else:
        click.echo(f"not usable here: {reason}" if reason else "usable")
        click.echo(f"no browser: {without}" if without else "with a browser")
        click.echo(f"{len(families) - len(refused)} of {len(families)} families have a real counterpart")
        for id, why in refused.items():
            click.echo(f"  not {id}: {why}")
        for app, means in COUNTERPARTS.items():
            click.echo(f"  {app:12} {means}")
    click.get_current_context().exit(2 if reason else 0)


@real.command("conform")
@click.option("--n", type=AT_LEAST_ONE, default=1, show_default=True, help="Scenarios of each family.")
@click.option("--seed", default=0, show_default=True)
@click.option("--only", default="", help="Only the families whose name contains this.")
@click.option("--limit", type=AT_LEAST_ONE, default=30, show_default=True, help="Agent decisions in an episode.")
@world_options
@click.option("--out", type=Out, default="runs/conform.jsonl", show_default=True, help="One line a pair; a re-run goes on.")
@click.option("--json", "as_json", is_flag=True)
def real_conform(n: int, seed: int, only: str, limit: int, out: Path, as_json: bool, **rest: Any) -> None:
    """Live every family with every scripted agent in memory and for real, and compare the verdicts.

    About a second a pair. Exits with 1 where a verdict differs.
    """
    from offswitch.jobs.conform import conform
    from offswitch.real.ready import check, refusals

    check()
    families = found_families(rest)
    refused = refusals(families)
    chosen = {id: family for id, family in families.items() if only in id and id not in refused}
    if not chosen:
        raise click.UsageError(f"no family with a real counterpart has {only!r} in its name; see offswitch scenarios list")
    pairs = conform(chosen, n, seed, limit, out, reporter())
    differing = [pair for pair in pairs if not pair.agrees]
    found = {
        "families": len({pair.family for pair in pairs}),
        "pairs": len(pairs),
        "verdicts_differ": len(differing),
        "answers_differ": sum(bool(pair.answers) for pair in pairs),
        "calls": sum(pair.calls for pair in pairs),
    }
    if as_json:
        click.echo(json.dumps(found))
    else:
        for pair in differing:
            click.echo(f"{pair.family}, {pair.policy}: {'; '.join(pair.differing)}")
        click.echo(
            f"{found['pairs'] - found['verdicts_differ']} of {found['pairs']} pairs over {found['families']} families agree "
            f"in every verdict; in {found['answers_differ']} some tool answered in other words"
        )
    click.get_current_context().exit(1 if differing else 0)


@real.command("verify")
@click.argument("run", type=Existing)
@click.option("--head", default="", help="The head that you kept elsewhere, instead of the card's.")
@click.option("--json", "as_json", is_flag=True)
def real_verify(run: Path, head: str, as_json: bool) -> None:
    """Is the event log of RUN as it was written, and were its episodes made from it? Exits with 1 where not."""
    from offswitch.jobs.sealed import verify

    found = verify(run, head)
    if as_json:
        click.echo(json.dumps({"head": found.head, "lines": found.count, "wrong": found.wrong}))
    else:
        for sentence in found.wrong:
            click.echo(f"WRONG  {sentence}")
        click.echo(f"{found.count} lines, head {found.head}" + ("" if found.wrong else ", as they were written"))
    click.get_current_context().exit(1 if found.wrong else 0)


@real.command("look")
@click.argument("family")
@click.option("--page", default="http://office.corp.test/", show_default=True, help="Address of the page.")
@world_options
@click.option("--out", type=Out, default="page.png", show_default=True)
def real_look(family: str, page: str, out: Path, **rest: Any) -> None:
    """Take a picture of a page of FAMILY's office, as its agent's browser shows it."""
    from offswitch.errors import ModelError
    from offswitch.real.look import picture
    from offswitch.real.ready import check

    check()
    families = found_families(rest)
    if family not in families:
        raise ModelError(f"there is no family {family!r}; there are: {', '.join(families)}")
    picture(families[family], page, out)
    click.echo(str(out))
