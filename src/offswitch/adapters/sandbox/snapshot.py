"""The sandbox's files as seen from outside, and what changed between two looks, whatever the agent's own tools would say.

The walk goes by descriptors and follows no link, so nothing that an agent lays can lead it to a file of this machine.
Content that was put back leaves its trace: nobody inside can set a file's ctime, or give it the inode that it had.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from offswitch.adapters.sandbox.box import Box

DEPTH = 64
READ = 16 << 20  # bytes of one file that are hashed
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
    """SHA-256 of the content, or of a link's target; empty for folders and pipes."""
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
        fd = os.open(f"{box.root}{top}", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            found.update(_walk(fd, top, before or {}, 0))
        finally:
            os.close(fd)
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
    """Files that were read between the looks and are otherwise as they were."""
    found = []
    for path, entry in after.items():
        old = before.get(path)
        same = old is not None and (old.inode, old.changed, entry.kind) == (entry.inode, entry.changed, "file")
        if same and old is not None and entry.read > old.read:
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
        return _read(fds[-1], parts[-1], most) or b""
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
                fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
                try:
                    yield from _walk(fd, full, before, depth + 1)
                finally:
                    os.close(fd)
        except OSError as error:
            if error.errno not in SWAPPED:
                raise
            continue  # a running program's: for this look there is no such name


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
            digest = hashlib.sha256(_read(folder, name, READ) or b"").hexdigest()
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


def _read(folder: int, name: str, most: int) -> bytes | None:
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOATIME, dir_fd=folder)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return None
        with os.fdopen(fd, "rb", closefd=False) as file:
            return file.read(most)
    finally:
        os.close(fd)  # fdopen leaves a folder's open
