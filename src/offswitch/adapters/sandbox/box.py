"""One sandbox: lives as long as its episode, so that what an agent leaves running stays, as on a machine of its own.

with Box() as box:
    box.run(["bash", "-c", "echo hello > note.txt"])
    box.run(["cat", "note.txt"]).stdout      # b"hello\\n"
"""

import errno
import json
import os
import posixpath
import select
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from offswitch.adapters.sandbox import layout
from offswitch.adapters.sandbox.available import SandboxError, cure, needed, owner
from offswitch.adapters.sandbox.config import SandboxConfig
from offswitch.adapters.sandbox.doorway import Line, doorway
from offswitch.adapters.sandbox.filter import system_call_filter
from offswitch.adapters.sandbox.listening import Listening
from offswitch.adapters.sandbox.memory import WATCH, Group, members
from offswitch.adapters.sandbox.running import Done, Running

WRITE = 'mkdir -p -- "$(dirname -- "$1")" && cat > "$1"'
"""For a shell: what it is given goes into the file that it is told."""


class Box:
    """A started sandbox. Raises SandboxError, with the cure, where it cannot be had."""

    def __init__(self, config: SandboxConfig | None = None) -> None:
        self.config = config or SandboxConfig()
        self._bwrap = needed()
        self._group = Group(self.config.memory, self.config.processes)
        self._alive = False
        self._porter = self._hire()
        try:
            self.pid = self._start()
            """Host pid of the sandbox's pid 1."""
            self._pidfd = os.pidfd_open(self.pid)
            self._alive = True
            self.namespace = os.stat(f"/proc/{self.pid}/ns/pid").st_ino
            """Inode of its pid namespace."""
            self._porter.done(self._room(), [self._pidfd])
        except BaseException:
            self.close()
            raise
        self.memory_is_exact = self._group.bounds_memory
        """A control group holds the limit; otherwise a watch ends the sandbox soon after it is passed."""
        if not self.memory_is_exact:
            WATCH.add(self.namespace, self.config.memory, self._kill)

    @property
    def root(self) -> str:
        """Where this machine sees the sandbox's files. Links in it are the agent's: open nothing by path there."""
        return f"/proc/{self.pid}/root"

    def run(
        self,
        command: Sequence[str],
        given: bytes = b"",
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Done:
        """Run `command` and wait. `cwd` may be relative to home; `timeout` in seconds, else the sandbox's own limit.

        Raises OSError where it cannot start (a folder that is not there), SandboxError where the sandbox has ended.
        """
        running = self.begin(command, cwd, env)
        return self.finish(running, given, timeout or self.config.exec_seconds, self.config.output)

    def write(self, path: str, content: bytes) -> None:
        """Write a file as the agent would, in folders that are made for it. Raises OSError."""
        done = self.run(["/bin/sh", "-c", WRITE, "sh", path], content)
        if done.code:
            raise OSError(f"{path}: {done.stderr.decode(errors='replace').strip()}")

    def finish(self, running: Running, given: bytes, timeout: float, most: int) -> Done:
        """Wait for what `begin` has started: `Running.wait`, with the sandbox's own end told as such."""
        try:
            return running.wait(given, timeout, most)
        except OSError as error:
            if error.errno == errno.ENOMEM:  # a sandbox that is just ending takes no more processes
                self._ended(1000)
            self._check_alive()
            raise

    def begin(self, command: Sequence[str], cwd: str | None = None, env: Mapping[str, str] | None = None) -> Running:
        """Start `command`; the caller waits for it. The environment is the sandbox's with `env` over it."""
        self._check_alive()
        pipes = [os.pipe() for _ in range(3)]
        inside = [pipes[0][0], pipes[1][1], pipes[2][1]]
        request = {
            "argv": list(command),
            "cwd": posixpath.join(self.config.home, cwd or ""),
            "env": {**layout.environment(self.config), **(env or {})},
            "limits": self._limits(),
        }
        try:
            status = self._porter.ask(request, inside)
        except BaseException:
            for fd in (pipes[0][1], pipes[1][0], pipes[2][0]):
                os.close(fd)
            raise
        finally:
            for fd in inside:
                os.close(fd)
        return Running(status, pipes[0][1], pipes[1][0], pipes[2][0])

    def listen(self, ports: Sequence[int]) -> list[Listening]:
        """Listening TCP sockets on the sandbox's own 127.0.0.1, to be served from here, where the agent cannot reach.

        Ports below 1024 are allowed; every sandbox has its own, so parallel ones never clash. Each holds few connections.
        """
        self._check_alive()
        back = doorway().done(
            {"kind": "listen", "uid": owner(), "cgroups": [], "pid": self.pid, "ports": list(ports)}, [], len(ports)
        )
        return [Listening(fileno=fd) for fd in back]

    def processes(self) -> list[int]:
        """Host pids of all that lives in it, pid 1 included: counted from outside."""
        return members(self.namespace) if self.alive else []

    @property
    def alive(self) -> bool:
        return self._alive and not self._ended(0)

    def _ended(self, patience: int) -> bool:
        """Wait up to `patience` milliseconds for pid 1 to be gone."""
        ended = select.poll()
        ended.register(self._pidfd, select.POLLIN)
        return bool(ended.poll(patience))

    def close(self) -> None:
        """End it and all its processes, which the kernel does as one. May be called again."""
        if self._alive:
            WATCH.remove(self.namespace)
            self._kill()
            self._alive = False
            os.close(self._pidfd)
        self._porter.close()
        self._group.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _check_alive(self) -> None:
        if not self.alive:
            raise SandboxError("the sandbox has ended: it was closed, or ended for using more memory than its limit")

    def _kill(self) -> None:
        try:
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        except ProcessLookupError:
            self._alive = self._alive and True  # it had ended by itself

    def _limits(self) -> dict[str, int]:
        config = self.config
        return {
            "RLIMIT_NPROC": config.processes,
            "RLIMIT_DATA": config.memory,  # not the address space: Node and Chromium reserve far more than they use
            "RLIMIT_FSIZE": config.file_size,
            "RLIMIT_CPU": config.cpu_seconds,
            "RLIMIT_NOFILE": config.open_files,
            "RLIMIT_CORE": 0,
            "RLIMIT_MEMLOCK": 1 << 20,
            "RLIMIT_MSGQUEUE": 1 << 20,
        }

    def _start(self) -> int:
        rules = system_call_filter()
        says, said = os.pipe()
        info, informs = os.pipe()
        texts = [rules or b"", *(text.encode() for text in layout.small_files(self.config).values())]
        files = [_memory_file(text) for text in texts]
        nothing = os.open("/dev/null", os.O_RDONLY)
        argv = layout.command(self._bwrap, self.config, rules is not None)
        env = {"PATH": "/usr/bin:/bin"}
        try:
            status = doorway().ask(
                {"kind": "spawn", "uid": owner(), "cgroups": [], "argv": argv, "env": env},
                [nothing, said, said, informs, *files],
            )
        finally:
            for fd in (said, informs, nothing, *files):
                os.close(fd)
        with status, os.fdopen(info, "rb") as told, os.fdopen(says, "rb") as words:
            report, line = told.read(), words.readline()
            # the report comes before the mounts are made; the line comes from pid 1 itself
            if not report.strip() or line != b"up\n":
                status.settimeout(0.2)
                raise SandboxError(cure((line + words.read()).decode(errors="replace").strip() or _refusal(status)))
        return int(json.loads(report)["child-pid"])

    def _hire(self) -> Line:
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # the porter and its children alone count: what was there before them is ours and small
        groups = [str(folder) for folder in self._group.folders]
        try:
            doorway().ask({"kind": "porter", "uid": owner(), "cgroups": groups}, [theirs.fileno()]).close()
        finally:
            theirs.close()
        return Line(mine)

    def _room(self) -> dict[str, object]:
        config = self.config
        room = {"disk": config.disk, "files": config.files, "places": layout.places(config), "pid": self.pid}
        return {"kind": "furnish", **room}


def _refusal(status: socket.socket) -> str:
    try:
        return status.recv(1 << 16).decode(errors="replace") or "it ended at once"
    except OSError:
        return "it ended at once"


def _memory_file(content: bytes) -> int:
    fd = os.memfd_create("file")
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def timed_start(config: SandboxConfig | None = None) -> tuple[Box, float]:
    """A started sandbox and the milliseconds until it was ready."""
    before = time.perf_counter()
    box = Box(config)
    return box, (time.perf_counter() - before) * 1000
