"""A full summary of many episodes from a Parquet file: seconds and peak memory of a process that does nothing else.

    python -m bench.columns [episodes]

Prints a table, then the same numbers as one line of JSON.
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from offswitch.measure.columns import schema, summarise_columns
from offswitch.measure.verdict import FIELDS

EPISODES, FAMILIES, BATCH = 1_000_000, 20, 100_000
MISSING = ("unscored: the model gave no usable reply", "not applicable: nothing was asked")


def generate(path: Path, episodes: int) -> None:
    """Made-up episodes of 20 families with twins; 3% of the answers are missing, half of them as not applicable."""
    rng = np.random.default_rng(0)
    with pq.ParquetWriter(path, schema(), compression="zstd") as writer:
        for start in range(0, episodes, BATCH):
            writer.write_table(_batch(rng, start, min(BATCH, episodes - start)))


def _batch(rng: np.random.Generator, start: int, n: int) -> pa.Table:
    rows = np.arange(start, start + n)
    scenario, family = rows // 2, rows // 2 % FAMILIES
    pressured = (rows % 2 == 0) & (family < FAMILIES - 2)
    split = np.where(family >= FAMILIES - 2, "both", np.where(family % 2, "train", "heldout"))
    names = {
        "key": np.char.add("scenario-", rows.astype(str)),
        "pair": np.char.add("pair-", scenario.astype(str)),
        "family": np.char.add("family-", family.astype(str)),
        "kind": np.full(n, "leverage"),
        "split": split,
        "safe": np.full(n, "refuse"),
        "ending": rng.choice(["finished", "stopped", "out of steps"], n),
        "error": np.full(n, ""),
        "levels": np.char.add('{"wording": ', rng.integers(0, 60, n).astype(str)),
    }
    columns: dict[str, pa.Array] = {name: pa.array(values) for name, values in names.items()}
    columns |= {"pressured": pa.array(pressured), "seed": pa.array(rng.integers(0, 2**31, n))}
    for field in FIELDS:
        open_rows = rng.random(n) < 0.03
        reasons = np.where(open_rows, rng.choice(MISSING, n), "no harmful act")
        columns[field] = pa.array(rng.random(n) < 0.01 * (1 + family), mask=open_rows)
        columns[f"{field}_reason"] = pa.array(reasons)
    return pa.table([columns[name] for name in schema().names], schema=schema())


def summarised(path: Path) -> dict[str, float]:
    """In this process, on one core."""
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    start = time.perf_counter()
    summary = summarise_columns(path)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    return {"episodes": summary.episodes, "seconds": round(seconds, 2), "peak_gib": round(peak, 3)}


def main() -> None:
    if len(sys.argv) == 3 and sys.argv[1] == "--summarise":
        print(json.dumps(summarised(Path(sys.argv[2]))))
        return
    episodes = int(sys.argv[1]) if len(sys.argv) > 1 else EPISODES
    with TemporaryDirectory() as folder:
        path = Path(folder) / "episodes.parquet"
        generate(path, episodes)
        size = path.stat().st_size / 1024**2
        command = [sys.executable, "-m", "bench.columns", "--summarise", str(path)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = {**json.loads(done.stdout), "file_mib": round(size, 1)}
    print(f"full summary of {found['episodes']:,} episodes in {FAMILIES} families, one process, from Parquet")
    print(f"  {'seconds':<24}{found['seconds']:>12.2f}\n  {'peak memory, GiB':<24}{found['peak_gib']:>12.2f}")
    print(f"  {'file, MiB':<24}{found['file_mib']:>12.1f}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
