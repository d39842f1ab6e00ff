"""Where a killed training run goes on: at its newest whole checkpoint."""

import json
import shutil
from pathlib import Path


def last_whole(work: Path) -> str | None:
    """The newest checkpoint of transformers' Trainer in `work`; None where there is none. Deletes the half-written.

    The Trainer writes `trainer_state.json` last, so a checkpoint without it was being written when the run was killed.
    """
    found = sorted(work.glob("checkpoint-*"), key=lambda path: int(path.name.removeprefix("checkpoint-")))
    while found:
        newest = found.pop()
        try:
            json.loads((newest / "trainer_state.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            shutil.rmtree(newest)
        else:
            return str(newest)
    return None
