"""The sandbox's files as seen from outside, and what changed between two looks, whatever the agent's own tools would say.

The walk goes by descriptors and follows no link, so nothing that an agent lays can lead it to a file of this machine, and
nothing that cannot be read ends it. Content that was put back leaves its trace: nobody inside can set a file's ctime, or
give it the inode that it had.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from typing import Literal

from offswitch.adapters.sandbox.box import Box

DEPTH = 200
"""Folders in one another that are looked into."""
CHUNK = 1 << 20
UNREADABLE = "unreadable"
SWAPPED = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EINVAL, errno.ENXIO)
"""What is said of a name that is gone, or stands for another kind of thing, since it was listed."""
Kind = Literal["file", "folder", "link", "other"]
What = Literal["created", "deleted", "edited", "linked", "mode", "renamed", "retyped", "rewritten"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in the sandbox."""

    kind: Kind
    mode: int
    """Permission bits."""
    inode: int
    changed: int
    """ctime in nanoseconds, set by the kernel at every change of content, mode or name."""
    size: int
    digest: str
    """SHA-256 of the content, or of a link's target; empty for folders and pipes; `UNREADABLE` where we may not look."""
    read: int = 0
    """atime in nanoseconds: the sandbox's disk keeps it at every reading, and this look does not touch it."""
    written: int = 0
    """mtime in nanoseconds, which whoever owns the file can set."""
    links: int = 1
    """Names that the file has."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two looks; a folder's own times do not count, what is in it does."""

    what: What
    """`rewritten`: the content is as before and the file was still written to, or replaced by an equal one. `linked`: it
    got or lost another name, which moves its ctime as a write does, and no write shows."""
    path: str
    was: str = ""
    """Where it was before, for `renamed`."""


Snapshot = dict[str, Entry]


def snapshot(box: Box, before: Snapshot | None = None) -> Snapshot:
    """All names under home and the places for temporary files, by absolute path; unchanged content is not read again."""
    found: Snapshot = {}
    for top in (box.config.home, "/tmp", "/var/tmp", "/dev/shm"):
        found[top] = _entry(0, top, os.stat(f"{box.root}{top}"), None)
        found.update(_inside(None, f"{box.root}{top}", top, before or {}, 0))
    return found


def changes(before: Snapshot, after: Snapshot) -> list[Change]:
    """What happened to get from `before` to `after`, by path."""
    gone = {entry.inode: path for path, entry in before.items() if path not in after}
    found, moved = [], set()
    for path, entry in after.items():
        old = before.get(path)
        if old is None:
            was = gone.get(entry.inode, "")
            same = was and before[was].kind == entry.kind
            moved |= {was} if same else set()
            found.append(Change("renamed", path, was) if same else Change("created", path))
        elif old.kind != entry.kind:
            found.append(Change("retyped", path))
        elif old.digest != entry.digest or old.size != entry.size:
            found.append(Change("edited", path))
        elif old.mode != entry.mode:
            found.append(Change("mode", path))
        elif (old.inode, old.written) == (entry.inode, entry.written) and old.links != entry.links and entry.kind != "folder":
            found.append(Change("linked", path))
        elif entry.kind != "folder" and (old.changed != entry.changed or old.inode != entry.inode):
            found.append(Change("rewritten", path))
    found += [Change("deleted", path) for path in before if path not in after and path not in moved]
    return sorted(found, key=lambda change: change.path)


def reads(before: Snapshot, after: Snapshot) -> list[str]:
    """Files that were read between the looks, by whatever name, and those whose times were set and nothing else: back."""
    found = []
    for path, entry in after.items():
        old = before.get(path)
        if old is None or (old.inode, old.kind, "file") != (entry.inode, entry.kind, old.kind):
            continue
        rest = (old.mode, old.links, old.written, old.size) == (entry.mode, entry.links, entry.written, entry.size)
        if entry.read > old.read or (old.changed != entry.changed and rest):
            found.append(path)
    return sorted(found)


def content(box: Box, path: str, most: int = 1 << 16) -> bytes:
    """The first `most` bytes of a regular file, read through descriptors; empty where it is none."""
    parts = [part for part in path.split("/") if part]
    fds: list[int] = []
    try:
        fds.append(os.open(box.root + "/", os.O_RDONLY | os.O_DIRECTORY))
        for part in parts[:-1]:
            fds.append(os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=fds[-1]))
        with _opened(fds[-1], parts[-1]) as file:
            return file.read(most) or b""
    except OSError:
        return b""
    finally:
        for fd in fds:
            os.close(fd)


def _walk(folder: int, path: str, before: Snapshot, depth: int) -> Iterator[tuple[str, Entry]]:
    with os.scandir(folder) as names:
        listed = sorted(item.name for item in names)
    for name in listed:
        full = f"{path}/{name}"
        try:
            told = os.stat(name, dir_fd=folder, follow_symlinks=False)
            yield full, _entry(folder, name, told, before.get(full))
            if stat.S_ISDIR(told.st_mode) and depth < DEPTH:
                yield from _inside(folder, name, full, before, depth + 1)
        except PermissionError:
            yield from _as_it_was(full, before)
        except OSError as error:
            if error.errno not in SWAPPED:
                raise
            continue  # a running program's: for this look there is no such name


def _inside(folder: int | None, name: str, full: str, before: Snapshot, depth: int) -> Iterator[tuple[str, Entry]]:
    try:
        fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
    except PermissionError:
        yield from (kept for kept in _as_it_was(full, before) if kept[0] != full)
        return
    try:
        yield from _walk(fd, full, before, depth)
    finally:
        os.close(fd)


def _as_it_was(full: str, before: Snapshot) -> Iterator[tuple[str, Entry]]:
    """Where the harness is no root, a mode that the agent sets shuts it out too."""
    yield from ((path, entry) for path, entry in before.items() if path == full or path.startswith(f"{full}/"))


def _entry(folder: int, name: str, told: os.stat_result, old: Entry | None) -> Entry:
    kind: Kind = "other"
    digest = ""
    if stat.S_ISLNK(told.st_mode):
        kind, digest = "link", hashlib.sha256(os.readlink(name, dir_fd=folder).encode("utf-8", "surrogateescape")).hexdigest()
    elif stat.S_ISDIR(told.st_mode):
        kind = "folder"
    elif stat.S_ISREG(told.st_mode):
        kind = "file"
        if old and (old.inode, old.changed, old.size) == (told.st_ino, told.st_ctime_ns, told.st_size):
            digest = old.digest
        else:
            digest = _digest(folder, name, old, told)
    return Entry(
        kind,
        stat.S_IMODE(told.st_mode),
        told.st_ino,
        told.st_ctime_ns,
        0 if kind == "folder" else told.st_size,
        digest,
        told.st_atime_ns,
        told.st_mtime_ns,
        told.st_nlink,
    )


def _digest(folder: int, name: str, old: Entry | None, told: os.stat_result) -> str:
    """Of all that is on the disk: holes count by their place and cost nothing, however large a file says that it is."""
    found = hashlib.sha256()
    try:
        with _opened(folder, name) as file:
            for place, length in _extents(file.fileno()):
                found.update(place.to_bytes(8))
                os.lseek(file.fileno(), place, os.SEEK_SET)
                while length > 0 and (piece := os.read(file.fileno(), min(length, CHUNK))):
                    found.update(piece)
                    length -= len(piece)
    except OSError as error:
        if error.errno in SWAPPED:
            raise
        as_it_was = old is not None and (old.inode, old.size, old.written) == (told.st_ino, told.st_size, told.st_mtime_ns)
        return old.digest if old is not None and as_it_was else UNREADABLE
    return found.hexdigest()


def _extents(fd: int) -> Iterator[tuple[int, int]]:
    at, end = 0, os.fstat(fd).st_size
    while at < end:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return  # a hole up to the end
        at = min(os.lseek(fd, start, os.SEEK_HOLE), end)
        yield start, at - start


@contextmanager
def _opened(folder: int, name: str) -> Iterator[FileIO]:
    """A regular file, whose time of reading stays. Raises OSError, of a number in `SWAPPED` where it is none."""
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOATIME, dir_fd=folder)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "no regular file", name)
        yield FileIO(fd, "rb", closefd=False)
    finally:
        os.close(fd)
