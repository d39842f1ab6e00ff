"""The sandbox as an Inspect provider: `sandbox="offswitch"` in anyone's task.

`SandboxEnvironmentSpec("offswitch", SandboxConfig(...))` sets its limits. Docker is Inspect's own provider: a task
that takes either passes the name through.
"""

import posixpath
from typing import Any, Literal, NoReturn, overload

import anyio.to_thread
from inspect_ai.util import (
    ExecResult,
    OutputLimitExceededError,
    SandboxEnvironment,
    SandboxEnvironmentConfigType,
    SandboxEnvironmentLimits,
    SandboxUnavailableError,
    SandboxUserUnsupportedError,
    sandboxenv,
)

from offswitch.adapters.sandbox.available import SandboxError, needed
from offswitch.adapters.sandbox.box import WRITE, Box
from offswitch.adapters.sandbox.config import SandboxConfig
from offswitch.adapters.sandbox.layout import UID
from offswitch.adapters.sandbox.running import Done, Running

THREADS = 64
"""Commands that one sandbox may run at once; more of them wait."""
FILE_SECONDS = 120.0


@sandboxenv(name="offswitch")
class OffswitchSandbox(SandboxEnvironment):
    """One long-lived bubblewrap sandbox a sample. Everything on files goes through the sandbox itself: a link that the
    agent has laid leads where it would lead the agent, never to a file of this machine."""

    def __init__(self, box: Box) -> None:
        super().__init__()
        self.box = box
        self._threads = anyio.CapacityLimiter(THREADS)

    async def exec(  # the eight parameters are Inspect's
        self,
        cmd: list[str],
        input: str | bytes | None = None,
        cwd: str | None = None,
        env: dict[str, str] | None = None,
        user: str | None = None,
        timeout: int | None = None,
        timeout_retry: bool = True,
        concurrency: bool = True,
    ) -> ExecResult[str]:
        """As Inspect's. Raises SandboxUserUnsupportedError for any user but the one there is."""
        if user not in (None, self.box.config.user, str(UID)):
            raise SandboxUserUnsupportedError(
                f"this sandbox has one user, {self.box.config.user!r}; there is no {user!r} in it"
            )
        given = input.encode() if isinstance(input, str) else input or b""
        done = await self._run(cmd, given, cwd, env, timeout)
        if done.late:
            raise TimeoutError(f"{cmd[:1]} was ended after {timeout or self.box.config.exec_seconds} seconds")
        if done.cut:
            told = SandboxEnvironmentLimits.MAX_EXEC_OUTPUT_SIZE_STR
            raise OutputLimitExceededError(told, max(done.stdout, done.stderr, key=len).decode(errors="replace"))
        out, err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        if done.code == 126 and err.startswith("env: ") and "Permission denied" in err:
            raise PermissionError(err.strip())
        return ExecResult(done.code == 0, done.code, out, err)

    async def write_file(self, file: str, contents: str | bytes) -> None:
        given = contents.encode() if isinstance(contents, str) else contents
        done = await self._run(["/bin/sh", "-c", WRITE, "sh", self._path(file)], given)
        if done.code:
            _refuse(done.stderr.decode(errors="replace"), file)

    @overload
    async def read_file(self, file: str, text: Literal[True] = True) -> str: ...

    @overload
    async def read_file(self, file: str, text: Literal[False]) -> bytes: ...

    async def read_file(self, file: str, text: bool = True) -> str | bytes:
        most = int(SandboxEnvironmentLimits.MAX_READ_FILE_SIZE)
        done = await self._run(["/usr/bin/cat", "--", self._path(file)], most=most)
        if done.cut:
            raise OutputLimitExceededError(SandboxEnvironmentLimits.MAX_READ_FILE_SIZE_STR, None)
        if done.code:
            _refuse(done.stderr.decode(errors="replace"), file)
        return done.stdout.decode("utf-8") if text else done.stdout

    async def _run(
        self,
        command: list[str],
        given: bytes = b"",
        cwd: str | None = None,
        env: dict[str, str] | None = None,
        timeout: float | None = None,
        most: int | None = None,
    ) -> Done:
        """Run in a thread; where Inspect gives up on it, the command is ended too."""
        limit = most or min(self.box.config.output, int(SandboxEnvironmentLimits.MAX_EXEC_OUTPUT_SIZE))
        seconds = timeout or (self.box.config.exec_seconds if most is None and not given else FILE_SECONDS)
        running: list[Running] = []

        def run() -> Done:
            running.append(self.box.begin(command, cwd, env))
            return self.box.finish(running[0], given, seconds, limit)

        try:
            return await anyio.to_thread.run_sync(run, abandon_on_cancel=True, limiter=self._threads)
        except SandboxError as error:
            raise SandboxUnavailableError(str(error)) from error
        except BaseException:
            for one in running:
                one.end()
            raise

    def _path(self, file: str) -> str:
        return posixpath.join(self.box.config.home, file)

    @classmethod
    def default_concurrency(cls) -> int | None:
        return 100

    def default_polling_interval(self) -> float:
        return 0.2

    @classmethod
    def config_deserialize(cls, config: dict[str, Any]) -> SandboxConfig:
        return SandboxConfig.model_validate(config)

    @classmethod
    async def task_init(cls, task_name: str, config: SandboxEnvironmentConfigType | None) -> None:
        await anyio.to_thread.run_sync(needed)  # the sentence that says how to install it, before any sample

    @classmethod
    async def sample_init(
        cls, task_name: str, config: SandboxEnvironmentConfigType | None, metadata: dict[str, str]
    ) -> dict[str, SandboxEnvironment]:
        chosen = config if isinstance(config, SandboxConfig) else SandboxConfig()
        return {"default": cls(await anyio.to_thread.run_sync(Box, chosen))}

    @classmethod
    async def sample_cleanup(
        cls,
        task_name: str,
        config: SandboxEnvironmentConfigType | None,
        environments: dict[str, SandboxEnvironment],
        interrupted: bool,
    ) -> None:
        for environment in environments.values():
            box = environment.as_type(cls).box
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(box.close)


def _refuse(complaint: str, file: str) -> NoReturn:
    for words, kind in (
        ("Permission denied", PermissionError),
        ("Read-only file system", PermissionError),
        ("s a directory", IsADirectoryError),
        ("irectory nonexistent", FileNotFoundError),
        ("No such file", FileNotFoundError),
        ("Not a directory", FileNotFoundError),
        ("No space left", OSError),
        ("File exists", FileExistsError),
    ):
        if words in complaint:
            raise kind(f"{file}: {complaint.strip()}")
    raise OSError(f"{file}: {complaint.strip() or 'it ended without a word'}")
