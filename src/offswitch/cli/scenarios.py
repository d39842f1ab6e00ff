"""Commands about what is asked: scenarios and spec."""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from offswitch.cli.options import AT_LEAST_ONE, found_families, found_spec, levels_option, reporter, world_options


@click.group()
def scenarios() -> None:
    """What is asked of an agent: families of scenarios.

    \b
    offswitch scenarios list --suite library           all families of the large suite
    offswitch scenarios show stop_order                one scenario and its twin, lived through by the right answer
    offswitch scenarios new my_family > my_family.yaml a file to fill in
    offswitch scenarios check --families my_family.yaml --only my_family
    """


@scenarios.command("list")
@world_options
@click.option("--json", "as_json", is_flag=True)
def scenarios_list(as_json: bool, **rest: Any) -> None:
    """All families: what they require, and on which side of the split they stand."""
    families = found_families(rest).values()
    if as_json:
        click.echo(json.dumps([{**f.model_dump(mode="json"), "digest": f.digest} for f in families]))
        return
    for f in sorted(families, key=lambda f: (f.office, f.split, f.kind, f.id)):
        click.echo(f"{f.office:8} {f.split:8} {f.kind:18} {f.id:24} {f.safe:9} {f.title}")


@scenarios.command("show")
@click.argument("id")
@world_options
@click.option("--seed", default=0, show_default=True, help="Which draw of names and texts.")
def scenarios_show(id: str, seed: int, **rest: Any) -> None:
    """One scenario of a family and its control twin, as the right answer lives through them."""
    from offswitch.jobs.show import conversation

    click.echo(conversation(found_families(rest), id, seed))


@scenarios.command("render")
@click.argument("id")
@world_options
@click.option("--n", type=AT_LEAST_ONE, default=3, show_default=True, help="How many scenarios.")
@click.option("--seed", default=0, show_default=True)
@click.option(
    "--design",
    type=click.Choice(["balanced", "pairwise", "full"]),
    help="How factors are crossed. Default: as the office says.",
)
@levels_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def scenarios_render(id: str, n: int, seed: int, as_json: bool, **rest: Any) -> None:
    """What an agent would read in N scenarios of a family, with the level of every factor."""
    from offswitch.jobs.show import renderings

    for told in renderings(found_families(rest), id, n, seed, rest["design"], rest["levels"]):
        if as_json:
            click.echo(json.dumps(told))
            continue
        click.echo("# " + " ".join(f"{name}={level}" for name, level in told["levels"].items()))
        if told["behind"]:
            click.echo(f"{'before':>8}  {told['behind']} decisions of ordinary work")
        for role, text in (("system", told["system"]), ("user", told["user"]), *(("then", one) for one in told["messages"])):
            click.echo(f"{role:>8}  {text}")
        click.echo(f"{'tools':>8}  {', '.join(told['tools'])}\n")


@scenarios.command("new")
@click.argument("id")
@click.option("--office", default="firm", show_default=True, help="The office beneath it.")
@click.option("--split", type=click.Choice(["train", "heldout", "far"]), default="train", show_default=True)
def scenarios_new(id: str, office: str, split: str) -> None:
    """Print a family file to fill in."""
    from offswitch.jobs.show import skeleton

    click.echo(skeleton(id, office, split), nl=False)


@scenarios.command("schema")
@click.argument("what", type=click.Choice(["family", "office"]), default="family")
def scenarios_schema(what: str) -> None:
    """Print the JSON Schema of a family or an office file, for your editor."""
    from offswitch.jobs.show import schema

    click.echo(json.dumps(schema(what), indent=2))


@scenarios.command("check")
@world_options
@click.option("--only", multiple=True, help="Show problems of this family alone; may be given more than once.")
@click.option("--jobs", type=AT_LEAST_ONE, default=os.cpu_count() or 1, help="Processes. Default: one for each core.")
@click.option("--json", "as_json", is_flag=True)
def scenarios_check(only: tuple[str, ...], jobs: int, as_json: bool, **rest: Any) -> None:
    """The contract check, with no model. Exits with 1 where something is wrong.

    Scripted policies must get the verdicts that they should in every rendering of the design; no text may be empty, keep
    a placeholder or copy another; held-out wordings may not come near to training ones; shipped suites must be as locked.
    """
    from offswitch.jobs.measure import named
    from offswitch.measure.contract import check_all
    from offswitch.scenarios.family import own_families
    from offswitch.scenarios.leak import leaks
    from offswitch.scenarios.lock import drift

    families = found_families(rest)
    asked = named(families, only)
    done = 0
    with reporter().work("contract check") as bar:

        def tick(n: int) -> None:
            nonlocal done
            done += n
            bar.at(done, len(asked))

        problems = check_all(families, spec=found_spec(rest), only=only, jobs=min(jobs, len(asked)) or 1, tick=tick)
    problems += [problem for problem in leaks(families.values()) if not only or problem.family in only]
    problems += [] if only else drift(own_families())
    if as_json:
        click.echo(json.dumps([asdict(problem) for problem in problems]))
    else:
        click.echo("\n".join(str(problem) for problem in problems) or "all families keep the contract")
    if problems:
        sys.exit(1)


@scenarios.command("splits")
@world_options
@click.option("--json", "as_json", is_flag=True)
def scenarios_splits(as_json: bool, **rest: Any) -> None:
    """How near each held-out family comes to training: shared word runs, and nearness of meaning."""
    from offswitch.scenarios.leak import nearness

    rows = nearness(found_families(rest).values())
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows]))
        return
    for row in rows:
        near = f"{row.shared:6.1%} of word runs in {row.shared_with:24} {row.alike:5.2f} alike {row.alike_with}"
        click.echo(f"{row.split:8} {row.family:24} {near}")


@scenarios.command("lock", hidden=True)
def scenarios_lock() -> None:
    """Fix the shipped suites as they are now; their version must have been raised where they changed."""
    from offswitch.scenarios import lock
    from offswitch.scenarios.family import own_families

    path = Path(lock.__file__).with_name("lock.json")
    lock.write_lock(own_families(), path)
    click.echo(path)


@click.group()
def spec() -> None:
    """What we ask of an agent: principles and the principal hierarchy."""


@spec.command("show")
@world_options
def spec_show(**rest: Any) -> None:
    """The spec in force."""
    found = found_spec(rest)
    for principal in found.principals:
        click.echo(f"{principal.rank:12} {principal.role:10} may order: {', '.join(principal.may) or 'nothing'}")
    for principle in found.principles:
        click.echo(f"\n{principle.id}: {principle.title}\n{click.wrap_text(principle.text, 96, '  ', '  ')}")
