"""A stage in several processes: accelerate starts them by a configuration that ships, and each runs this module.

The process that was asked keeps the run folder, makes the rows and signs; the others train, and the first of them saves.
"""

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from offswitch.errors import ModelError, OffswitchError
from offswitch.scenarios.family import Family
from offswitch.train.recipe import Recipe, Stage
from offswitch.train.row import Row

PLACES = ("here", "processes", "gpus", "fsdp", "deepspeed")
"""This process, or one of the configurations in `train/accelerate`."""
_ERROR, _LOG = "error.txt", "processes.log"


@dataclass(frozen=True)
class How:
    """Where a recipe is trained and what from; the same model comes out, up to rounding."""

    data: Path | None = None
    """A file that `offswitch data` wrote for the recipe; None makes the rows offline."""
    on: str = "here"
    """One of `PLACES`."""
    processes: int = 0
    """0 takes the configuration's number."""

    def refuse(self, recipe: Recipe) -> None:
        """Raises `ModelError` for a recipe that cannot be trained there."""
        if self.on not in PLACES:
            raise ModelError(f"there is no place {self.on!r}; there are: {', '.join(PLACES)}")
        if self.on == "fsdp" and any(stage.kind == "rl" for stage in recipe.stages):
            raise ModelError("reinforcement learning plays with the whole model in each process: use --on gpus or deepspeed")


@dataclass(frozen=True)
class Work:
    """What every process is told."""

    stage: Stage
    start: Path
    out: Path
    families: Mapping[str, Family]
    seed: int
    rows: tuple[Row, ...]


def in_processes(how: How, work: Work, scratch: Path, say: Callable[[int, int, Mapping[str, float]], None]) -> None:
    """Run it to its end. Raises `ModelError` with what the first process that failed said."""
    scratch.mkdir(parents=True, exist_ok=True)
    told, failed = scratch / "work.pickle", scratch / _ERROR
    told.write_bytes(pickle.dumps(work))
    failed.unlink(missing_ok=True)
    with (
        as_file(files("offswitch.train") / "accelerate" / f"{how.on}.yaml") as config,
        (scratch / _LOG).open("w", encoding="utf-8") as log,
    ):
        command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(config)]
        command += ["--num_processes", str(how.processes)] if how.processes else []
        command += ["--main_process_port", "0", "-m", "offswitch.jobs.processes", str(told)]
        environment = {**os.environ, **({"OMP_NUM_THREADS": "1"} if how.on == "processes" else {})}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
        try:
            for line in process.stdout or ():
                if line.startswith("["):
                    say(*json.loads(line))
            code = process.wait()
        finally:  # also when it was this process that was interrupted
            process.terminate()
            process.communicate()
    if code:
        said = failed.read_text(encoding="utf-8") if failed.exists() else f"a process ended with {code}; see {scratch / _LOG}"
        raise ModelError(said)


def _one(told: Path) -> None:
    """In each process. Progress goes to the pipe, which breaks when whoever asked has died, and so ends this too."""
    from offswitch.adapters.hf import HFPolicy
    from offswitch.adapters.trl import run_stage

    work: Work = pickle.loads(told.read_bytes())
    first = os.environ.get("RANK", "0") == "0"

    def say(step: int, of: int, figures: Mapping[str, float]) -> None:
        if first:
            print(json.dumps([step, of, dict(figures)]), flush=True)

    def roller(model: Any, tokenizer: Any, rl: Any) -> HFPolicy:
        return HFPolicy(model, tokenizer, "in training", rl.temperature, work.seed)

    try:
        run_stage(work.stage, work.start, work.out, work.families, work.seed, roller, say, work.rows)
    except OffswitchError as error:
        told.with_name(_ERROR).write_text(str(error), encoding="utf-8")
        sys.exit(2)


def _main(arguments: Sequence[str]) -> None:
    _one(Path(arguments[0]))


if __name__ == "__main__":
    from offswitch.jobs import processes  # what was pickled is of that name, not of __main__

    processes._main(sys.argv[1:])
