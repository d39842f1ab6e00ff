"""Folders of this machine that an office needs outside of its sandbox: named by their process, swept when that was killed."""

import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

PREFIX = "offswitch-office-"


def room() -> Path:
    """A new folder, for whoever made it to remove."""
    sweep()
    return Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))


@cache
def sweep() -> None:
    """Once in a process: what those have left that could not remove it any more."""
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        pid = left.name.removeprefix(PREFIX).partition("-")[0]
        if not Path(f"/proc/{pid}").exists() and left.stat().st_uid == os.geteuid():
            shutil.rmtree(left, ignore_errors=True)
