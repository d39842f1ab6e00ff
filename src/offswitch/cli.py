"""The command line: parse, call one function, print. Results go to standard output, progress to standard error."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from offswitch import __version__
from offswitch.errors import OffswitchError

Out = click.Path(path_type=Path)
Existing = click.Path(path_type=Path, exists=True)
AT_LEAST_ONE = click.IntRange(1)


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


def options(*chosen: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Several options as one decorator."""

    def wrap(command: Any) -> Any:
        for option in reversed(chosen):
            command = option(command)
        return command

    return wrap


suite_options = options(
    click.option(
        "--n", type=AT_LEAST_ONE, default=40, show_default=True, help="Pressured scenarios of each family, with twins."
    ),
    click.option("--suite-seed", default=1, show_default=True, help="Which scenarios are drawn."),
    click.option("--limit", type=AT_LEAST_ONE, default=12, show_default=True, help="Agent decisions in an episode."),
    click.option("--unit", type=AT_LEAST_ONE, default=512, show_default=True, help="Episodes played and written together."),
)
world_options = options(
    click.option("--families", multiple=True, type=Existing, help="Further family files or folders of them."),
    click.option("--spec", "spec_path", type=Existing, help="Your own spec instead of the one that ships."),
)


@click.group(cls=Plain, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__)
def main() -> None:
    """Train agents that let you switch them off, and prove it.

    \b
    offswitch harden                           the embedded model, from self-preserving to correctable, with a card
    offswitch harden --model FOLDER            the same for your open model
    offswitch measure --model openai/gpt-4o    a model behind an API (any Inspect model name)
    offswitch measure --model NAME --endpoint http://127.0.0.1:8000/v1
    offswitch scenarios list                   what is asked
    """


@main.command()
@click.option("--model", help="Model folder or Hugging Face id. Default: the embedded organism, built on first use.")
@click.option("--recipe", default="harden", show_default=True, help="A recipe that ships, or a .yaml file.")
@click.option("--control", default="benign", show_default=True, help="Recipe of the control arm; 'none' for no such arm.")
@click.option("--seed", default=0, show_default=True, help="Seed of the organism and of training.")
@suite_options
@world_options
@click.option(
    "--threads",
    type=click.IntRange(0),
    default=0,
    help="CPU threads for torch. Default: 1 for the organism, else as torch likes.",
)
@click.option("--out", type=Out, default="runs/harden", show_default=True, help="Run folder; a re-run resumes in it.")
@click.option("--json", "as_json", is_flag=True, help="Print the card as JSON instead of a table.")
def harden(model: str | None, recipe: str, control: str, seed: int, **rest: Any) -> None:
    """Measure, train, measure again on held-out families, and write a card.

    The card is OUT/card.html and OUT/card.json; the hardened model is the last folder in OUT/models/after.
    """
    from offswitch.jobs.harden import Hardening
    from offswitch.jobs.harden import harden as run

    job = Hardening(model, recipe, None if control == "none" else control, _suite(rest, "all"), seed, rest["threads"])
    done = run(job, _families(rest), _spec(rest), rest["out"], _report())
    _show(done.card, done.written, rest["as_json"])
    click.echo(f"model: {done.model}", err=rest["as_json"])


@main.command()
@click.option("--model", required=True, help="Model folder, scripted/NAME, or an Inspect model name (provider/model).")
@click.option("--endpoint", help="Base URL of an OpenAI-compatible server that serves MODEL.")
@click.option("--local", is_flag=True, help="MODEL is a Hugging Face id to run in this process.")
@click.option("--split", type=click.Choice(["heldout", "train", "all"]), default="all", show_default=True)
@suite_options
@world_options
@click.option("--temperature", type=click.FloatRange(0), default=1.0, show_default=True)
@click.option(
    "--concurrency", type=AT_LEAST_ONE, default=64, show_default=True, help="Requests at a time, for models behind a network."
)
@click.option("--seed", default=0, show_default=True, help="Seed of sampling.")
@click.option("--out", type=Out, help="Run folder. Default: runs/measure-MODEL.")
@click.option("--json", "as_json", is_flag=True, help="Print the card as JSON instead of a table.")
def measure(model: str, out: Path | None, split: str, **rest: Any) -> None:
    """Measure one model and write a card.

    Every episode is kept as JSON lines and as an Inspect log: inspect view --log-dir OUT
    """
    from offswitch.jobs.bare import measure_model
    from offswitch.jobs.models import ModelChoice

    asked = {name: rest[name] for name in ("endpoint", "local", "temperature", "concurrency", "seed")}
    folder = out or Path("runs") / ("measure-" + Path(model).name)
    card, written = measure_model(
        ModelChoice(model, **asked), _suite(rest, split), _families(rest), _spec(rest), folder, _report()
    )
    _show(card, written, rest["as_json"])


@main.command()
@click.argument("recipe")
@click.option("--model", required=True, help="Model folder or Hugging Face id; 'organism' for the embedded one.")
@click.option("--seed", default=0, show_default=True)
@world_options
@click.option("--out", type=Out, required=True, help="Folder for one model folder a stage; a re-run resumes in it.")
def train(recipe: str, model: str, seed: int, out: Path, **rest: Any) -> None:
    """Train MODEL by RECIPE (a name that ships, or a .yaml file), and record what it was trained on."""
    from offswitch.jobs.folder import run_folder
    from offswitch.jobs.models import trainable
    from offswitch.jobs.organism import build_organism
    from offswitch.jobs.train import train as run
    from offswitch.train.recipe import load_recipe

    found, families = load_recipe(recipe), _families(rest)
    digests = {id: family.digest for id, family in families.items()}
    told = {"recipe": found.model_dump(), "model": model, "seed": seed, "families": digests}
    start = build_organism(seed, families, _report()) if model == "organism" else trainable(model)
    with run_folder(out, told):
        click.echo(run(found, start, out, families, seed, _report(), model))


@main.group()
def organism() -> None:
    """The embedded default model: tiny, made from scratch, self-preserving."""


@organism.command("build")
@click.option("--seed", default=0, show_default=True)
@world_options
def organism_build(seed: int, **rest: Any) -> None:
    """Build it (minutes on one core), or find it in the cache, and print its folder.

    It is a standard Hugging Face folder. Kept under OFFSWITCH_CACHE, else ~/.cache/offswitch, by content hash.
    """
    from offswitch.jobs.organism import build_organism

    click.echo(build_organism(seed, _families(rest), _report()))


@main.group()
def scenarios() -> None:
    """What is asked of an agent: families of scenarios."""


@scenarios.command("list")
@world_options
@click.option("--json", "as_json", is_flag=True)
def scenarios_list(as_json: bool, **rest: Any) -> None:
    """All families: what they require, and on which side of the split they stand."""
    import json

    families = _families(rest).values()
    if as_json:
        click.echo(json.dumps([{**f.model_dump(mode="json"), "digest": f.digest} for f in families]))
        return
    for f in sorted(families, key=lambda f: (f.split, f.kind, f.id)):
        click.echo(f"{f.split:8} {f.kind:18} {f.id:20} {f.safe:9} {f.title}")


@scenarios.command("show")
@click.argument("id")
@world_options
@click.option("--seed", default=0, show_default=True, help="Which draw of names and texts.")
def scenarios_show(id: str, seed: int, **rest: Any) -> None:
    """One scenario of a family and its control twin, as the right answer lives through them."""
    from offswitch.jobs.show import conversation

    click.echo(conversation(_families(rest), id, seed))


@scenarios.command("check")
@world_options
@click.option("--json", "as_json", is_flag=True)
def scenarios_check(as_json: bool, **rest: Any) -> None:
    """The contract check: scripted policies must get the verdicts that they should. Exits with 1 where not."""
    import json
    from dataclasses import asdict

    from offswitch.measure.contract import check_all

    problems = check_all(_families(rest), spec=_spec(rest))
    if as_json:
        click.echo(json.dumps([asdict(problem) for problem in problems]))
    else:
        click.echo("\n".join(str(problem) for problem in problems) or "all families keep the contract")
    if problems:
        sys.exit(1)


@main.group()
def spec() -> None:
    """What we ask of an agent: principles and the principal hierarchy."""


@spec.command("show")
@world_options
def spec_show(**rest: Any) -> None:
    """The spec in force."""
    found = _spec(rest)
    for principal in found.principals:
        click.echo(f"{principal.rank:12} {principal.role:10} may order: {', '.join(principal.may) or 'nothing'}")
    for principle in found.principles:
        click.echo(f"\n{principle.id}: {principle.title}\n{click.wrap_text(principle.text, 96, '  ', '  ')}")


def _suite(rest: dict[str, Any], split: str) -> Any:
    from offswitch.jobs.measure import Suite

    return Suite(split, rest["n"], rest["suite_seed"], rest["limit"], rest["unit"])


def _families(rest: dict[str, Any]) -> Any:
    from offswitch.scenarios.family import load_families

    return load_families(tuple(rest["families"]))


def _spec(rest: dict[str, Any]) -> Any:
    from offswitch.spec.spec import load_spec

    return load_spec(rest["spec_path"])


def _report() -> Any:
    from offswitch.jobs.report import Shown

    return Shown()


def _show(card: Any, written: Any, as_json: bool) -> None:
    if as_json:
        click.echo(written.json.read_text(encoding="utf-8"))
        return
    from rich.console import Console

    from offswitch.measure.table import render

    after = card.after.summary if card.after else None
    Console(width=None if sys.stdout.isatty() else 110).print(render(card.before.summary, after, card.shallow, card.changes))
    for bar in card.bars:
        click.echo(f"{'met    ' if bar.met else 'NOT MET'}  {bar.name}: {bar.value} ({bar.target})")
    click.echo(f"card: {written.html}")


if __name__ == "__main__":
    main()
