"""What several commands share: options, and how arguments become records."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Out = click.Path(path_type=Path)
Existing = click.Path(path_type=Path, exists=True)
AT_LEAST_ONE = click.IntRange(1)
REAL_UNIT = 16
"""Episodes of the real tier that are written together, at most: each takes seconds, and a kill loses those in flight."""


def options(*chosen: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Several options as one decorator."""

    def wrap(command: Any) -> Any:
        for option in reversed(chosen):
            command = option(command)
        return command

    return wrap


def _levels(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """`arrival=200,500` as a factor and its levels; given twice, a factor has the levels of both."""
    found: dict[str, tuple[str, ...]] = {}
    for one in given:
        name, equals, levels = one.partition("=")
        chosen = tuple(level.strip() for level in levels.split(","))
        if not equals or not all(chosen):
            raise click.BadParameter(f"{one!r} is not FACTOR=LEVEL,LEVEL such as arrival=200,500")
        found[name.strip()] = (*found.get(name.strip(), ()), *chosen)
    return found


levels_option = click.option(
    "--levels",
    multiple=True,
    metavar="FACTOR=LEVEL,...",
    callback=_levels,
    help="Only these levels of a factor, such as arrival=200,500 (when pressure comes); may be repeated.",
)
only_option = click.option("--only", multiple=True, metavar="FAMILY", help="Only this family; may be given more than once.")
suite_options = options(
    click.option(
        "--n", type=AT_LEAST_ONE, default=40, show_default=True, help="Pressured scenarios of each family, with twins."
    ),
    click.option("--suite-seed", default=1, show_default=True, help="Which scenarios are drawn."),
    levels_option,
    click.option(
        "--kept",
        type=click.Choice(["everything", "window", "results", "summary", "notes"]),
        default="window",
        show_default=True,
        help="What the agent keeps of the work before a message that comes late: see 'offswitch workday --help'.",
    ),
    click.option("--limit", type=AT_LEAST_ONE, help="Agent decisions in an episode. Default: 12 in core, else 30."),
    click.option("--unit", type=AT_LEAST_ONE, default=512, show_default=True, help="Episodes played and written together."),
)
world_options = options(
    click.option(
        "--suite",
        type=click.Choice(["core", "library", "all"]),
        default="core",
        show_default=True,
        help="core: short texts and few tools, made for small models. library: every app, threat and factor.",
    ),
    click.option("--families", multiple=True, type=Existing, help="Further family files or folders of them."),
    click.option("--spec", "spec_path", type=Existing, help="Your own spec instead of the one that ships."),
)
played_options = options(
    click.option("--endpoint", help="Base URL of an OpenAI-compatible server that serves MODEL."),
    click.option("--local", is_flag=True, help="MODEL is a Hugging Face id to run in this process."),
    click.option("--split", type=click.Choice(["heldout", "far", "train", "all"]), default="all", show_default=True),
    suite_options,
    only_option,
    world_options,
    click.option("--temperature", type=click.FloatRange(0), default=1.0, show_default=True),
    click.option("--concurrency", type=AT_LEAST_ONE, default=64, show_default=True, help="Requests at a time."),
    click.option("--seed", default=0, show_default=True, help="Seed of sampling."),
)


agent_options = options(
    click.option("--agent", metavar="CMD", help="Run this agent: a shell command, or a name from `offswitch agent list`."),
    click.option("--show", multiple=True, metavar="HERE[:THERE]", help="A folder that the agent's sandbox shows, read-only."),
    click.option(
        "--agent-seconds",
        type=click.FloatRange(1),
        default=600,
        show_default=True,
        help="Wall time of an agent's episode; then it is cut short.",
    ),
)


def chosen_agent(rest: dict[str, Any]) -> Any:
    """The agent, or None where there is none."""
    from offswitch.jobs.presets import AgentChoice

    command, shown, seconds = rest["agent"], rest["show"], rest["agent_seconds"]
    if not command:
        if shown:
            raise click.UsageError("--show is for an agent: name one with --agent")
        return None
    pairs = [(here, there or "/agent") for here, _, there in (one.partition(":") for one in shown)]
    for here, there in pairs:
        if not Path(here).is_dir() or not there.startswith("/"):
            raise click.BadParameter(f"--show {here}:{there}: HERE is a folder of this machine, THERE starts with a slash")
    return AgentChoice(command, seconds, tuple((str(Path(here).resolve()), there) for here, there in pairs))


def chosen_suite(rest: dict[str, Any], split: str) -> Any:
    from offswitch.jobs.measure import Suite

    limit = rest["limit"] or (12 if rest["suite"] == "core" else 30)
    tier = rest.get("tier", "simulated")
    unit = min(rest["unit"], REAL_UNIT) if tier == "real" else rest["unit"]
    chosen = (rest["levels"], rest["kept"], rest.get("until", ""))
    return Suite(split, rest["n"], rest["suite_seed"], limit, unit, *chosen, tier, only=rest.get("only", ()))


def found_families(rest: dict[str, Any]) -> Any:
    """Those of the suite and of files; of them those that --only names, where a command has it."""
    from offswitch.jobs.measure import named
    from offswitch.scenarios.family import load_families

    return named(load_families(tuple(rest["families"]), rest["suite"]), rest.get("only", ()))


def told_world(rest: dict[str, Any]) -> str:
    """The options of `world_options` as they were given, of files the names alone."""
    told = [f"--suite {rest['suite']}"] if rest["suite"] != "core" else []
    told += [f"--families {path.name}" for path in rest["families"]]
    told += [f"--spec {rest['spec_path'].name}"] if rest["spec_path"] else []
    return " ".join(told)


def found_spec(rest: dict[str, Any]) -> Any:
    from offswitch.spec.spec import load_spec

    return load_spec(rest["spec_path"])


def reporter() -> Any:
    from offswitch.jobs.report import Shown

    return Shown()


def show(drawn: Any, highlight: bool = True) -> None:
    """On a terminal as wide as that is; elsewhere 110 columns."""
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else 110).print(drawn, highlight=highlight)


def show_card(card: Any, written: Any, as_json: bool) -> None:
    if as_json:
        click.echo(written.json.read_text(encoding="utf-8"))
        return
    from offswitch.measure.table import render

    after = card.after.summary if card.after else None
    show(render(card.before.summary, after, card.shallow, card.changes))
    for bar in card.bars:
        click.echo(f"{'met    ' if bar.met else 'NOT MET'}  {bar.name}: {bar.value} ({bar.target})")
    click.echo(f"card: {written.html}")
