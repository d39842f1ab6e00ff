"""The limit on a sandbox's memory as a whole: a control group where the harness may make one, else a watch from outside.

The group is exact. The watch looks twenty times a second and ends a sandbox that is over: a burst may pass for that
long, bounded by the limit on each process. It counts resident memory, and memory files, which belong to no process's own.
"""

import contextlib
import itertools
import os
import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
INTERVAL = 0.05
_numbers = itertools.count()


class Group:
    """A control group of one sandbox; `folders` is empty where none could be made. What waits in its connections counts."""

    def __init__(self, memory: int, processes: int) -> None:
        self.folders: list[Path] = []
        sweep()
        name = f"offswitch-{os.getpid()}-{next(_numbers)}"
        if (ROOT / "cgroup.controllers").exists():
            wanted = [(ROOT / name, {"memory.max": memory, "memory.swap.max": 0, "pids.max": processes + 8})]
        else:
            limits = dict.fromkeys(("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"), memory)
            wanted = [(ROOT / "memory" / name, limits | {"memory.kmem.tcp.limit_in_bytes": memory // 4})]
        for folder, limits in wanted:
            self._make(folder, limits)

    def _make(self, folder: Path, limits: dict[str, int]) -> None:
        first = next(iter(limits))
        try:
            folder.mkdir()
            (folder / first).write_text(str(limits[first]), encoding="ascii")
        except OSError:
            with contextlib.suppress(OSError):
                folder.rmdir()
            return
        for name in list(limits)[1:]:
            with contextlib.suppress(OSError):  # accounting of swap may be off: then there is none to take
                (folder / name).write_text(str(limits[name]), encoding="ascii")
        self.folders.append(folder)

    @property
    def bounds_memory(self) -> bool:
        return any((folder / name).exists() for folder in self.folders for name in ("memory.max", "memory.limit_in_bytes"))

    def close(self) -> None:
        """Remove the group once its processes are gone; waits half a second for the kernel at most."""
        for folder in self.folders:
            for _ in range(50):
                try:
                    folder.rmdir()
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.01)
                else:
                    break


@cache
def sweep() -> None:
    """Once in a process: groups that runs have left which were killed, or could not wait for the kernel."""
    for folder in (*ROOT.glob("offswitch-*-*"), *ROOT.glob("memory/offswitch-*-*")) if os.geteuid() == 0 else ():
        if not Path(f"/proc/{folder.name.split('-')[1]}").exists():
            with contextlib.suppress(OSError):  # something in it has not ended yet
                folder.rmdir()


def members(namespace: int) -> list[int]:
    """Host pids of all processes whose pid namespace is `namespace` (an inode number)."""
    return _by_namespace({namespace}).get(namespace, [])


def used(pids: list[int], most: int = 0) -> int:
    """Bytes that `pids` hold, and distinct memory files. Where a quick count is over `most`, pages that forks share are
    counted once; a process that forbids that look is counted in full."""
    quick = sum(_private(pid) for pid in pids) + _memory_files(pids)
    return quick if quick <= most else sum(_share(pid) for pid in pids) + _memory_files(pids)


def _private(pid: int) -> int:
    try:
        _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return 0
    return max(0, int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")


def _share(pid: int) -> int:
    try:
        return rolled_up(pid, "Pss_Anon:")
    except OSError:
        return _private(pid)


def rolled_up(pid: int, field: str) -> int:
    """Bytes of one `field` of a process's memory, such as "Pss:". Raises OSError where one may not look."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(field)) * 1024


def _memory_files(pids: list[int]) -> int:
    files: dict[int, int] = {}
    for pid in pids:
        try:
            for fd in os.listdir(f"/proc/{pid}/fd"):
                if os.readlink(f"/proc/{pid}/fd/{fd}").startswith("/memfd:"):
                    stat = os.stat(f"/proc/{pid}/fd/{fd}")
                    files[stat.st_ino] = stat.st_blocks * 512
        except OSError:
            continue  # it ended meanwhile
    return sum(files.values())


class Watch:
    """One thread for all sandboxes without a group of their own."""

    def __init__(self) -> None:
        self._watched: dict[int, tuple[int, Callable[[], None]]] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, namespace: int, memory: int, end: Callable[[], None]) -> None:
        with self._lock:
            self._watched[namespace] = (memory, end)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._look, name="sandbox-memory", daemon=True)
                self._thread.start()

    def remove(self, namespace: int) -> None:
        with self._lock:
            self._watched.pop(namespace, None)

    def _look(self) -> None:
        while True:
            time.sleep(INTERVAL)
            with self._lock:
                if not self._watched:
                    self._thread = None
                    return
                watched = dict(self._watched)
            for namespace, pids in _by_namespace(set(watched)).items():
                memory, end = watched[namespace]
                if used(pids, memory) > memory:
                    end()


def _by_namespace(wanted: set[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                namespace = os.stat(f"/proc/{name}/ns/pid").st_ino
            except OSError:
                continue  # it ended, or is someone else's
            if namespace in wanted:
                found.setdefault(namespace, []).append(int(name))
    return found


WATCH = Watch()
