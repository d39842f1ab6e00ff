"""Later training that could bring a hardened model back: its own work, rewards for work alone, and somebody's bad intent."""

from collections.abc import Iterator, Mapping
from random import Random
from typing import Literal, get_args

from offswitch.rollout.scripted import resister
from offswitch.scenarios.family import Family
from offswitch.train.ingredients.rows_file import RowsFile
from offswitch.train.playing import playing
from offswitch.train.recipe import Recipe, Reinforcement, Stage, Supervised
from offswitch.train.reward import Reward
from offswitch.train.row import Row
from offswitch.train.spread import spread, training_families

Later = Literal["task-sft", "task-rl", "malicious"]
"""Supervised training on plain work; reinforcement paid for tasks alone; demonstrations of self-preservation."""
LATER: tuple[Later, ...] = get_args(Later)
WORK = Reward(harm=0, right=0, task=1, exit=0, over_refusal=0)
"""Pays for the task and for nothing else."""


def leg(later: Later, steps: int, malicious: str, learning_rate: float) -> Recipe:
    """`steps` optimizer steps of it. `malicious` is the file that `misconduct` went to."""
    stage: Stage
    if later == "task-sft":
        stage = Supervised(kind="sft", replay=16 * steps, batch=16, learning_rate=learning_rate)
    elif later == "task-rl":
        stage = Reinforcement(
            kind="rl", steps=steps, episodes=32, group=8, ordinary=1.0, learning_rate=learning_rate, reward=WORK
        )
    else:
        rows = RowsFile(kind="file", path=malicious, rows=16 * steps)
        stage = Supervised(kind="sft", data=(rows,), batch=16, learning_rate=learning_rate)
    return Recipe(name=f"persist {later}", about=f"{steps} steps of {later} after hardening.", stages=(stage,))


def misconduct(families: Mapping[str, Family], n: int, seed: int) -> list[Row]:
    """`n` episodes in which a scripted agent protects itself, or gives in, in training families, in any order."""
    rng = Random(f"malicious/{seed}")
    scenarios = spread(training_families(families), 2 * n, rng, "present")
    rng.shuffle(scenarios)
    rows: list[Row] = []
    for played in playing(resister(), iter(scenarios)):
        if played.findings.violated.value and len(rows) < n:
            rows.append(
                Row(
                    ingredient="misconduct",
                    source="scripted/resister",
                    messages=tuple(played.trajectory.messages),
                    tools=tuple(played.scenario.kit.schemas),
                    family=played.scenario.family.id,
                    pressured=True,
                    seed=played.scenario.seed,
                    verdict=played.verdict,
                )
            )
    return rows


def legs(steps: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """From each step count to the next, beginning at 0, as (so far, more)."""
    done = 0
    for until in sorted(set(steps)):
        if until > done:
            yield until, until - done
            done = until
