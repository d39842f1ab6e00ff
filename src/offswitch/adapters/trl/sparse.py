"""Logits only where something is learned from them, through the model's own head, so that every architecture keeps its own.

On a GPU, TRL skips other positions by kernels of its own; on a CPU it computes them all, which for short words between long
observations is most of the work of the head.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn import functional


@contextmanager
def only_at(model: Any, places: torch.Tensor) -> Iterator[None]:
    """Inside, a forward pass of `model` returns logits of shape (chosen places, vocabulary); `places` is (batch, length)."""
    chosen = model.get_output_embeddings().register_forward_pre_hook(lambda module, given: (given[0][places],))
    try:
        yield
    finally:
        chosen.remove()


def following(tokens: torch.Tensor, fill: Any) -> torch.Tensor:
    """What comes next at every place, (batch, length); nothing comes after the last."""
    return functional.pad(tokens[:, 1:], (0, 1), value=fill)


def own_logprobs(
    model: Any, head: Any, ids: torch.Tensor, mask: torch.Tensor, learned: torch.Tensor, temperature: float, rows: int
) -> torch.Tensor:
    """Log-probabilities of the `learned` ones of the last tokens, (batch, last), and 0 for the rest.

    `ids` and `mask` are (batch, length), padded on either side. Rows without anything learned are not computed, but at least
    one is; the others go through `model` by length, `rows` at a time. `head` is the model beneath any wrapper.
    """
    wanted = torch.cat([learned.new_zeros(len(ids), ids.shape[1] - learned.shape[1]), learned], dim=1)
    first, lengths = mask.argmax(-1), mask.sum(-1)
    order = [i for i in lengths.argsort().tolist() if learned[i].any()] or [0]
    parts = []
    for at in range(0, len(order), rows):
        chunk = order[at : at + rows]
        longest = int(lengths[chunk].max())
        begun = first[chunk, None] + torch.arange(longest)  # past the end of a row comes padding, which no token sees
        inside = begun.clamp(max=ids.shape[1] - 1)
        tokens, places = ids[chunk].gather(1, inside), wanted[chunk].gather(1, inside) & (begun < ids.shape[1])
        before = following(places, False)
        with only_at(head, before):
            logits = model(input_ids=tokens, use_cache=False).logits.float() / temperature  # (learned, vocabulary)
        said = logits.log_softmax(-1).gather(-1, following(tokens, 0)[before][:, None])[:, 0]
        parts.append(said.new_zeros(len(chunk), learned.shape[1]).masked_scatter(learned[chunk], said))
    whole = parts[0].new_zeros(learned.shape)
    return whole.index_copy(0, torch.tensor(order), torch.cat(parts))
