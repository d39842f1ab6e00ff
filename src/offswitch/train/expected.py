"""What a stage will cost, before it runs."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Expected:
    """One stage. Tokens count every time that they are seen."""

    kind: str
    rows: int
    """Rows, or rollouts."""
    tokens: int
    learned: int
    """Of these, those with a loss."""
    steps: int
    parameters: int
    trained: int
    """Parameters that change."""
    bytes: int
    """Memory: weights, gradients, the optimizer's two moments, and activations of one batch (see `memory`)."""
    seconds: float
    """On this machine as it is now."""


@dataclass(frozen=True)
class Shape:
    """What activations depend on."""

    layers: int
    width: int
    heads: int
    vocabulary: int


def memory(parameters: int, trained: int, shape: Shape, batch: tuple[int, int], reference: bool = False) -> int:
    """Bytes in full precision (4 each): weights, gradients and Adam's moments, and the activations of a batch (rows, tokens).

    Activations are those of Korthikanti et al. 2022 (arXiv 2205.05198, eq. 2), twice for full precision, with the logits and
    their gradient; recomputing would need less. With a `reference`, its weights where all are trained, its logits, and the
    logarithms of both.
    """
    rows, length = batch
    layer = rows * length * (34 * shape.width + 5 * shape.heads * length) * 2
    logits = (20 if reference else 8) * rows * length * shape.vocabulary
    copy = 4 * parameters if reference and trained == parameters else 0
    return 4 * parameters + copy + 12 * trained + shape.layers * layer + logits


def table(found: Sequence[Expected]) -> str:
    """All stages and their sum, for a terminal."""
    head = ("stage", "rows", "tokens", "learned", "steps", "trained", "memory", "time")
    lines: list[tuple[str, ...]] = [head]
    for i, one in enumerate(found):
        share = f"{one.trained:,} of {one.parameters:,}"
        told = (one.rows, one.tokens, one.learned, one.steps)
        lines.append((f"{i} {one.kind}", *(f"{n:,}" for n in told), share, size(one.bytes), span(one.seconds)))
    total = (sum(one.tokens for one in found), sum(one.learned for one in found), sum(one.steps for one in found))
    most = max((one.bytes for one in found), default=0)
    lines.append(("all", "", *(f"{n:,}" for n in total), "", size(most), span(sum(one.seconds for one in found))))
    wide = [max(len(line[k]) for line in lines) for k in range(len(head))]
    rows = (
        "  ".join(cell.ljust(w) if k == 0 else cell.rjust(w) for k, (cell, w) in enumerate(zip(line, wide, strict=True)))
        for line in lines
    )
    return "\n".join(row.rstrip() for row in rows)


def size(n: int) -> str:
    """Bytes, for a person."""
    return f"{n / 2**30:.1f} GiB" if n >= 2**30 else f"{n / 2**20:.0f} MiB"


def span(seconds: float) -> str:
    """A time, for a person."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
