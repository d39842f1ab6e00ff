"""What a dry run foretells, against the run that follows: steps, tokens, time and memory of every kind of stage.

    python -m bench.dry [--dose 0.1]

The recipe `full` on the organism, each stage from the organism itself, dry and real in processes of their own. One thread,
and on both sides processor time, which on an idle core is the clock's. Tokens are counted as the model is fed them, memory is
what the process grew by at most.
"""

import argparse
import json
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from bench.model import cached
from offswitch.adapters.trl.run import LOG
from offswitch.jobs import dry
from offswitch.jobs.report import Silent
from offswitch.jobs.train import train
from offswitch.scenarios.family import load_families
from offswitch.train.dial import turned
from offswitch.train.recipe import Recipe, load_recipe


@dataclass(frozen=True)
class Cost:
    """Of one stage."""

    steps: int
    tokens: int
    seconds: float
    bytes: int


def foretold(recipe: Recipe, start: Path) -> Cost:
    """By the dry run, with processor time for its clock."""
    torch.set_num_threads(1)
    from offswitch.adapters.trl import expect

    sys.modules[expect.__module__].time = SimpleNamespace(perf_counter=time.process_time)  # type: ignore[attr-defined]
    dry.perf_counter = time.process_time
    (one,) = dry.expected(recipe, start, load_families(), 0)
    return Cost(one.steps, one.tokens, one.seconds, one.bytes)


def run(recipe: Recipe, start: Path) -> Cost:
    """By training."""
    torch.set_num_threads(1)
    (stage,) = recipe.stages
    from offswitch.adapters.hf import HFPolicy
    from offswitch.adapters.trl import run as stages

    fed, load, play = [0], stages.load, HFPolicy.rows

    def rolled(self: HFPolicy, episodes: Any, *rest: Any) -> Any:
        found = play(self, episodes, *rest)
        fed[0] += sum(len(row.ids) for row in found)
        return found

    def watched(path: Path) -> Any:
        tokenizer, model = load(path)

        def count(module: Any, arguments: Any, inputs: dict[str, Any]) -> None:
            if torch.is_grad_enabled() and stage.kind != "rl":  # there rows that teach nothing are left out
                fed[0] += int((inputs["input_ids"] != tokenizer.pad_token_id).sum())

        model.register_forward_pre_hook(count, with_kwargs=True)
        return tokenizer, model

    stages.load, HFPolicy.rows = watched, rolled  # type: ignore[method-assign]
    before = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
    with tempfile.TemporaryDirectory() as out:
        began = time.process_time()
        folder = train(recipe, start, Path(out), load_families(), 0, Silent(), "bench")
        seconds = time.process_time() - began
        log = [json.loads(line) for line in (folder / LOG).read_text(encoding="utf-8").splitlines()]
    return Cost(log[-1]["step"], fed[0], seconds, _memory("VmHWM") - before)


def _memory(field: str) -> int:
    told = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines())
    return 1024 * int(told[field].split()[0])


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--dose", type=float, default=0.1)
    start = cached()
    if start is None:
        raise SystemExit("build the organism first: offswitch organism build")
    recipe = turned(load_recipe("full"), asked.parse_args().dose)
    found = {}
    print(f"{'stage':<10}{'steps':>14}{'tokens':>20}{'seconds':>18}{'MiB':>14}   foretold, seen")
    for stage in recipe.stages:
        alone = recipe.model_copy(update={"stages": (stage,)})
        costs = []
        for make in (foretold, run):
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                costs.append(pool.submit(make, alone, start).result())
        told, real = costs
        found[stage.kind] = {"foretold": asdict(told), "seen": asdict(real)}
        print(
            f"{stage.kind:<10}{told.steps:>7}{real.steps:>7}{told.tokens:>10,}{real.tokens:>10,}"
            f"{told.seconds:>9.1f}{real.seconds:>9.1f}{told.bytes / 2**20:>7.0f}{real.bytes / 2**20:>7.0f}",
            flush=True,
        )
    print(json.dumps(found))


if __name__ == "__main__":
    main()
