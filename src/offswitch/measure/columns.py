"""Verdicts as columns in a Parquet file: a million episodes are summed up in seconds, with the numbers of `summary`.

Only what summaries need is kept; messages and events stay in the run's JSON lines, which name the same keys.
"""

import json
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from offswitch.errors import DocumentError
from offswitch.measure.contrast import Table
from offswitch.measure.counts import OUTSIDE, Arm, Count, FamilyCounts, Pairs, count, pool_of
from offswitch.measure.record import Episode
from offswitch.measure.summary import POOLS, Summary, from_counts
from offswitch.measure.verdict import FIELDS

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow

    Ints = npt.NDArray[np.int64]

_TEXTS = ("key", "pair", "family", "kind", "split", "safe", "ending", "error", "levels")
_BATCH = 20_000


def schema() -> "pyarrow.Schema":
    """A row per episode. A verdict is a column named after its question (null where unscored), with its reason beside it."""
    import pyarrow as pa

    verdicts = [column for field in FIELDS for column in ((field, pa.bool_()), (_reason(field), pa.string()))]
    return pa.schema([*((name, pa.string()) for name in _TEXTS), ("pressured", pa.bool_()), ("seed", pa.int64()), *verdicts])


def _reason(field: str) -> str:
    return f"{field}_reason"


def write_columns(episodes: Iterable[Episode], path: Path | str) -> int:
    """Write episodes to a Parquet file as they come, never holding more than a batch; returns how many there were."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows, total = iter(episodes), 0
    with pq.ParquetWriter(path, schema(), compression="zstd") as writer:
        while batch := [_row(episode) for episode in islice(rows, _BATCH)]:
            writer.write_table(pa.Table.from_pylist(batch, schema=schema()))
            total += len(batch)
    return total


def _row(episode: Episode) -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(episode, name) for name in _TEXTS if name != "levels"}
    row |= {"levels": json.dumps(episode.levels), "pressured": episode.pressured, "seed": episode.seed}
    for field in FIELDS:
        verdict = episode.findings[field]
        row |= {field: verdict.value, _reason(field): verdict.reason}
    return row


def summarise_columns(path: Path | str, level: float = 0.95) -> Summary:
    """`summary.summarise` of the episodes in a Parquet file. Raises `DocumentError` for a file that is not one."""
    return from_counts(count_columns(path), level)


class _Names(NamedTuple):
    """A text column as numbers."""

    codes: "Ints"
    names: list[str]
    """In the order in which they first come."""


class _Run:
    """The columns of one file, read one at a time so that memory holds a few of them only."""

    def __init__(self, path: Path | str) -> None:
        import numpy as np
        import pyarrow.parquet as pq
        from pyarrow.lib import ArrowException

        self._path = path
        try:
            found = set(pq.read_schema(path).names)
        except (OSError, ArrowException) as error:
            raise DocumentError(path, None, "", f"is no Parquet file ({error})") from error
        if missing := sorted(set(schema().names) - found):
            raise DocumentError(path, None, missing[0], "this column is missing; write the file again with write_columns")
        self.family, self.split = self.text("family"), self.text("split")
        self.pressured: Ints = self.column("pressured").to_numpy(zero_copy_only=False).astype(np.int64)

    def column(self, name: str) -> "pyarrow.Array":
        import pyarrow.parquet as pq

        return pq.read_table(self._path, columns=[name]).column(0).combine_chunks()

    def text(self, name: str) -> _Names:
        import numpy as np

        found = self.column(name).dictionary_encode()
        return _Names(found.indices.to_numpy(zero_copy_only=False).astype(np.int64), found.dictionary.to_pylist())

    def verdicts(self, field: str) -> "npt.NDArray[np.int8]":
        """1, 0, or -1 for unscored."""
        import numpy as np
        import pyarrow.compute as pc

        values: npt.NDArray[np.int8] = pc.fill_null(pc.cast(self.column(field), "int8"), -1).to_numpy(zero_copy_only=False)
        return values

    @property
    def pools(self) -> "Ints":
        """Index into `POOLS` of each row."""
        import numpy as np

        codes = [[POOLS.index(pool_of(split, bool(side))) for side in (0, 1)] for split in self.split.names]
        return np.array(codes, dtype=np.int64).reshape(-1, 2)[self.split.codes, self.pressured]


def count_columns(path: Path | str) -> list[FamilyCounts]:
    """`counts.count_families` of the episodes in a Parquet file."""
    import numpy as np

    run = _Run(path)
    pools = run.pools
    groups = run.family.codes * len(POOLS) + pools
    present, first = np.unique(groups, return_index=True)
    present = present[np.argsort(first)]
    counts = {field: _counts(run, field, groups) for field in FIELDS}
    endings, sizes = _by_group(run.text("ending"), groups), np.bincount(groups)
    twins = _twins(run)
    meta = [run.text(name) for name in ("kind", "split", "safe")]
    _, begins = np.unique(run.family.codes, return_index=True)
    rows = []
    for code, id in enumerate(run.family.names):
        kind, split, safe = (column.names[column.codes[begins[code]]] for column in meta)
        arms = {
            POOLS[group % len(POOLS)]: Arm(
                int(sizes[group]), endings.get(group, {}), {field: counts[field][group] for field in FIELDS}
            )
            for group in map(int, present)
            if group // len(POOLS) == code
        }
        tables = {field: found[code] for field, found in twins.items() if code in found}
        rows.append(FamilyCounts(id, kind, split, safe, arms, tables))
    return rows


def _by_group(column: _Names, groups: "Ints") -> dict[int, dict[str, int]]:
    """How often each name comes in each group, in the order in which it first does."""
    import numpy as np

    width = max(len(column.names), 1)
    cells, first, sizes = np.unique(groups * width + column.codes, return_index=True, return_counts=True)
    found: dict[int, dict[str, int]] = {}
    for i in np.argsort(first):
        group, code = divmod(int(cells[i]), width)
        found.setdefault(group, {})[column.names[code]] = int(sizes[i])
    return found


def _counts(run: _Run, field: str, groups: "Ints") -> dict[int, Count]:
    import numpy as np

    values = run.verdicts(field)
    table = np.bincount(groups * 3 + values + 1, minlength=3 * (int(groups.max(initial=0)) + 1)).reshape(-1, 3)
    reasons, open_rows = run.text(_reason(field)), values < 0
    none = _by_group(_Names(reasons.codes[open_rows], reasons.names), groups[open_rows])
    found = {}
    for group in map(int, np.unique(groups)):
        why = none.get(group, {})
        outside = next((reason for reason in why if reason.startswith(OUTSIDE)), "")
        missing = {reason: n for reason, n in why.items() if not reason.startswith(OUTSIDE)}
        found[group] = count(int(table[group, 2]), int(table[group, 1]), missing, outside)
    return found


def _twins(run: _Run) -> dict[str, dict[int, Table]]:
    import numpy as np

    pairs, rows = run.text("pair").codes, np.arange(len(run.pressured))
    one, two = rows[run.pressured == 1], rows[run.pressured == 0]
    a, b = _matched(pairs[one], pairs[two])
    one, two = one[a], two[b]
    return {field: _tables(run.verdicts(field)[one], run.verdicts(field)[two], run.family.codes[one]) for field in FIELDS}


def _matched(first: "Ints", second: "Ints") -> "tuple[Ints, Ints]":
    """Positions that pair up: equal code, and the same how-manieth with that code."""
    import numpy as np

    turns = [_turn(first), _turn(second)]
    width = 1 + max(int(turn.max(initial=0)) for turn in turns)
    _, a, b = np.intersect1d(first * width + turns[0], second * width + turns[1], assume_unique=True, return_indices=True)
    return a, b


def _turn(codes: "Ints") -> "Ints":
    """How many equal codes came before each."""
    import numpy as np

    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    new = np.r_[True, ordered[1:] != ordered[:-1]] if len(codes) else np.zeros(0, bool)
    position = np.arange(len(codes))
    turn = np.empty(len(codes), dtype=np.int64)
    turn[order] = position - np.maximum.accumulate(np.where(new, position, 0)) if len(codes) else position
    return turn


def _tables(one: "npt.NDArray[np.int8]", two: "npt.NDArray[np.int8]", families: "Ints") -> dict[int, Table]:
    import numpy as np

    both = (one >= 0) & (two >= 0)
    cells = families[both] * 4 + (1 - one[both]) * 2 + (1 - two[both])
    found = np.bincount(cells, minlength=4 * (int(families.max(initial=0)) + 1)).reshape(-1, 4)
    return {code: Table(*map(int, row)) for code, row in enumerate(found) if row.sum()}


def pair_columns(before: Path | str, after: Path | str) -> Pairs:
    """`counts.count_pairs` of two Parquet files."""
    import numpy as np

    old, new = _Run(before), _Run(after)
    keys, places = old.text("key"), new.text("key")
    known = {name: code for code, name in enumerate(keys.names)}
    codes = np.array([known.get(name, -1 - code) for code, name in enumerate(places.names)], dtype=np.int64)[places.codes]
    here, there = _matched(codes, keys.codes)
    order = np.argsort(here)
    here, there = here[order], there[order]
    pools, names = new.pools[here], new.family.names
    tables: dict[str, dict[str, dict[str, Table]]] = {POOLS[pool]: {} for pool in np.unique(pools)}
    for field in FIELDS:
        one, two = new.verdicts(field)[here], old.verdicts(field)[there]
        for pool in np.unique(pools):
            chosen = pools == pool
            counted = _tables(one[chosen], two[chosen], new.family.codes[here][chosen])
            tables[POOLS[pool]][field] = {names[code]: table for code, table in counted.items()}
    return Pairs(len(here), tables)
