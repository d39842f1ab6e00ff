"""Very many plain episodes, or very many trees, at the price of a few: what they share is computed once.

Plain episodes from one point are draws from one distribution over turns. So they are drawn together: at each branch the count
of those that stand there is split over the next tokens, multinomially, and the model is asked once for all of them. What
comes out has the very distribution of as many independent episodes (`tests/measure/test_crowd.py`). Trees share in the same
way. Tokens are counted as if each episode and each tree had been alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from offswitch.measure.progress import settled
from offswitch.measure.tree import Speaker, Tree, growth, lottery
from offswitch.measure.turn import Branch, Turn, told
from offswitch.rollout.episode import Episode
from offswitch.rollout.policy import PolicyFailure
from offswitch.rollout.twins import past
from offswitch.scenarios.scenario import Scenario

if TYPE_CHECKING:
    from offswitch.measure.tree import Floats, Follow, Growth, Ints

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


def plain(end: int, n: int, dice: np.random.Generator, longest: int) -> "Growth":
    """`n` plain turns: a tree whose weights are counts."""
    return growth(end, partial(_split, dice=dice), longest, float(n))


def _split(counts: "Floats", chances: "Floats", dice: np.random.Generator) -> "tuple[Ints, Ints, Floats]":
    alone, several = np.flatnonzero(counts == 1), np.flatnonzero(counts > 1)
    below = chances[alone].cumsum(axis=1)
    one = (below <= dice.random((len(alone), 1)) * below[:, -1:]).sum(axis=1)
    found = dice.multinomial(counts[several].astype(np.int64), _whole(chances[several]))
    rows, tokens = np.nonzero(found)
    parents = np.concatenate([alone, several[rows]])
    return parents, np.concatenate([one, tokens]), np.concatenate([np.ones(len(alone)), found[rows, tokens]])


def _whole(chances: "Floats") -> "Floats":
    """Rows that sum to 1 to the last digit, as the dice want them."""
    return chances / chances.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class Met:
    """What one scenario gave."""

    true: int
    """Plain episodes with a harmful act in the turn after the message."""
    n: int
    turn: float
    """Tokens of such a turn, on average."""
    past: float
    """Tokens before it, the prompt and all, on average."""
    trees: tuple[tuple[float, ...], ...]
    """For each setting of `least`: the value of each tree, after a past of its own."""
    fed: tuple[float, ...]
    """Tokens of a tree, on average, for each setting; the past not counted."""
    asked: int
    """Tokens that the model was really given."""


@dataclass
class Stand:
    """Where some plain episodes, and some trees of each setting, wait for the turn after the message."""

    episode: Episode
    plain: int
    trees: tuple[tuple[int, ...], ...]
    """Numbers of trees."""


def meet(policy: Any, scenario: Scenario, n: int, trees: int, leasts: Sequence[float], seed: int) -> Met:
    """`n` plain episodes up to the end of the turn after the message, and `trees` trees for each of `leasts`."""
    dice, before = np.random.default_rng(seed), policy.fed
    values = [np.zeros(trees) for _ in leasts]
    fed, turns, pasts, true = np.zeros(len(leasts)), 0.0, 0.0, 0
    for stand in stands(policy, scenario, n, trees, len(leasts), dice):
        if stand.episode.ending is not None:
            harm = bool(settled(stand.episode).value)
            true += stand.plain * harm
            for mine, kept in zip(stand.trees, values, strict=True):
                kept[list(mine)] = harm
            continue
        ids, harmful = policy.row(stand.episode).ids, Harm(policy, stand.episode)
        for some in _parts(stand.plain, _CROWD):
            (crowd,) = _grown(policy, ids, [partial(_split, dice=dice)], float(some))
            true += round(harmful.of(crowd))
            turns += sum(leaf.weight * len(leaf.tokens) for leaf in crowd.leaves)
            pasts += some * len(ids)
        for j, (least, mine) in enumerate(zip(leasts, stand.trees, strict=True)):
            for start in range(0, len(mine), _TOGETHER):
                these = list(mine[start : start + _TOGETHER])
                grown = _grown(policy, ids, [partial(lottery, least=least, dice=dice)] * len(these), 1.0)
                values[j][these] = [harmful.of(tree) for tree in grown]
                fed[j] += sum(tree.fed for tree in grown)
    kept = tuple(tuple(part.tolist()) for part in values)
    return Met(true, n, turns / n, pasts / n, kept, tuple((fed / max(1, trees)).tolist()), policy.fed - before)


def _grown(policy: Any, ids: Sequence[int], follows: Sequence["Follow"], weight: float) -> list[Tree]:
    speaker = policy.speaker(ids)
    return forest(speaker, [growth(speaker.end, follow, policy.max_new_tokens, weight) for follow in follows])


def _parts(n: int, most: int) -> list[int]:
    return [min(most, n - start) for start in range(0, n, most)]


class Harm:
    """How much weight of a tree is on harmful turns; each turn is judged once."""

    def __init__(self, policy: Any, episode: Episode) -> None:
        self._policy, self._episode, self._known = policy, episode, dict[tuple[int, ...], bool]()

    def of(self, tree: Tree) -> float:
        return sum(leaf.weight for leaf in tree.leaves if leaf.ended and self._harmful(leaf.tokens))

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


def stands(policy: Any, scenario: Scenario, n: int, trees: int, settings: int, dice: np.random.Generator) -> list[Stand]:
    """Pasts up to the message, with how many plain episodes and which trees came through each."""
    opening = past(scenario)
    waiting = [Stand(opening, n, tuple(tuple(range(trees)) for _ in range(settings)))]
    for _ in range(opening.limit):
        waiting = [one for stand in waiting for one in _lived(policy, stand, dice)]
    return [Stand(one.episode.onward(12), one.plain, one.trees) for one in waiting]


def _lived(policy: Any, stand: Stand, dice: np.random.Generator) -> list[Stand]:
    """One turn of the past."""
    if stand.episode.ending is not None:
        return [stand]
    row = policy.row(stand.episode)
    speaker = policy.speaker(row.ids)
    counts = [stand.plain, *map(len, stand.trees)]
    grown = forest(speaker, [plain(speaker.end, count, dice, policy.max_new_tokens) for count in counts])
    ways: dict[tuple[int, ...], list[int]] = {}
    for i, tree in enumerate(grown):
        for leaf in tree.leaves:
            if leaf.weight:
                ways.setdefault(leaf.tokens, [0] * len(counts))[i] = int(leaf.weight)
    left = [list(dice.permutation(mine)) for mine in stand.trees]
    after = []
    for tokens, (alone, *some) in ways.items():
        mine = tuple(tuple(int(rest.pop()) for _ in range(k)) for rest, k in zip(left, some, strict=True))
        after.append(Stand(_after(policy, stand.episode, tokens, speaker.end), alone, mine))
    return after


def _after(policy: Any, episode: Episode, tokens: tuple[int, ...], end: int) -> Episode:
    if tokens[-1] == end:
        return said(policy, episode, tokens)
    twin = episode.fork()
    twin.fail(PolicyFailure("no end of turn"))
    return twin
