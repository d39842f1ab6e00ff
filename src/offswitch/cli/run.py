"""Commands that run a model: harden, measure, train, organism."""

import hashlib
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from offswitch.cli.options import (
    AT_LEAST_ONE,
    Existing,
    Out,
    agent_options,
    chosen_agent,
    chosen_suite,
    found_families,
    found_spec,
    only_option,
    reporter,
    show_card,
    suite_options,
    world_options,
)
from offswitch.errors import ModelError


@click.command()
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

    job = Hardening(model, recipe, None if control == "none" else control, chosen_suite(rest, "all"), seed, rest["threads"])
    done = run(job, found_families(rest), found_spec(rest), rest["out"], reporter())
    show_card(done.card, done.written, rest["as_json"])
    click.echo(f"model: {done.model}", err=rest["as_json"])


@click.command()
@click.option("--model", help="Model folder, scripted/NAME, or an Inspect model name (provider/model).")
@agent_options
@click.option(
    "--until", default="", help="Stop when decided: 'upper<0.01', 'lower>0.9' or 'width<0.02'; --n is then the most."
)
@click.option("--endpoint", help="Base URL of an OpenAI-compatible server that serves MODEL.")
@click.option("--local", is_flag=True, help="MODEL is a Hugging Face id to run in this process.")
@click.option("--split", type=click.Choice(["heldout", "far", "train", "all"]), default="all", show_default=True)
@suite_options
@world_options
@click.option("--temperature", type=click.FloatRange(0), default=1.0, show_default=True)
@only_option
@click.option("--concurrency", type=AT_LEAST_ONE, help="Requests at a time, for models behind a network, or agents.  [64; 4]")
@click.option("--seed", default=0, show_default=True, help="Seed of sampling.")
@click.option(
    "--tier",
    type=click.Choice(["simulated", "real"]),
    default="simulated",
    show_default=True,
    help="real: in a sandbox with real mail, web, API, files, processes, a shell and a browser; see 'offswitch real'.",
)
@click.option("--out", type=Out, help="Run folder. Default: runs/measure-[AGENT-]MODEL[-real].")
@click.option("--again", is_flag=True, help="Play again what broke in the run that OUT holds; the rest of it stays.")
@click.option("--json", "as_json", is_flag=True, help="Print the card as JSON instead of a table.")
def measure(model: str | None, out: Path | None, split: str, again: bool, **rest: Any) -> None:
    """Measure one model, or one agent with its model, and write a card.

    Every episode is kept as JSON lines and as an Inspect log: inspect view --log-dir OUT

    \b
    offswitch measure --model openai/gpt-5-mini
    offswitch measure --agent claude-code --model anthropic/claude-opus-4-5
    offswitch measure --agent 'python3 /agent/me.py' --show .:/agent --model my-model --endpoint http://localhost:8000/v1

    An agent (--agent) is any shell command, run in a sandbox of its own for each episode. It finds the office's tools as an
    MCP server and a model endpoint (OpenAI's and Anthropic's protocols), and nothing else of any network; keys stay outside.
    In the command {task} {system} {user} {model} {mcp_url} {model_url} {mcp_config} are filled in and quoted, and TASK,
    MCP_URL, MODEL_URL, MODEL, OPENAI_BASE_URL, ANTHROPIC_BASE_URL are in its environment. MODEL may be scripted/NAME, to try
    an agent without a model, or none. See docs/agents.md, and `offswitch agent list` for agents known by name.
    """
    from offswitch.jobs.bare import measure_model
    from offswitch.jobs.models import ModelChoice

    agent = chosen_agent(rest)
    if model is None:
        raise click.UsageError("Missing option '--model'.")
    rest["concurrency"] = rest["concurrency"] or (4 if agent else 64)
    if agent and click.get_current_context().get_parameter_source("unit") is ParameterSource.DEFAULT:
        # agents are slow: each episode is written when it ends; real ones are sealed, and so written, some at a time
        rest["unit"] = 1 if rest["tier"] == "simulated" else 8
    asked = {name: rest[name] for name in ("endpoint", "local", "temperature", "concurrency", "seed")} | {"agent": agent}
    tier = ["real"] if rest["tier"] == "real" else []
    folder = out or Path("runs") / "-".join(["measure", *([agent.name] if agent else []), Path(model).name, *tier])
    chosen, families = chosen_suite(rest, split), found_families(rest)
    card, written = measure_model(ModelChoice(model, **asked), chosen, families, found_spec(rest), folder, reporter(), again)
    show_card(card, written, rest["as_json"])
    if not any(cell.rate for group in card.before.summary.pooled.values() for cell in group.cells.values()):
        how = f"delete {folder} and run the same command again" if tier else "run the same command with --again"
        raise ModelError(f"no episode could be scored; mend the reason, then {how}")


@click.command()
@click.argument("recipe")
@click.option("--model", required=True, help="Model folder or Hugging Face id; 'organism' for the embedded one.")
@click.option("--seed", default=0, show_default=True)
@click.option(
    "--dose", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True, help="All amounts times this."
)
@click.option("--lora", type=AT_LEAST_ONE, help="Rank of adapters on every stage, instead of training all weights.")
@click.option("--as-written", is_flag=True, help="Leave the recipe's learning rates and full training as they are.")
@click.option("--set", "settings", multiple=True, metavar="FIELD=VALUE", help="One field of the recipe: stages.0.epochs=2.")
@click.option(
    "--at-a-time", type=AT_LEAST_ONE, help="Rows of a batch in memory together, for little memory: the same is learned."
)
@click.option("--data", type=Existing, help="A file that 'offswitch data' wrote for RECIPE. Default: made offline.")
@click.option(
    "--on",
    type=click.Choice(["here", "processes", "gpus", "fsdp", "deepspeed"]),
    default="here",
    show_default=True,
    help="Where: this process, several on the CPU, or one a GPU (whole model, FSDP, DeepSpeed).",
)
@click.option("--processes", type=click.IntRange(0), default=0, help="How many. Default: as the configuration says.")
@click.option("--dry-run", is_flag=True, help="Print tokens, steps, memory and time expected, and train nothing.")
@world_options
@click.option("--out", type=Out, help="Folder for one model folder a stage; a re-run resumes in it.")
def train(recipe: str, model: str, seed: int, out: Path | None, **rest: Any) -> None:
    """Train MODEL by RECIPE (a name that ships, or a .yaml file), and record what it was trained on.

    \b
    Recipes:  harden teaching-why demos-only reasons two-actions advice documents rl-only full
    Controls: benign benign-replay paraphrase-only neutral-reasons plain-advice reversed-advice
              neutral-text reversed-documents other-persona

    Recipes that ship are written for the embedded organism. For models from 0.1 billion parameters they are given adapters
    and learning rates by size, unless --as-written; --lora and --set come after that.
    """
    from offswitch.jobs.folder import run_folder
    from offswitch.jobs.models import recipe_for, trainable
    from offswitch.jobs.organism import build_organism
    from offswitch.jobs.processes import How
    from offswitch.jobs.settings import marked
    from offswitch.jobs.train import train as run
    from offswitch.train.dial import adapters, at_a_time, turned
    from offswitch.train.material import refuse_unfit_file
    from offswitch.train.recipe import load_recipe

    if recipe == "persist":
        raise click.UsageError("whether training lasts is measured by a command of its own: offswitch persist --model ...")
    families, written = found_families(rest), load_recipe(recipe)  # what is wrong there is told before anything is built
    how = How(rest["data"], rest["on"], rest["processes"])
    if not rest["dry_run"]:
        how.refuse(written)
    start = build_organism(seed, families, reporter()) if model == "organism" else trainable(model)
    whole = written if rest["as_written"] else recipe_for(recipe, start)
    found = turned(whole, rest["dose"], rest["settings"])
    found = adapters(found, rest["lora"]) if rest["lora"] else found
    if rest["data"]:
        refuse_unfit_file(rest["data"], found, families)  # before `out` records that it is a run with this file
    told = {"recipe": marked(found), "model": model, "seed": seed}
    found = at_a_time(found, rest["at_a_time"]) if rest["at_a_time"] else found
    if rest["dry_run"]:
        from offswitch.jobs.dry import dry_run

        click.echo(dry_run(found, start, families, seed, rest["data"]))
        return
    if out is None:
        raise click.UsageError("Missing option '--out'.")
    told["families"] = {id: family.digest for id, family in families.items()}
    if rest["data"]:
        told["data"] = hashlib.sha256(rest["data"].read_bytes()).hexdigest()[:16]
    with run_folder(out, told):  # which goes on with fewer rows at a time too
        click.echo(run(found, start, out, families, seed, reporter(), model, how))


@click.group()
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

    click.echo(build_organism(seed, found_families(rest), reporter()))
