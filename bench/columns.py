"""A full summary of many episodes from a Parquet file, and the comparison of two such runs: seconds and peak memory of a
process that does nothing else.

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
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from offswitch.measure.columns import count_columns, pair_columns, schema, summarise_columns
from offswitch.measure.compare import Setting, compare
from offswitch.measure.verdict import FIELDS

TASKS = {"summarise": "full summary", "compare": "comparison of two such runs"}
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


def done(task: str, path: Path) -> dict[str, float]:
    """In this process, on one core; a comparison is of the file with itself."""
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    start, cpu = time.perf_counter(), time.process_time()
    if task == "compare":
        run = Setting("run", "made up", "heldout, train", 0, 0, None, {})
        compare(run, run, (count_columns(path), count_columns(path)), pair_columns(path, path))
    else:
        summarise_columns(path)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    return {"seconds": round(seconds, 2), "cpu_seconds": round(cpu, 2), "peak_gib": round(peak, 3)}


def main() -> None:
    if len(sys.argv) == 3 and sys.argv[1] in TASKS:
        print(json.dumps(done(sys.argv[1], Path(sys.argv[2]))))
        return
    episodes = int(sys.argv[1]) if len(sys.argv) > 1 else EPISODES
    figures: dict[str, Any] = {"episodes": episodes}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "episodes.parquet"
        generate(path, episodes)
        figures["file_mib"] = round(path.stat().st_size / 1024**2, 1)
        for task in TASKS:
            command = [sys.executable, "-m", "bench.columns", task, str(path)]
            figures[task] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    print(f"{episodes:,} episodes in {FAMILIES} families, one process on one core, from {figures['file_mib']} MiB of Parquet")
    print(f"  {'':<40}{'seconds':>10}{'of CPU':>10}{'peak GiB':>10}")
    for task, title in TASKS.items():
        one = figures[task]
        print(f"  {title:<40}{one['seconds']:>10.2f}{one['cpu_seconds']:>10.2f}{one['peak_gib']:>10.2f}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
