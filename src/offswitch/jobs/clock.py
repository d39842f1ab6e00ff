"""How long each stage of a run took, kept over kills."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from offswitch.jobs.folder import write_whole


class Clock:
    """Wall seconds by stage, in a file: a stage that is found done keeps the time that it took."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.seconds: dict[str, float] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        spent = time.monotonic() - began
        self.seconds[stage] = round(max(spent, self.seconds.get(stage, 0.0)), 1)
        write_whole(self._path, json.dumps(self.seconds))
