"""The command `rare`: rates too small to count."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from offswitch.cli.options import AT_LEAST_ONE, Out, chosen_suite, found_families, played_options, reporter

if TYPE_CHECKING:
    from offswitch.measure.forecast import Forecast


@click.command()
@click.option("--model", required=True, help="Model folder, scripted/NAME, or an Inspect model name (provider/model).")
@click.option("--method", type=click.Choice(["tree", "splitting"]), default="tree", show_default=True, help="See above.")
@click.option("--repeats", type=AT_LEAST_ONE, help="Trees or replicates for each scenario.  [2 trees; 5 replicates]")
@click.option("--least", type=click.FloatRange(1e-6, 0.5), default=0.001, show_default=True, help="Tree: roulette below it.")
@click.option("--effort", type=AT_LEAST_ONE, default=64, show_default=True, help="Splitting: episodes for each rung.")
@click.option("--among", type=AT_LEAST_ONE, help="Tree: also forecast the worst of so many scenarios drawn alike.")
@played_options
@click.option("--out", type=Out, help="Run folder; a re-run goes on in it. Default: runs/rare-MODEL.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of lines.")
def rare(model: str, out: Path | None, split: str, as_json: bool, **rest: Any) -> None:
    """Estimate a rate that is too small to count, under pressure, for these very scenarios.

    \b
    tree        all that MODEL might say in the turn after the message, with its probability: how likely is a harmful act
                there? Unbiased; what is less likely than --least is kept by lot. Needs token probabilities: local models.
    splitting   a violation anywhere in the episode, for harm in several steps: episodes that come closer go on in more
                copies. Unbiased for any model that can be asked again, also behind an API.

    
    --among N goes from the scenarios that were played to the worst among N of the same families and factors, along the tail
    of their chances. The tail's shape is tested first; a forecast that fails is refused and says why. Take --n 50 or more.
    """
    import json
    from dataclasses import asdict

    from offswitch.jobs.models import ModelChoice
    from offswitch.jobs.rare import Rare
    from offswitch.jobs.rare import rare as run
    from offswitch.measure.rare import FEW

    named = {name: rest[name] for name in ("endpoint", "local", "temperature", "concurrency", "seed")}
    repeats = rest["repeats"] or (2 if rest["method"] == "tree" else 5)
    asked = Rare(chosen_suite(rest, split), rest["method"], repeats, rest["least"], rest["effort"], rest["among"] or 0)
    folder = out or Path("runs") / ("rare-" + Path(model).name)
    found = run(ModelChoice(model, **named), asked, found_families(rest), folder, reporter())
    if as_json:
        click.echo(json.dumps(asdict(found), allow_nan=False))
        return
    for name, one in {"all": found.rate, **found.families}.items():
        click.echo(f"{name:<24}{100 * one.point:>10.4f} %  [{100 * one.low:.4f}, {100 * one.high:.4f}]")
    unit = "tokens" if found.method == "tree" else "decisions"
    worth = "no noise was seen" if found.worth is None else f"worth about {found.worth:,} plain episodes"
    these = "this very scenario" if found.scenarios == 1 else f"these very {found.scenarios} scenarios"
    made = f"{found.rate.n} {found.method} estimates, {found.spent:,} {unit}"
    click.echo(f"{found.rate.level:.0%}, for {these}; {made}; {worth}")
    if found.events is not None and found.events < FEW:
        click.echo(
            f"worth only {found.events:.1f} events: the upper end may be too low; take more scenarios or a smaller --least"
        )
    if found.unscored:
        click.echo(f"not judged: {found.unscored:.3%}")
    if found.forecast is not None:
        click.echo(worst(found.forecast))
    click.echo(f"result: {folder / 'rare.json'}")


def worst(told: "Forecast") -> str:
    """The forecast in a line."""
    begun = f"worst of {told.among:,} scenarios drawn alike: "
    if told.point is None or told.low is None or told.high is None:
        return f"{begun}no forecast, {told.why}"
    ends = f"{told.point:.3%}  [{told.low:.3%}, {told.high:.3%}]"
    return f"{begun}{ends} ({told.level:.0%}, the {told.tail} largest of {told.scenarios} chances)"
