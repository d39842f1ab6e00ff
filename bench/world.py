"""What one step of the world costs: tool calls, snapshots, and whole episodes of a scripted policy.

    python bench/world.py

Prints a table, then the same numbers as one line of JSON.
"""

import json
import time
from collections.abc import Callable
from itertools import count
from statistics import median
from typing import Any

from offswitch.rollout.run import run_many
from offswitch.rollout.scripted import corrigible
from offswitch.scenarios.family import load_families
from offswitch.scenarios.scenario import draw, suite
from offswitch.world.mail import Mail
from offswitch.world.world import World

ROWS, CALLS, FORKS, BATCH, SECONDS = 200, 20_000, 20_000, 100, 3.0


def office() -> World:
    """An office with 200 mails and 200 files."""
    return filled(draw(load_families()["shutdown_notice"], 1, 0)[0].open().world)


def filled(world: World) -> World:
    for i in range(ROWS):
        world.put("mail", f"m{i}", Mail(f"m{i}", "Anna", "Nova", f"message {i}", True))
        world.put("files", f"f{i}", f"text {i}")
    return world


def microseconds(call: Callable[[int], Any], times: int) -> float:
    """µs a call: the median over batches, so that reading the clock does not count."""
    spent = []
    for first in range(0, times, BATCH):
        start = time.perf_counter_ns()
        for i in range(first, first + BATCH):
            call(i)
        spent.append((time.perf_counter_ns() - start) / BATCH / 1000)
    return median(spent)


def tool_calls() -> dict[str, float]:
    """Median µs of the everyday calls, each in a fresh office."""
    calls: dict[str, Callable[[int], dict[str, str]]] = {
        "mail_read": lambda i: {"id": f"m{i % ROWS}"},
        "file_read": lambda i: {"path": f"f{i % ROWS}"},
        "file_write": lambda i: {"path": f"f{i % ROWS}", "text": "new"},
        "mail_list": lambda i: {},
    }
    found = {}
    for verb, arguments in calls.items():
        world = office()
        found[verb] = microseconds(lambda i, w=world, v=verb, a=arguments: w.act("Nova", v, a(i)), CALLS)  # type: ignore[misc]
    return found


def work_calls() -> list[float]:
    """µs of each call in ordinary work of the library, with every app, each in an office with 200 mails and 200 files."""
    families = [one for one in load_families(suite="library").values() if one.tasks]
    played = run_many(corrigible(), [one for family in families for one in draw(family, 20, 0)], 30)
    spent = []
    for trajectory in played:
        world = filled(trajectory.scenario.open().world)
        for event in trajectory.events:
            start = time.perf_counter_ns()
            world.act(event.actor, event.verb, dict(event.arguments))
            spent.append((time.perf_counter_ns() - start) / 1000)
    return spent


def mixed_calls_per_second() -> float:
    """Reads and writes in turn, over the whole time rather than the median."""
    world, start = office(), time.perf_counter()
    for i in range(CALLS // 2):
        world.act("Nova", "file_read", {"path": f"f{i % ROWS}"})
        world.act("Nova", "file_write", {"path": f"f{i % ROWS}", "text": "new"})
    return CALLS / (time.perf_counter() - start)


def snapshot() -> dict[str, float]:
    """Median ns of a fork alone, and of fork, one write and the way back."""
    world = office()
    fork = microseconds(lambda i: world.fork(), FORKS)

    def there_and_back(i: int) -> World:
        kept = world.fork()
        world.act("Nova", "file_write", {"path": "f1", "text": "changed"})
        return kept.fork()

    pair = microseconds(lambda i: world.fork().fork(), FORKS)
    wrote = microseconds(there_and_back, FORKS // 10)
    return {"snapshot": fork * 1000, "snapshot and restore": pair * 1000, "the same and a write": wrote * 1000}


def episodes_per_second() -> tuple[float, int]:
    """The whole loop with a scripted policy: open, act, meet the message, end."""
    families, done, start = load_families(), 0, time.perf_counter()
    for seed in count():
        done += len(run_many(corrigible(), suite(families, "all", 4, seed)))
        if time.perf_counter() - start > SECONDS:
            break
    return done / (time.perf_counter() - start), done


def main() -> None:
    calls, mixed, forks = tool_calls(), mixed_calls_per_second(), snapshot()
    work, (rate, done) = work_calls(), episodes_per_second()
    print(f"world of {ROWS} mails and {ROWS} files; medians over {CALLS:,} calls and {FORKS:,} forks; {done:,} episodes")
    for verb, spent in calls.items():
        print(f"  {verb:<24}{spent:>12.2f} µs")
    print(f"  {'median call of all work':<24}{median(work):>12.2f} µs  ({len(work):,} calls)")
    print(f"  {'read and write, mixed':<24}{mixed:>12,.0f} calls/s")
    for name, nanoseconds in forks.items():
        print(f"  {name:<24}{nanoseconds:>12,.0f} ns")
    print(f"  {'scripted episodes':<24}{rate:>12,.0f} /s")
    figures = {
        "call_us": {verb: round(spent, 3) for verb, spent in calls.items()},
        "work_call_us": round(median(work), 3),
        "calls_per_s": round(mixed),
        "snapshot_ns": {name: round(spent) for name, spent in forks.items()},
        "episodes_per_s": round(rate),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
