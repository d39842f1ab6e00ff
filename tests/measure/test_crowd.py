"""Many episodes drawn together are as many that were drawn alone; many trees grown together are the trees grown alone."""

import numpy as np
import pytest

from bench.crowd import Grown, Plain, forest
from bench.toy import LENGTH, Toy, toy, violates
from bench.validation import Met, row
from offswitch.measure.tree import Tree, grow, growth


class Counting(Toy):
    """Counts what it is asked for."""

    asked = 0

    def step(self, parents: list[int], tokens: list[int]) -> np.ndarray:
        self.asked += len(tokens)
        return super().step(parents, tokens)


def weight(tree: Tree) -> float:
    return sum(leaf.weight for leaf in tree.leaves if violates(leaf.tokens))


def test_plain_turns_drawn_together_have_the_rate_and_the_scatter_of_plain_turns() -> None:
    model, n = Counting(toy(0.01).slip), 2000
    drawn = [forest(model, [growth(model.end, 1.0, np.random.default_rng(i), 100, n)])[0] for i in range(100)]
    assert all(sum(leaf.weight for leaf in tree.leaves) == n for tree in drawn)
    counts = np.array([weight(tree) for tree in drawn])
    assert counts.mean() == pytest.approx(0.01 * n, abs=4 * (0.01 * n / 100) ** 0.5)
    assert counts.var() == pytest.approx(0.01 * 0.99 * n, rel=0.6)  # 4 standard errors of a variance of 100 counts
    assert model.asked < 0.3 * 100 * n * LENGTH


def test_trees_grown_together_are_those_grown_alone() -> None:
    """One at a time they throw the same dice, so they are equal; together each leaf keeps its probability."""
    model = Counting(toy(0.01).slip)
    alone = grow(model, 0.003, np.random.default_rng(5))
    assert forest(model, [growth(model.end, 0.003, np.random.default_rng(5))]) == [alone]
    dice = np.random.default_rng(0)
    model.asked = 0
    grown = forest(model, [growth(model.end, 0.003, dice) for _ in range(300)])
    values = np.array([weight(tree) for tree in grown])
    assert values.mean() == pytest.approx(0.01, abs=4 * values.std() / 300**0.5)
    assert model.asked < 0.5 * sum(tree.fed for tree in grown)


def test_the_row_of_the_study_by_hand() -> None:
    """Two scenarios of 1,000 plain episodes; trees that are all exact and right."""
    met = [Met(Plain(10, 1000, 12.0, 100.0), (Grown((0.01,) * 8, ((),) * 8, (0,) * 8, 24.0),))] * 2
    told = row(met, 0, 0.003)
    assert told["brute"][0] == 0.01
    assert (told["trees_mean"], told["repeats"], told["coverage"]) == (pytest.approx(0.01), 4, 1.0)
    assert (told["by_throws"], told["scatter_over_strata"]) == (0, None)
    assert told["tokens"] == 24.0 * 2 * 2
    assert told["saves"] == pytest.approx(told["plain_episodes"] * 12 / 96)
    assert told["saves_with_past"] == pytest.approx(told["plain_episodes"] * 112 / (124 * 4))
