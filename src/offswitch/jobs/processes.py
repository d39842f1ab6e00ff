"""A stage in several processes: accelerate starts them by a configuration that ships, and each runs this module.

The process that was asked keeps the run folder, makes the rows and signs; the others train, and the first of them saves.
"""

import json
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path

from offswitch.errors import ModelError, OffswitchError
from offswitch.jobs.roller import LACKING, roller
from offswitch.scenarios.family import Family
from offswitch.train.recipe import Recipe, Stage
from offswitch.train.row import Row

PLACES = ("here", "processes", "gpus", "fsdp", "deepspeed")
"""This process, or one of the configurations in `train/accelerate`."""
_ON_GPUS = ("gpus", "fsdp", "deepspeed")
_ERROR, _LOG = "error.txt", "processes.log"
_STEP = "offswitch step: "
"""Begins the lines that tell figures: libraries print to the same standard output."""


def _gpus() -> int:
    try:
        from offswitch.adapters.hf import gpus
    except ImportError as error:
        raise ModelError(LACKING) from error
    return gpus()


@dataclass(frozen=True)
class How:
    """Where a recipe is trained and what from; the same model comes out, up to rounding."""

    data: Path | None = None
    """A file that `offswitch data` wrote for the recipe; None makes the rows offline."""
    on: str = "here"
    """One of `PLACES`."""
    processes: int = 0
    """0 takes one a GPU, and on a CPU the configuration's number."""

    def refuse(self, recipe: Recipe) -> None:
        """Raises `ModelError` for a recipe that cannot be trained there, or where there is not what the place needs."""
        if self.on not in PLACES:
            raise ModelError(f"there is no place {self.on!r}; there are: {', '.join(PLACES)}")
        if self.on == "fsdp" and any(stage.kind == "rl" for stage in recipe.stages):
            raise ModelError("reinforcement learning plays with the whole model in each process: use --on gpus or deepspeed")
        if self.on == "deepspeed" and find_spec("deepspeed") is None:
            raise ModelError("--on deepspeed needs: pip install deepspeed")
        if self.on in _ON_GPUS:
            self._refuse_without(_gpus())

    def _refuse_without(self, gpus: int) -> None:
        if not gpus:
            raise ModelError(
                f"--on {self.on} needs GPUs, and torch finds none here; leave it out to train in this process, or use "
                "--on processes for several on the CPU"
            )
        if self.processes > gpus:
            raise ModelError(f"--on {self.on} needs a GPU for each of {self.processes} processes, and torch finds {gpus}")

    @property
    def number(self) -> int:
        """How many processes to start; 0 leaves it to the configuration."""
        return self.processes or (_gpus() if self.on in _ON_GPUS else 0)


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
        command += ["--num_processes", str(how.number)] if how.number else []
        command += ["--main_process_port", "0", "-m", "offswitch.jobs.processes", str(told)]
        environment = {**os.environ, **({"OMP_NUM_THREADS": "1"} if how.on == "processes" else {})}
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
        )
        try:
            for line in process.stdout or ():
                if line.startswith(_STEP):
                    say(*json.loads(line.removeprefix(_STEP)))
            code = process.wait()
        finally:  # also when it was this process that was interrupted
            process.terminate()
            process.communicate()
    if code:
        raise ModelError(failed.read_text(encoding="utf-8") if failed.exists() else _unsaid(scratch / _LOG))


def _unsaid(log: Path) -> str:
    """What is known of a process that could not say why it ended."""
    if "(SIGKILL)" in log.read_text(encoding="utf-8", errors="replace"):
        return f"a process was killed, as where memory is used up: take fewer rows --at-a-time, or train adapters; see {log}"
    return f"a process ended before its time; see {log}"


def _one(told: Path) -> None:
    """In each process, which ends when whoever asked has died: a second run may be at work in the folder by then."""
    from offswitch.adapters.trl import run_stage

    threading.Thread(target=_end_with_who_asked, daemon=True).start()
    work: Work = pickle.loads(told.read_bytes())
    first = os.environ.get("RANK", "0") == "0"

    def say(step: int, of: int, figures: Mapping[str, float]) -> None:
        if first:
            print(_STEP + json.dumps([step, of, dict(figures)]), flush=True)

    try:
        run_stage(work.stage, work.start, work.out, work.families, work.seed, roller(work.seed), say, work.rows)
    except OffswitchError as error:
        told.with_name(_ERROR).write_text(str(error), encoding="utf-8")
        sys.exit(2)


def _end_with_who_asked() -> None:
    """Nothing is ever written to the standard input; it closes when the process that holds its other end is gone."""
    os.read(0, 1)
    os._exit(1)


def _main(arguments: Sequence[str]) -> None:
    _one(Path(arguments[0]))


if __name__ == "__main__":
    from offswitch.jobs import processes  # what was pickled is of that name, not of __main__

    processes._main(sys.argv[1:])
