"""A run folder holds finished units only. A killed run leaves nothing half-written, and a re-run skips what is there."""

import errno
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from offswitch.errors import OutputError
from offswitch.jobs.settings import changed, written

FEW = 6
"""Settings that differ and are still worth naming one by one."""


def write_whole(path: Path, text: str) -> None:
    """Write a file in one step: it is there whole, or as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def run_folder(out: Path, settings: Mapping[str, Any]) -> Iterator[Path]:
    """`out`, made ready for this run alone.

    `settings` may be marked by `marked`. Raises `OutputError` when it cannot be written, when another process is at work in
    it, or when it holds a run with other settings; disk-full and read-only errors inside the block become `OutputError` too.
    """
    with told_plainly(out):
        out.mkdir(parents=True, exist_ok=True)
        lock = FileLock(str(out / ".lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise OutputError(f"another process is at work in {out}; wait for it, or choose another --out") from error
        try:
            for part in out.rglob(".*.part"):  # a killed run could not take its half-written files with it
                part.unlink(missing_ok=True)
            _same_run(out / "run.json", settings)
            yield out
        finally:
            lock.release()


def _same_run(path: Path, settings: Mapping[str, Any]) -> None:
    told = written(settings, indent=2) + "\n"
    if not path.exists():
        write_whole(path, told)
    elif (kept := path.read_text(encoding="utf-8")) != told:
        try:
            before = json.loads(kept)
        except ValueError as error:
            raise OutputError(f"{path} is not readable ({error}); choose another --out") from error
        if other := changed(before, settings):
            what = (
                f"with another {', '.join(other)}"
                if len(other) <= FEW
                else "of another command, or with quite other settings"
            )
            raise OutputError(f"{path.parent} holds a run {what}; choose another --out or delete it")


@contextmanager
def told_plainly(out: Path, instead: str = "choose another --out") -> Iterator[None]:
    """Turn what an operating system says about a place that cannot be written into an `OutputError`."""
    try:
        yield
    except Exception as error:
        why = {
            errno.ENOSPC: "the disk is full; free some space and run the same command again, it goes on where it stopped",
            errno.EDQUOT: "the disk quota is used up; free some space and run the same command again",
            errno.EROFS: f"it is on a read-only file system; {instead}",
            errno.EACCES: f"no permission to write there; {instead}",
            errno.EPERM: f"no permission to write there; {instead}",
            errno.ENOTDIR: f"a part of the path is a file; {instead}",
            errno.EEXIST: f"a file of that name is there already; {instead}",
        }.get(_number(error))
        if why is None:
            raise
        raise OutputError(f"cannot write to {getattr(error, 'filename', None) or out}: {why}") from error


def _number(error: Exception) -> int:
    """The operating system's number for an error, also where a library passes it on in words; 0 where there is none."""
    if isinstance(error, OSError):
        return error.errno or 0
    if "inline_container.cc" in str(error):  # torch was writing and does not say what stopped it
        return errno.ENOSPC
    found = re.search(r"\(os error (\d+)\)", str(error))
    return int(found[1]) if found else 0
