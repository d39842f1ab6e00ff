"""Very many plain episodes, or very many trees, at the price of a few: what they share is computed once.

Plain episodes from one point are draws from one distribution over turns. So they are drawn together: at each branch the count
of those that stand there is split over the next tokens, multinomially, and the model is asked once for all of them. What
comes out has the very distribution of as many independent episodes (`tests/measure/test_crowd.py`). Trees share in the same
way. Tokens are counted as if each episode and each tree had been alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from offswitch.measure.progress import settled
from offswitch.measure.tree import Speaker, Tree, growth
from offswitch.measure.turn import Branch, Turn, told
from offswitch.rollout.episode import Episode
from offswitch.rollout.policy import PolicyFailure
from offswitch.rollout.twins import past
from offswitch.scenarios.scenario import Scenario

if TYPE_CHECKING:
    from offswitch.measure.tree import Growth, Ints

_CROWD, _TOGETHER = 20_000, 50  # plain episodes, and trees, that are drawn side by side: what memory holds


def forest(speaker: Speaker, growths: Sequence["Growth"]) -> list[Tree]:
    """All to their ends, side by side on one speaker; a branch that several have in common is asked for once."""
    for growing in growths:
        next(growing)
    trees: dict[int, Tree] = {}
    chances, places = speaker.begin(), {i: np.zeros(1, dtype=np.int64) for i in range(len(growths))}
    while places:
        wanted: dict[int, tuple[Ints, Ints]] = {}
        for i, rows in places.items():
            try:
                parents, tokens = growths[i].send(chances[rows])
            except StopIteration as done:
                trees[i] = done.value
            else:
                wanted[i] = rows[parents], np.array(tokens, dtype=np.int64)
        if not wanted:
            break
        width = chances.shape[1]
        keys = np.concatenate([parents * width + tokens for parents, tokens in wanted.values()])
        shared, where = np.unique(keys, return_inverse=True)
        parents, tokens = np.divmod(shared, width)
        chances = speaker.step(parents.tolist(), tokens.tolist())
        ends = np.cumsum([len(tokens) for _, tokens in wanted.values()])
        places = dict(zip(wanted, np.split(where, ends[:-1]), strict=True))
    return [trees[i] for i in range(len(growths))]


@dataclass(frozen=True)
class Plain:
    """Plain episodes of one scenario, up to the end of the turn after the message."""

    true: int
    """With a harmful act in that turn."""
    n: int
    turn: float
    """Tokens of such a turn, on average."""
    past: float
    """Tokens before it, the prompt and all, on average."""


@dataclass(frozen=True)
class Grown:
    """Trees of one scenario with one setting of `least`, each after a past of its own."""

    values: tuple[float, ...]
    throws: tuple[tuple[int, ...], ...]
    """Strata whose throws found harm, in each tree."""
    pasts: tuple[int, ...]
    """Number of the past of each tree."""
    fed: float
    """Tokens of a tree, on average; the past not counted."""


@dataclass
class Stand:
    """Where some plain episodes, or some trees, wait for the turn after the message."""

    episode: Episode
    numbers: tuple[int, ...]
    """Which of them."""


def crowd(policy: Any, scenario: Scenario, n: int, dice: np.random.Generator) -> Plain:
    """`n` plain episodes."""
    turns, pasts, true = 0.0, 0.0, 0
    for stand in stands(policy, scenario, n, dice):
        if stand.episode.ending is not None:
            true += len(stand.numbers) * bool(settled(stand.episode).value)
            continue
        ids, harmful = policy.row(stand.episode).ids, Harm(policy, stand.episode)
        pasts += len(stand.numbers) * len(ids)
        for some in _parts(len(stand.numbers), _CROWD):
            speaker = policy.speaker(ids)
            (drawn,) = forest(speaker, [growth(speaker.end, 1.0, dice, policy.max_new_tokens, some)])
            true += len(harmful.of(drawn)[1])
            turns += sum(leaf.weight * len(leaf.tokens) for leaf in drawn.leaves)
    return Plain(true, n, turns / n, pasts / n)


def trees(policy: Any, scenario: Scenario, n: int, least: float, dice: np.random.Generator) -> Grown:
    """`n` trees."""
    values, throws, pasts, fed = np.zeros(n), [tuple[int, ...]()] * n, np.zeros(n, dtype=np.int64), 0
    for number, stand in enumerate(stands(policy, scenario, n, dice)):
        pasts[list(stand.numbers)] = number
        if stand.episode.ending is not None:
            values[list(stand.numbers)] = bool(settled(stand.episode).value)
            continue
        ids, harmful = policy.row(stand.episode).ids, Harm(policy, stand.episode)
        for start in range(0, len(stand.numbers), _TOGETHER):
            these = stand.numbers[start : start + _TOGETHER]
            speaker = policy.speaker(ids)
            grown = forest(speaker, [growth(speaker.end, least, dice, policy.max_new_tokens) for _ in these])
            for i, tree in zip(these, grown, strict=True):
                values[i], throws[i] = harmful.of(tree)
                fed += tree.fed
    return Grown(tuple(values.tolist()), tuple(throws), tuple(pasts.tolist()), fed / n)


def _parts(n: int, most: int) -> list[int]:
    return [min(most, n - start) for start in range(0, n, most)]


class Harm:
    """How much weight of a tree, and which throws, are on harmful turns; each turn is judged once."""

    def __init__(self, policy: Any, episode: Episode) -> None:
        self._policy, self._episode, self._known = policy, episode, dict[tuple[int, ...], bool]()

    def of(self, tree: Tree) -> tuple[float, tuple[int, ...]]:
        harmful = [leaf for leaf in tree.leaves if leaf.ended and self._harmful(leaf.tokens)]
        return sum(leaf.weight for leaf in harmful), tuple(throw for leaf in harmful for throw in leaf.throws)

    def _harmful(self, tokens: tuple[int, ...]) -> bool:
        known = self._known.get(tokens)
        if known is None:
            after = said(self._policy, self._episode, tokens)
            known = self._known[tokens] = told(Turn((Branch(after, 1.0),), 0)).value > 0
        return known


def said(policy: Any, episode: Episode, tokens: Sequence[int]) -> Episode:
    """A fork in which the turn went so; `tokens` with the one that ends it."""
    twin = episode.fork()
    twin.take(policy.chat(twin.tools).reply(tokens[:-1]))
    return twin


def stands(policy: Any, scenario: Scenario, n: int, dice: np.random.Generator) -> list[Stand]:
    """Pasts up to the message, and which of `n` plain episodes came through each."""
    opening = past(scenario)
    waiting = [Stand(opening, tuple(range(n)))]
    for _ in range(opening.limit):
        waiting = [one for stand in waiting for one in _lived(policy, stand, dice)]
    return [Stand(one.episode.onward(12), one.numbers) for one in waiting]


def _lived(policy: Any, stand: Stand, dice: np.random.Generator) -> list[Stand]:
    """One turn of the past."""
    if stand.episode.ending is not None:
        return [stand]
    speaker = policy.speaker(policy.row(stand.episode).ids)
    (drawn,) = forest(speaker, [growth(speaker.end, 1.0, dice, policy.max_new_tokens, len(stand.numbers))])
    left, after = dice.permutation(stand.numbers).tolist(), []
    for leaf in drawn.leaves:
        mine, left = left[: len(leaf.throws)], left[len(leaf.throws) :]
        after.append(Stand(_after(policy, stand.episode, leaf.tokens, speaker.end), tuple(mine)))
    return after


def _after(policy: Any, episode: Episode, tokens: tuple[int, ...], end: int) -> Episode:
    if tokens[-1] == end:
        return said(policy, episode, tokens)
    twin = episode.fork()
    twin.fail(PolicyFailure("no end of turn"))
    return twin
