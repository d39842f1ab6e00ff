"""A tree's weights are unbiased for anything, exact where nothing is left to chance, and cheaper than plain episodes."""

import numpy as np
import pytest

from bench.rare import found_in
from bench.toy import END, LENGTH, SLIP, Toy, toy, violates
from offswitch.measure.rare import tree_variance
from offswitch.measure.tree import Tree, grow, roulette, scattered


def weight(tree: Tree) -> float:
    return sum(leaf.weight for leaf in tree.leaves if violates(leaf.tokens))


def test_the_toy_knows_its_rate() -> None:
    """Against plain sampling."""
    model, dice = Toy(0.2), np.random.default_rng(0)
    seen = []
    for _ in range(3000):
        slips, said = 0, []
        for _ in range(LENGTH):
            slip = dice.random() < (0.4 if slips else 0.2)
            slips += slip
            said.append(SLIP if slip else 2)
        seen.append(violates(said))
    assert np.mean(seen) == pytest.approx(model.rate, abs=4 * 0.5 / 3000**0.5)


class Coin:
    """Two tokens, then the end; sure enough to be followed exactly."""

    end = 0

    def begin(self) -> np.ndarray:
        self.at = 0
        return np.array([[0.0, 0.75, 0.25]])

    def step(self, parents: list[int], tokens: list[int]) -> np.ndarray:
        self.at += 1
        row = [0.0, 0.5, 0.5] if self.at == 1 else [1.0, 0.0, 0.0]
        return np.array([row] * len(parents))


def test_heavy_branches_are_exact() -> None:
    for least in (0.0, 0.1):
        found = grow(Coin(), least, np.random.default_rng(0))
        assert {leaf.tokens: leaf.weight for leaf in found.leaves} == {
            (1, 1, 0): 0.375, (1, 2, 0): 0.375, (2, 1, 0): 0.125, (2, 2, 0): 0.125,
        }  # fmt: skip
        assert found.fed == 2 + 4
    assert all(not leaf.ended for leaf in grow(Coin(), 0.0, np.random.default_rng(0), longest=2).leaves)
    with pytest.raises(ValueError, match="below 1"):
        grow(Coin(), 1.0, np.random.default_rng(0))


def test_roulette_is_unbiased_and_its_throws_are_apart() -> None:
    mass, dice = np.array([0.003, 0.0001, 0.009, 0.0, 0.0049]), np.random.default_rng(0)
    total = np.zeros(5)
    for _ in range(20_000):
        hits = roulette(mass, 0.01, dice)
        np.add.at(total, hits[hits < 5], 0.01)
    assert total / 20_000 == pytest.approx(mass, abs=3e-4)
    assert len(roulette(np.zeros(0), 0.01, dice)) == 0


def test_throws_are_worth_least_each_and_scatter_no_more_than_a_count() -> None:
    """So that their variance has a bound without any replicate; in the first toy most strata hold nothing but harm."""
    for rate, least, at_most in ((0.02, 0.001, 0.5), (0.002, 0.003, 1.15)):
        dice, model = np.random.default_rng(1), toy(rate)
        grown = [grow(model, least, dice) for _ in range(200)]
        drawn = [leaf for tree in grown for leaf in tree.leaves if leaf.throws]
        assert all(leaf.weight == least * len(leaf.throws) for leaf in drawn)
        assert all(leaf.weight >= least for tree in grown for leaf in tree.leaves if not leaf.throws)
        strata = [[throw for leaf in tree.leaves for throw in leaf.throws] for tree in grown]
        assert all(len(set(of)) == len(of) for of in strata)
        harm = np.array([sum(len(leaf.throws) for leaf in tree.leaves if violates(leaf.tokens)) for tree in grown])
        assert harm.var() <= at_most * harm.mean()
        told = [tree_variance([list(map(found_in, pair))], least) for pair in zip(grown[::2], grown[1::2], strict=True)]
        assert np.mean(told) == pytest.approx(least**2 * harm.var() / 2, rel=0.3)


def test_draws_from_a_row_follow_its_chances() -> None:
    chances = np.array([[0.5, 0.5, 0.0], [0.0, 0.1, 0.9], [0.2, 0.3, 0.5]])
    rows, columns, counts = scattered(np.array([20_000, 1, 20_000]), chances, np.random.default_rng(0))
    table = np.zeros((3, 3))
    table[rows, columns] = counts
    assert table.sum(axis=1).tolist() == [20_000, 1, 20_000]
    assert table[0] / 20_000 == pytest.approx(chances[0], abs=0.02)
    assert table[2] / 20_000 == pytest.approx(chances[2], abs=0.02)
    assert [len(part) for part in scattered(np.zeros(0, dtype=np.int64), np.zeros((0, 3)), np.random.default_rng(0))] == [
        0
    ] * 3


@pytest.mark.parametrize(("rate", "least", "trees"), [(0.01, 0.01, 1500), (0.001, 0.003, 1200), (0.0002, 0.003, 1500)])
def test_it_is_unbiased_at_small_rates_and_ten_times_cheaper(rate: float, least: float, trees: int) -> None:
    dice, model = np.random.default_rng(0), toy(rate)
    assert model.rate == pytest.approx(rate)
    grown = [grow(model, least, dice) for _ in range(trees)]
    values = np.array([weight(tree) for tree in grown])
    assert values.mean() == pytest.approx(rate, abs=4 * values.std() / trees**0.5)
    assert np.mean([sum(leaf.weight for leaf in tree.leaves) for tree in grown]) == pytest.approx(1, abs=0.01)
    assert all(leaf.tokens[-1] == END for leaf in grown[0].leaves)
    cost = np.mean([tree.fed for tree in grown])
    gain = rate * (1 - rate) * LENGTH / (values.var() * cost)
    assert gain > (10 if rate == 0.001 else 4)
