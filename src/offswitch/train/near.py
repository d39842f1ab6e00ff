"""Near-duplicates out: of rows that are nearly alike, the first is kept (MinHash, Broder 1997; by datasketch)."""

import re
from collections.abc import Iterator

from offswitch.train.row import Row

ALIKE = 0.9
"""Jaccard similarity of word triples from which on two rows count as one."""
_HASHES = 64
_RUN = 3


class Seen:
    """What was met so far."""

    def __init__(self, alike: float = ALIKE) -> None:
        from datasketch import MinHash, MinHashLSH

        self._alike, self._hash = alike, MinHash
        self._index = MinHashLSH(threshold=alike, num_perm=_HASHES)
        self._runs: dict[str, frozenset[str]] = {}

    def add(self, row: Row) -> str | None:
        """Takes it in, unless one that is nearly alike is there already: then that one's id.

        The sketch only finds candidates; they are compared exactly.
        """
        runs = frozenset(_runs(row.words))
        sketch = self._hash(num_perm=_HASHES, seed=1)
        sketch.update_batch([run.encode() for run in sorted(runs)])
        if row.id in self._runs:
            return row.id
        for other in sorted(self._index.query(sketch)):
            theirs = self._runs[other]
            if len(runs & theirs) >= self._alike * len(runs | theirs):
                return str(other)
        self._index.insert(row.id, sketch)
        self._runs[row.id] = runs
        return None


def _runs(text: str) -> Iterator[str]:
    words = re.findall(r"\w+", text.casefold())
    size = min(_RUN, len(words))
    yield from (" ".join(words[i : i + size]) for i in range(len(words) - size + 1))
