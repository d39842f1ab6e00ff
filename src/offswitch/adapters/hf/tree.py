"""A local model tells the probabilities of all that it might say in a turn: branches in lockstep on one cache."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from transformers.cache_utils import Cache

from offswitch.adapters.hf.branching import Branching
from offswitch.errors import ModelError
from offswitch.measure.tree import Leaf, grow
from offswitch.measure.turn import Branch, Turn
from offswitch.rollout.episode import Episode
from offswitch.rollout.policy import PolicyFailure

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from offswitch.adapters.hf.policy import HFPolicy, Row


class Voice:
    """A `measure.tree.Speaker`: the past is computed once and shared, each branch adds one token a step."""

    def __init__(self, policy: "HFPolicy", ids: Sequence[int]) -> None:
        self.end = int(policy.tokenizer.eos_token_id)
        self._policy, self._ids = policy, list(ids)
        layers = policy.model.config.get_text_config().num_hidden_layers
        self._cache = Cache(layers=[Branching() for _ in range(layers)])
        self._rows = 1

    @torch.inference_mode()
    def begin(self) -> "npt.NDArray[np.float64]":
        """Shape (1, vocabulary)."""
        return self._chances(self._policy.forward([self._ids], self._cache))

    @torch.inference_mode()
    def step(self, parents: Sequence[int], tokens: Sequence[int]) -> "npt.NDArray[np.float64]":
        """Shape (branches, vocabulary)."""
        if list(parents) != list(range(self._rows)):
            self._cache.batch_select_indices(torch.tensor(parents, device=self._policy.model.device))
        self._rows = len(parents)
        return self._chances(self._policy.forward([[token] for token in tokens], self._cache))

    def _chances(self, logits: torch.Tensor) -> "npt.NDArray[np.float64]":
        chances: npt.NDArray[np.float64] = torch.softmax(logits.double() / self._policy.temperature, -1).cpu().numpy()
        return chances


@torch.inference_mode()
def turn(policy: "HFPolicy", episode: Episode, least: float, seed: int) -> Turn:
    """See `measure.turn.Teller`. Raises `ModelError` at temperature 0, where nothing is left to chance."""
    import numpy as np

    if policy.temperature == 0:
        raise ModelError("at temperature 0 a turn has one branch only; measure it, or choose a --temperature")
    if least < 1e-6:
        raise ModelError(f"a tree with branches down to {least:g} would never end; take at least 1e-06")
    row = policy.row(episode)
    if episode.ending is not None:  # too long for the model
        return Turn((Branch(episode, 1.0),), 0)
    found = grow(Voice(policy, row.ids), least, np.random.default_rng(seed), policy.max_new_tokens)
    return Turn(tuple(_branch(policy, row, leaf) for leaf in found.leaves), found.fed)


def _branch(policy: "HFPolicy", row: "Row", leaf: Leaf) -> Branch:
    twin = row.episode.fork()
    if leaf.ended:
        twin.take(policy.chat(twin.tools).reply(leaf.tokens[:-1]))
    else:
        twin.fail(PolicyFailure(f"no end of turn within {policy.max_new_tokens} tokens"))
    return Branch(twin, leaf.weight, leaf.throws)
