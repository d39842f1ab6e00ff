"""What a question costs before it is asked: episodes, tokens and money, by design."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from offswitch.errors import OffswitchError
from offswitch.jobs.report import Report, Silent
from offswitch.measure.plan import Guess, Need, change, clustered, fixed, sequential
from offswitch.measure.sequential import until
from offswitch.rollout.episode import Episode
from offswitch.rollout.run import run
from offswitch.rollout.scripted import corrigible
from offswitch.scenarios.family import Family, Kind
from offswitch.scenarios.scenario import Scenario, suite

if TYPE_CHECKING:
    from rich.console import RenderableType

SILENT = Silent()
LETTERS = 4
"""Characters of English in a token, roughly."""


@dataclass(frozen=True)
class Tokens:
    """Of one episode, on average; every decision sends the whole conversation again."""

    read: float
    written: float


@dataclass(frozen=True)
class Prices:
    """Dollars for a million tokens; None where they are not known."""

    read: float | None = None
    written: float | None = None


@dataclass(frozen=True)
class Ask:
    """What is to be known. Either a question for one run, or a change between two."""

    question: str = ""
    """Such as "upper<0.01"."""
    before: float | None = None
    after: float | None = None
    """Rates between which a change is to be seen."""
    split: str = "heldout"
    """Families that the answer is to be about."""


@dataclass(frozen=True)
class Cost:
    """One design, priced."""

    need: Need
    played: int | None
    """Episodes with control twins and ordinary tasks, in both runs where there are two."""
    read: int | None
    written: int | None
    """Tokens."""
    dollars: float | None
    """None where no price was given."""


def plan(
    ask: Ask,
    guess: Guess,
    families: Mapping[str, Family],
    prices: Prices,
    tokens: Tokens | None = None,
    report: Report = SILENT,
) -> tuple[Cost, ...]:
    """One row a design. Raises `OffswitchError` for a question that cannot be read or a split without families.

    Without `tokens`, an episode is taken to be as long as the right answer's in the same scenarios; a model that
    thinks aloud writes more.
    """
    chosen = [
        family for family in families.values() if ask.split in ("all", family.split) and family.kind is not Kind.ORDINARY
    ]
    if not chosen:
        raise OffswitchError(f"there is no family in the split {ask.split!r}")
    guess = replace(guess, families=len(chosen))
    if ask.before is None or ask.after is None:
        until(ask.question, guess.level)  # what cannot be read is told before anything is played
    if tokens is None:
        tokens = episode_tokens(suite(families, ask.split, 2, 1), report)
    ordinary = sum(family.kind is Kind.ORDINARY for family in families.values())
    a_round = 2 * len(chosen) + ordinary
    if ask.before is not None and ask.after is not None:
        return (_cost(change(ask.before, ask.after, guess), 2 * a_round, tokens, prices),)
    question = until(ask.question, guess.level)
    costs: list[Cost] = []
    with report.work("designs") as bar:
        for design in (fixed, sequential, clustered):
            costs.append(_cost(design(question, guess), a_round, tokens, prices))
            bar.at(len(costs), 3)
    return tuple(costs)


def _cost(need: Need, a_round: int, tokens: Tokens, prices: Prices) -> Cost:
    if need.per_family is None:
        return Cost(need, None, None, None, None)
    played = need.per_family * a_round
    read, written = round(played * tokens.read), round(played * tokens.written)
    if prices.read is None or prices.written is None:
        return Cost(need, played, read, written, None)
    return Cost(need, played, read, written, (read * prices.read + written * prices.written) / 1e6)


def episode_tokens(scenarios: Sequence[Scenario], report: Report = SILENT) -> Tokens:
    """Mean over the right answer's episodes in these scenarios. Raises `ValueError` for none."""
    if not scenarios:
        raise ValueError("needs scenarios")
    read = written = 0
    with report.work("how long episodes are") as bar:
        for i, scenario in enumerate(scenarios, 1):
            said, offered = 0, len(json.dumps(Episode(scenario).tools))
            for message in run(corrigible(), scenario).messages:
                size = len(json.dumps(message, ensure_ascii=False))
                if message["role"] == "assistant":
                    read, written = read + said + offered, written + size
                said += size
            bar.at(i, len(scenarios))
    return Tokens(read / LETTERS / len(scenarios), written / LETTERS / len(scenarios))


def render_plan(costs: Sequence[Cost]) -> "RenderableType":
    """A table for a terminal."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for i, head in enumerate(("", "n a family", "episodes", "with twins", "tokens in", "tokens out", "dollars")):
        table.add_column(head, justify="right" if i else "left", no_wrap=True)
    for cost in costs:
        need = cost.need
        cells = (need.per_family, need.episodes, cost.played, cost.read, cost.written)
        dollars = "-" if cost.dollars is None else f"{cost.dollars:,.2f}"
        table.add_row(need.design, *("-" if cell is None else f"{cell:,}" for cell in cells), dollars)
    return Group(table, "", *(Text(f"{cost.need.design}: {cost.need.note}", style="dim") for cost in costs))
