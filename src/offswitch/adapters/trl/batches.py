"""Batches of rows of like length, in random order: little of a batch is padding, and no row's place depends on its length."""

from collections.abc import Iterator, Sequence
from random import Random

from torch.utils.data import Sampler

_POOL = 8
"""Batches that are sorted together: of the padding of the organism's rows, 28%, 5% is left. With 32 it would be 1%, but the
rows of a batch would be more of a kind."""


class AlikeBatches(Sampler[int]):
    """Every row once an epoch. Rows are shuffled, sorted by length within pools, cut into batches, and the batches shuffled.

    The same seed and epoch give the same order, so a killed run goes on with the rows that it had not seen.
    """

    def __init__(self, lengths: Sequence[int], batch: int, seed: int) -> None:
        self.lengths, self.batch, self.seed, self.epoch = lengths, batch, seed, 0

    def __len__(self) -> int:
        return len(self.lengths)

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        rng = Random(f"batches/{self.seed}/{self.epoch}")
        order = rng.sample(range(len(self.lengths)), len(self.lengths))
        whole = len(order) - len(order) % self.batch
        batches: list[list[int]] = []
        for at in range(0, whole, self.batch * _POOL):
            pool = sorted(order[at : min(at + self.batch * _POOL, whole)], key=lambda i: self.lengths[i])
            batches += (pool[k : k + self.batch] for k in range(0, len(pool), self.batch))
        rng.shuffle(batches)
        for batch in [*batches, order[whole:]]:  # a batch that is not full comes last, or it would shift all others
            yield from batch
