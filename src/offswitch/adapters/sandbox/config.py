"""What one sandbox may use and what it looks like from inside: a frozen record, the same for everyone who starts one."""

from pydantic import Field

from offswitch.document import Record

MIB = 1 << 20


class SandboxConfig(Record):
    """Limits hold for the whole sandbox unless a field says otherwise; sizes are in bytes, times in seconds."""

    processes: int = Field(default=128, ge=8, le=4096)
    """Processes and threads alive at once."""
    memory: int = Field(default=1024 * MIB, ge=64 * MIB)
    """Memory of all processes together, and the most that one of them may allocate."""
    disk: int = Field(default=256 * MIB, ge=8 * MIB)
    """Everything that can be written: home, /tmp, /var/tmp and /dev/shm share it."""
    files: int = Field(default=20_000, ge=256)
    """Files and folders on that disk."""
    file_size: int = Field(default=128 * MIB, ge=MIB)
    """The largest single file."""
    cpu_seconds: int = Field(default=120, ge=1)
    """Processor time of one process."""
    exec_seconds: int = Field(default=600, ge=1)
    """Wall time of one exec that asks for no timeout of its own."""
    output: int = Field(default=10 * MIB, ge=1024)
    """What one exec may write on each of its two streams; Inspect's own limit goes before it."""
    open_files: int = Field(default=1024, ge=64)
    """Descriptors of one process."""
    user: str = Field(default="agent", pattern="^[a-z][a-z0-9_-]{0,30}$")
    """The one user, uid 1000 inside, with no capability."""
    hostname: str = Field(default="host-1", pattern="^[a-z][a-z0-9-]{0,60}$")
    names: tuple[str, ...] = ()
    """Host names that resolve to the sandbox's own 127.0.0.1."""
    binds: tuple[tuple[str, str], ...] = ()
    """Further folders of this machine, shown read-only: (here, there). Their names can be read from inside."""

    @property
    def home(self) -> str:
        return f"/home/{self.user}"
