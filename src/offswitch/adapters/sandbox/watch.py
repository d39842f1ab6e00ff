"""What touches a sandbox's disk as it happens, told by the kernel (fanotify): which file, in what way, by which process.

A look from outside tells what is different; this tells who did it, what was read, and what was gone again before the look.
It needs root in the machine's own namespace and Linux 5.17. Elsewhere looks have to do.
"""

import ctypes
import os
import select
import struct
import termios
import threading
import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from fcntl import ioctl
from typing import NamedTuple

from offswitch.adapters.sandbox.box import Box
from offswitch.adapters.sandbox.census import Process, process
from offswitch.adapters.sandbox.layout import places
from offswitch.adapters.sandbox.snapshot import content

LIBC = ctypes.CDLL(None, use_errno=True)
CLOSED_ON_EXEC, NO_WAIT, NAMES_AND_TARGETS = 0x1, 0x2, 0x200 | 0x400 | 0x800 | 0x1000
ADD, ONE_MOUNT, WHOLE_DISK = 0x1, 0x10, 0x100
ACCESS, MODIFY, ATTRIB, CLOSE_WRITE, CREATE, DELETE, EXECUTED = 0x1, 0x2, 0x4, 0x8, 0x100, 0x200, 0x1000
OVERFLOW, RENAME, FOLDERS = 0x4000, 0x10000000, 0x40000000
TARGET, NAMED, OLD_NAME, NEW_NAME = 1, 2, 10, 12
VERBS = {
    CREATE: "made",
    EXECUTED: "run",
    ACCESS: "read",
    MODIFY: "written",
    ATTRIB: "attributes",
    RENAME: "renamed",
    DELETE: "removed",
}
EMPTY_PATH = 0x1000
HEAD = 24
"""Bytes of an event without its names, by which the kernel tells how many wait."""
DEPTH = 256
MOST = 1 << 15
"""Touches between two looks that are told; what comes after them is lost."""
KEPT, KEPT_FILES = 1 << 16, 256
"""Bytes of a written file that are kept until it is gone from the disk, and how many such files."""


class Unwatched(Exception):
    """The kernel refuses; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Touch:
    """One way in which one process touched one name, however often, between two looks."""

    verb: str
    """A value of `VERBS`, or `listed` for a folder's names; `lost` where there was more than the kernel, or we, keep."""
    path: str
    """Absolute, inside; where it went to, for `renamed`."""
    was: str
    pid: int
    """Host pid."""
    program: str
    """File name of what the process runs; empty where that cannot be known."""
    inside: int
    """Its pid inside; 0, as `parent`, where it had ended before it could be asked."""
    parent: int
    """Host pid of its parent."""
    inode: int = 0
    """Of the file, which can be touched by another name than the one that is asked about."""


class Told(NamedTuple):
    """One event as the kernel tells it: names as (folder's handle, name), by kind of record."""

    mask: int
    pid: int
    names: dict[int, tuple[bytes, str]]


class Watch:
    """Watches one sandbox until it ends. Raises `Unwatched`. `taken` may be called from any thread."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self.lock = threading.Lock()
        """Held while something is taken from the kernel."""
        self._folders: dict[bytes, tuple[bytes, str]] = {}
        self._touches: dict[tuple[str, str, str, int, int], Touch] = {}
        self._programs: dict[int, str] = {}
        self._processes: dict[int, Process | None] = {}
        self._gone: dict[str, bytes] = {}
        self._fd = _checked(LIBC.fanotify_init(CLOSED_ON_EXEC | NO_WAIT | NAMES_AND_TARGETS, os.O_RDONLY))
        try:
            self._mark(WHOLE_DISK, sum(VERBS) | CLOSE_WRITE | FOLDERS, box.config.home)
            self._mark(ONE_MOUNT, EXECUTED, "/usr")
            for top, _ in places(box.config):
                self._learn(top)
            ended = os.pidfd_open(box.pid)
        except BaseException:
            os.close(self._fd)
            raise
        self.thread = threading.Thread(target=self._follow, args=[ended], name="watch", daemon=True)
        """Lives as long as the sandbox."""
        self.thread.start()

    def taken(self) -> list[Touch]:
        """Everything since the last call, in order; what a process did before its end is there when its end is known."""
        with self.lock:
            self._drain()
            touches, self._touches = list(self._touches.values()), {}
            self._processes.clear()  # numbers are given again
        return touches

    def last(self, path: str) -> bytes | None:
        """What a small file held when it was last written, though it may be gone."""
        with self.lock:
            return self._gone.get(path)

    def _follow(self, ended: int) -> None:
        """As soon as something happens, since a process is often gone a millisecond later."""
        waiting = select.poll()
        waiting.register(self._fd, select.POLLIN)
        waiting.register(ended, select.POLLIN)
        while True:
            over = any(fd == ended for fd, _ in waiting.poll())
            with self.lock:
                self._drain()
                if over:
                    os.close(self._fd)
                    os.close(ended)
                    self._fd = -1
                    return
            if self._waiting():
                time.sleep(0.001)  # whoever wants the lock gets it, though there is always more to take

    def _drain(self) -> None:
        """What waits now, and no more: a program may make events as fast as they are taken."""
        left = self._waiting()
        while left > 0:
            try:
                data = os.read(self._fd, 1 << 16)
            except BlockingIOError:
                return
            for told in parsed(data):
                self._take(told)
                left -= 1

    def _waiting(self) -> int:
        """Events that the kernel holds."""
        if self._fd < 0:
            return 0
        room = array("i", [0])
        ioctl(self._fd, termios.FIONREAD, room)
        return -(-room[0] // HEAD)

    def _take(self, told: Told) -> None:
        if told.mask & OVERFLOW:
            self._lose()
            return
        folder, name = told.names.get(NEW_NAME) or told.names.get(NAMED) or (b"", "")
        was = self._path(*told.names.get(OLD_NAME, (b"", "")))
        if told.mask & FOLDERS and TARGET in told.names:
            self._follow_folder(told.mask, told.names[TARGET][0], (folder, name))
        if told.pid == os.getpid():
            return  # our own looks
        if told.mask & EXECUTED and not name.startswith("ld-"):  # the loader is started with every program
            self._programs[told.pid] = name
        if told.pid not in self._processes:
            self._processes[told.pid] = process(told.pid)
        path = self._path(folder, name)
        if not path:
            return
        inode = _inode(told.names[TARGET][0]) if TARGET in told.names else 0
        for flag, verb in VERBS.items():
            if told.mask & flag:
                self._add("listed" if verb == "read" and told.mask & FOLDERS else verb, path, was, told.pid, inode)
        if told.mask & CLOSE_WRITE:
            self._keep(path)

    def _follow_folder(self, mask: int, handle: bytes, place: tuple[bytes, str]) -> None:
        if mask & DELETE:
            self._folders.pop(handle, None)
        elif mask & (CREATE | RENAME):
            self._folders[handle] = place

    def _add(self, verb: str, path: str, was: str, pid: int, inode: int) -> None:
        known = self._processes[pid]
        program = self._programs.get(pid) or (os.path.basename(known.argv[0]) if known else "")
        inside, parent = (known.inside, known.parent) if known else (0, 0)
        touch = Touch(verb, path, was, pid, program, inside, parent, inode)
        if len(self._touches) < MOST:
            self._touches.setdefault((verb, path, was, pid, inode), touch)
        elif (verb, path, was, pid, inode) not in self._touches:
            self._lose()

    def _lose(self) -> None:
        self._touches["lost", "", "", 0, 0] = Touch("lost", "", "", 0, "", 0, 0)

    def _keep(self, path: str) -> None:
        self._gone.pop(path, None)
        text = content(self._box, path, KEPT + 1)
        if len(text) <= KEPT:
            self._gone[path] = text
        if len(self._gone) > KEPT_FILES:
            self._gone.pop(next(iter(self._gone)))

    def _path(self, folder: bytes, name: str) -> str:
        """Absolute; empty for what is on no folder that was seen, and for what lies deeper than is followed."""
        parts = [] if name in ("", ".") else [name]
        while folder in self._folders and len(parts) < DEPTH:  # renames told out of order can make a ring
            folder, name = self._folders[folder]
            parts.append(name)
        return "/".join(reversed(parts)) if parts and parts[-1].startswith("/") else ""

    def _mark(self, how: int, what: int, path: str) -> None:
        fd = os.open(f"{self._box.root}{path}", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            _checked(LIBC.fanotify_mark(self._fd, ADD | how, ctypes.c_uint64(what), fd, b"."))
        finally:
            os.close(fd)

    def _learn(self, top: str) -> None:
        """The folders that are there already."""
        known: dict[str, bytes] = {}
        for path, _, _, fd in os.fwalk(f"{self._box.root}{top}", follow_symlinks=False):
            inside = path.removeprefix(self._box.root)
            handle = known[inside] = _handle(fd)
            parent, name = os.path.split(inside)
            self._folders[handle] = (known[parent], name) if parent in known else (b"", inside)


def parsed(data: bytes) -> Iterator[Told]:
    """The events of one read. See fanotify(7)."""
    at = 0
    while at < len(data):
        length, _, _, head, mask, _, pid = struct.unpack_from("=IBBHQii", data, at)
        names: dict[int, tuple[bytes, str]] = {}
        record, end = at + head, at + length
        while record < end:
            kind, _, size = struct.unpack_from("=BBH", data, record)
            (count,) = struct.unpack_from("=I", data, record + 12)  # after the header and the disk's own number
            handle = data[record + 16 : record + 20 + count]  # type and bytes
            name = data[record + 20 + count : record + size].split(b"\0")[0]
            names[kind] = (handle, os.fsdecode(name))
            record += size
        yield Told(mask, pid, names)
        at = end


def _inode(handle: bytes) -> int:
    """From the handle of a file on a disk in memory: type, generation, low and high half of the inode's number."""
    if len(handle) != 16:
        return 0
    _, _, low, high = struct.unpack("=4I", handle)
    return int(low | high << 32)


def _handle(fd: int) -> bytes:
    room = ctypes.create_string_buffer(struct.pack("=Ii", 128, 0), 8 + 128)
    _checked(LIBC.name_to_handle_at(fd, b"", room, ctypes.byref(ctypes.c_int()), EMPTY_PATH))
    (count,) = struct.unpack_from("=I", room.raw)
    return room.raw[4 : 8 + count]


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise Unwatched(f"fanotify: {os.strerror(code)}; it needs root (CAP_SYS_ADMIN) and Linux 5.17")
    return result
