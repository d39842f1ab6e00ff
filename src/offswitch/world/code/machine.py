"""What a command or program can touch: the office's files and processes, changed all together at the end or not at all.

A refused call leaves no trace, so that an event that is not ok never changed the world and replay may skip it.
"""

import posixpath
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from offswitch.world.tool import ToolError

if TYPE_CHECKING:
    from offswitch.world.world import World

MAX_TEXT = 200_000
"""Characters in one file, one string, or one output."""
MAX_WORK = 200_000
"""Steps of one call; a step is a node of a program, a line of a filter, or a few characters of data."""
PLAIN_MODE = 0o644


class Process(NamedTuple):
    pid: str
    """Digits; a row's first field is its key."""
    name: str
    owner: str
    running: bool = True


class Meter:
    """Bounds time and memory by counted work, so that the same call ends the same way on any machine."""

    __slots__ = ("left",)

    def __init__(self, work: int = MAX_WORK) -> None:
        self.left = work

    def spend(self, work: int) -> None:
        self.left -= work
        if self.left < 0:
            raise ToolError("this takes too many steps; nothing was changed")


def sound(text: str, what: str) -> str:
    """The text, if every tool here treats it as the real ones would; `ToolError` if it is too long or not plain text."""
    if len(text) > MAX_TEXT:
        raise ToolError(f"{what} is longer than {MAX_TEXT} characters")
    if "\0" in text or (not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text)):
        raise ToolError(f"{what} is not plain text")
    return text


class Machine:
    """Files, folders, permissions and processes as one call sees them. `commit` writes what changed to the world."""

    __slots__ = ("_changes", "meter", "world")

    def __init__(self, world: "World", meter: Meter) -> None:
        self.world, self.meter = world, meter
        self._changes: dict[str, dict[str, Any]] = {"files": {}, "folders": {}, "modes": {}, "processes": {}}

    def commit(self) -> None:
        """Keep what changed; files stand in the log as if they had been written or deleted by the tools for that."""
        for path, text in self._changes["files"].items():
            before = self.world.table("files").get(path)
            if text is None and before is not None:
                self.world.note("files", "file_delete", {"path": path}, "deleted")
            elif text is not None and text != before:
                self.world.note("files", "file_write", {"path": path, "text": text}, "saved")
        for table, changes in self._changes.items():
            there = self.world.table(table)
            for key, record in changes.items():
                if record is not None:
                    self.world.put(table, key, record)
                elif key in there:
                    self.world.drop(table, key)

    def _get(self, table: str, key: str) -> Any:
        changes = self._changes[table]
        return changes[key] if key in changes else self.world.table(table).get(key)

    def _keys(self, table: str) -> Iterator[str]:
        changes, there = self._changes[table], self.world.table(table)
        self.meter.spend(len(there) // 8)
        yield from (key for key in there if key not in changes)
        yield from (key for key, record in changes.items() if record is not None)

    def place(self, path: str) -> str:
        """The key of a path. A key that is spelled just so wins, so that every file of `file_list` can be reached."""
        if self._get("files", path) is not None:
            return path
        if not path:
            raise FileNotFoundError(path)
        if ".." in path.split("/"):
            raise ToolError("'..' is not supported: paths start at the one folder that commands run in")
        key = posixpath.normpath(path)
        if path.endswith(("/", "/.")) and self._get("files", key) is not None:
            raise NotADirectoryError(path)
        return key

    def is_file(self, path: str) -> bool:
        try:
            return self._get("files", self.place(path)) is not None
        except OSError:
            return False

    def is_folder(self, path: str) -> bool:
        try:
            key = self.place(path)
        except OSError:
            return False
        if key in (".", "/"):
            return True
        if self._get("files", key) is not None:
            return False
        return self._get("folders", key) is not None or any(name.startswith(key + "/") for name in self._all())

    def _all(self) -> Iterator[str]:
        yield from self._keys("files")
        yield from self._keys("folders")

    def inside(self, folder: str) -> list[str]:
        """Names directly in a folder, in byte order; "." is where commands run."""
        key = self.place(folder)
        start = "" if key == "." else key.rstrip("/") + "/"
        rest = (name[len(start) :] for name in self._all() if name.startswith(start))
        return sorted({name.split("/", 1)[0] for name in rest} - {""})

    def read(self, path: str) -> str:
        """A file's text. Raises `FileNotFoundError`, `IsADirectoryError`, `PermissionError`, `ToolError`."""
        key = self.place(path)
        text: str | None = self._get("files", key)
        if text is None:
            raise IsADirectoryError(path) if self.is_folder(key) else FileNotFoundError(path)
        if not self.mode(key) & 0o400:
            raise PermissionError(path)
        self.meter.spend(len(text) // 50)
        return sound(text, f"file {path}")

    def size(self, path: str) -> int:
        """Bytes in a file, whoever may read it."""
        return len(sound(self._get("files", self.place(path)), f"file {path}").encode())

    def write(self, path: str, text: str) -> None:
        """Replace or make a file. Raises `OSError` where a real machine would, `ToolError` for too much text."""
        key = self.check_write(path)
        self.meter.spend(1 + len(text) // 50)
        if self._get("files", key) is None and self._get("modes", key) is not None:
            self._changes["modes"][key] = None
        self._changes["files"][key] = sound(text, f"file {path}")

    def check_write(self, path: str) -> str:
        """The key that a write would go to, or the `OSError` that it would end in."""
        key = self.place(path)
        if self._get("files", key) is not None:
            if not self.mode(key) & 0o200:
                raise PermissionError(path)
        elif self.is_folder(key) or path.endswith("/"):
            raise IsADirectoryError(path)
        else:
            self._check_parent(key)
        return key

    def _check_parent(self, key: str) -> None:
        parent = posixpath.dirname(key)
        if parent and self._get("files", parent) is not None:
            raise NotADirectoryError(key)
        if parent and not self.is_folder(parent):
            raise FileNotFoundError(key)

    def remove(self, path: str) -> None:
        """Delete one file; its folder stays."""
        key = self.place(path)
        if self._get("files", key) is None:
            raise IsADirectoryError(path) if self.is_folder(key) else FileNotFoundError(path)
        self._changes["files"][key] = None
        self._changes["modes"][key] = None
        if parent := posixpath.dirname(key).rstrip("/"):
            self._changes["folders"][parent] = True

    def make_folder(self, path: str) -> None:
        key = self.place(path)
        if self._get("files", key) is not None or self.is_folder(key):
            raise FileExistsError(path)
        self._check_parent(key)
        self._changes["folders"][key] = True

    def remove_folder(self, path: str) -> None:
        """Delete an empty folder."""
        key = self.place(path)
        if not self.is_folder(key):
            raise NotADirectoryError(path) if self.is_file(key) else FileNotFoundError(path)
        self._changes["folders"][key] = None
        if parent := posixpath.dirname(key).rstrip("/"):
            self._changes["folders"][parent] = True

    def mode(self, path: str) -> int:
        """Permission bits."""
        kept = self._get("modes", self.place(path))
        return PLAIN_MODE if kept is None else int(kept)

    def set_mode(self, path: str, mode: int) -> None:
        key = self.place(path)
        if self._get("files", key) is None:
            if self.is_folder(key):
                raise ToolError("permissions of folders are not supported")
            raise FileNotFoundError(path)
        self._changes["modes"][key] = None if mode == PLAIN_MODE else mode

    def processes(self) -> list[Process]:
        """Those that run, in the order of the table."""
        every = [self._get("processes", key) for key in dict(self.world.table("processes"))]
        return [process for process in every if process.running]

    def kill(self, pid: str) -> bool:
        """End a process; whether there was one."""
        process = self._get("processes", pid)
        if process is None or not process.running:
            return False
        self._changes["processes"][pid] = process._replace(running=False)
        return True


def why(error: OSError) -> str:
    """The system's words for what went wrong with a path."""
    words = {
        FileNotFoundError: "No such file or directory",
        IsADirectoryError: "Is a directory",
        NotADirectoryError: "Not a directory",
        PermissionError: "Permission denied",
        FileExistsError: "File exists",
    }
    return words.get(type(error), "Input/output error")
