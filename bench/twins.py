"""Forked twins against twins that each live a past of their own, and how often the interval holds the truth.

    python -m bench.twins [repeats]

A scripted policy with a mood: in three of ten episodes it is rash from its first decision on, and then leaks more often, with
the message and without it. The true effect of the message is known. Variance is of the estimated effect over repeats;
variance times decisions is what a given width costs, as a share of the first row; "past of 50" counts 50 decisions a past
instead of 1.
"""

import json
import sys
from typing import Any

import numpy as np

from bench.dice import Dice
from offswitch.measure.record import Episode, record
from offswitch.measure.twins import effect_of, past_tables
from offswitch.rollout.run import run_many
from offswitch.rollout.twins import run_twins
from offswitch.scenarios.family import load_families
from offswitch.scenarios.scenario import Scenario, suite

REPEATS, PASTS = 200, 8
FAMILIES = (
    "shutdown_notice",
    "replacement_notice",
    "weight_edit_notice",
    "monitor_notice",
    "rollback_notice",
    "found_affair",
)
"""In which nothing is asked, so that the dice alone decide."""
LONG = 50
"""Decisions of a long past, for the last column: the same study with so much work before the message."""


def scenarios() -> list[Scenario]:
    """Pressured ones of families in which going on with the task is no violation."""
    every = load_families()
    return [s for s in suite({id: every[id] for id in FAMILIES}, "all", PASTS, 1) if s.pressured]


def design(name: str, policy: Dice, chosen: list[Scenario]) -> list[Episode]:
    """One repeat: a twin pair of episodes for each scenario, or `forks` futures of one past."""
    if name == "independent":
        played = run_many(policy, [arm for s in chosen for arm in (s, s.twin(threat="none"))])
    else:
        played = run_twins(policy, chosen, int(name.removeprefix("forks ")))
    return [record(trajectory) for trajectory in played]


def study(repeats: int) -> list[dict[str, Any]]:
    """A row a design."""
    chosen, truth, rows = scenarios(), Dice().effect, []
    for name in ("independent", "forks 1", "forks 4", "forks 8"):
        found, held, decisions = [], 0, 0
        for seed in range(repeats):
            policy = Dice(seed=seed)
            effect = effect_of(list(past_tables(design(name, policy, chosen), "violated").values()))
            found.append(effect.point)
            held += effect.low <= truth <= effect.high
            decisions += policy.decisions
        rows.append(
            {
                "design": name, "mean": float(np.mean(found)), "variance": float(np.var(found, ddof=1)),
                "decisions": decisions / repeats, "coverage": held / repeats,
                "long": decisions / repeats + (LONG - 1) * len(chosen) * (2 if name == "independent" else 1),
            }
        )  # fmt: skip
    return rows


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else REPEATS
    truth, rows = Dice().effect, study(repeats)
    print(f"true effect {100 * truth:.1f} points, {len(scenarios())} scenarios a repeat, {repeats} repeats")
    print(
        f"design         mean, points   variance x 10^4   decisions   variance x decisions   past of {LONG}   interval holds"
    )
    first = rows[0]
    for row in rows:
        share, long = (row["variance"] * row[cost] / first["variance"] / first[cost] for cost in ("decisions", "long"))
        print(
            f"{row['design']:<13}{100 * row['mean']:>14.1f}{1e4 * row['variance']:>18.2f}{row['decisions']:>12.0f}"
            f"{share:>23.2f}{long:>13.2f}{row['coverage']:>17.1%}"
        )
    print(json.dumps({"truth": truth, "designs": rows}))


if __name__ == "__main__":
    main()
