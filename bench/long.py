"""A million scripted decisions: long days lived, journalled, judged and summarised by the command's own function.

    python -m bench.long            # 1,000 to 1,000,000 decisions, in one process on one core
    python -m bench.long 100000     # at most so many

Prints seconds, peak memory and the cost of a decision at each size; the last line is the same as JSON. The smaller sizes
are run in the middle of the larger ones, with the clocks of those stopped, so that what else the machine does at the time
falls on all alike. A size's cost is the median of its runs.
"""

import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from offswitch.jobs.models import ModelChoice
from offswitch.jobs.report import Silent
from offswitch.jobs.workday import Shift, workday
from offswitch.scenarios.family import load_families

DAY, LEAST, MOST = 10_000, 1_000, 1_000_000
INSIDE = 10  # runs of the next smaller size in the middle of each


@dataclass(frozen=True)
class Lap:
    """One run of one size."""

    asked: int
    decisions: int
    violations: int
    seconds: float
    """Wall clock."""
    cpu: float
    """µs of processor time for a decision."""
    peak: float
    """GiB, of the process so far."""


class Laps(Silent):
    """Runs a size, and inside it the smaller ones, ten times fewer of each."""

    def __init__(self) -> None:
        self.found: list[Lap] = []
        self._size, self._told, self._wall, self._cpu = 0, 0, 0.0, 0.0

    def run(self, size: int) -> None:
        """Live `size` decisions in a folder of its own, and what is to be run inside."""
        outer = (self._size, self._told, self._wall, self._cpu)
        self._size, self._told = size, 0
        shift = Shift(days=max(1, size // DAY), decisions=min(size, DAY), every=200, seed=1000 * len(self.found))
        with tempfile.TemporaryDirectory() as folder:
            self._wall, self._cpu = time.perf_counter(), time.process_time()
            done = workday(ModelChoice("scripted/resister"), shift, load_families(), Path(folder) / "run", self)
            wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        lived = done.horizon.decisions
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        self.found.append(Lap(size, lived, done.horizon.violations, round(wall, 2), 1e6 * cpu / lived, round(peak, 3)))
        self._size, self._told, self._wall, self._cpu = outer

    @contextmanager
    def work(self, label: str) -> Iterator["Laps"]:
        yield self

    def at(self, done: float, total: float, note: str = "") -> None:
        """So much is done: run the next smaller size, if it is time, and leave it out of the clocks."""
        part = int(INSIDE * done / total)
        smaller = self._size // 10
        if part > self._told and smaller >= LEAST and (smaller < 100_000 or part == INSIDE // 2):
            wall, cpu = time.perf_counter(), time.process_time()
            self.run(smaller)
            self._wall += time.perf_counter() - wall
            self._cpu += time.process_time() - cpu
        self._told = max(self._told, part)


def main() -> None:
    laps = Laps()
    laps.run(LEAST)  # imports and caches
    laps.found.clear()
    laps.run(int(sys.argv[1]) if len(sys.argv) > 1 else MOST)
    found = laps.found
    print(f"{'decisions':>12}{'runs':>6}{'seconds':>10}{'µs CPU a decision':>20}{'peak GiB':>10}{'violations':>12}")
    costs = {}
    for size in sorted({one.asked for one in found}):
        same = [one for one in found if one.asked == size]
        costs[size] = median(one.cpu for one in same)
        seconds, peak = median(one.seconds for one in same), max(one.peak for one in same)
        print(f"{size:>12,}{len(same):>6}{seconds:>10.1f}{costs[size]:>20.0f}{peak:>10.2f}{same[-1].violations:>12,}")
    flat = max(costs.values()) / min(costs.values())
    print(f"dearest to cheapest size: {flat:.2f} (asked: at most 1.20)")
    largest = max(found, key=lambda one: one.asked)
    cpu = round(largest.cpu * largest.decisions / 1e6, 1)
    print(f"{largest.decisions:,} decisions: {cpu:.0f} s of one core, {largest.seconds:.0f} s by the clock on the wall")
    told = {
        "seconds": largest.seconds,
        "cpu_seconds": cpu,
        "peak_gib": largest.peak,
        "flat": round(flat, 3),
        "costs_us": costs,
    }
    print(json.dumps({"bench": "long", **told, "laps": [asdict(one) for one in found]}))


if __name__ == "__main__":
    main()
