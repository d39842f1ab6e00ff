"""Can this machine run the sandbox, and if not, what would make it: each cause has a sentence with its cure."""

import os
import platform
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from offswitch.errors import OffswitchError

INSTALL = "install it: `apt-get install bubblewrap`, `dnf install bubblewrap`, `pacman -S bubblewrap` or `apk add bubblewrap`"
ROOT_OWNER = 64123
"""The uid that owns sandboxes on the host where the harness is root; it owns nothing else."""
SWITCHES_AT = Path("/proc/sys")
_SWITCHES = (
    ("kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"),
    ("user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=10000"),
)
"""(file under /proc/sys, the value that forbids user namespaces, the command that allows them)."""


class SandboxError(OffswitchError):
    """The sandbox cannot be used on this machine, or has ended."""


def owner() -> int | None:
    """The host uid that sandboxes run as, where it is another than the harness's own."""
    return ROOT_OWNER if os.geteuid() == 0 else None


def why_not() -> str | None:
    """What is missing and how to mend it; None where the sandbox works. The trial is made once in a process."""
    return _tried(os.environ.get("PATH", ""))


def needed() -> str:
    """Path of bubblewrap. Raises SandboxError with the cure where the sandbox cannot work."""
    reason = why_not()
    if reason is not None:
        raise SandboxError(reason)
    return str(shutil.which("bwrap"))


@cache
def version(path: str) -> tuple[int, ...]:
    told = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    return tuple(int(part) for part in re.findall(r"\d+", told))


@cache
def _tried(path: str) -> str | None:
    if platform.system() != "Linux":
        return "the sandbox 'offswitch' needs Linux; use Inspect's own sandbox='docker' here"
    found = shutil.which("bwrap", path=path)
    if found is None:
        return f"bubblewrap (the program bwrap) is not installed; {INSTALL}"
    missing = [name for name in ("/usr/bin/env", "/usr/bin/cat", "/bin/sh") if not Path(name).exists()]
    if missing:
        return f"the sandbox shows this machine's /usr and needs {', '.join(missing)} there; install coreutils"
    call = [
        found,
        "--unshare-all",
        "--unshare-user",
        "--ro-bind",
        "/",
        "/",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "/usr/bin/env",
        "true",
    ]
    uid = owner()
    try:
        user = {"user": uid, "group": uid, "extra_groups": []} if uid is not None else {}
        tried = subprocess.run(
            call, capture_output=True, text=True, timeout=20, check=False, env={"PATH": path}, cwd="/", **user
        )  # type: ignore[call-overload]
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap at {found} cannot be run ({error})"
    return None if tried.returncode == 0 else cure(tried.stderr.strip())


def cure(complaint: str) -> str:
    """The sentence for bubblewrap's own `complaint`, by the switch of this kernel that explains it."""
    if "Can't find source path" in complaint:
        whose = f" (uid {ROOT_OWNER}, since root gives itself up)" if os.geteuid() == 0 else ""
        return (
            f"{complaint}: the sandbox's owner{whose} must be able to read what is shown in it; put it where anyone may read"
        )
    for name, forbids, command in _SWITCHES:
        file = SWITCHES_AT / name
        if file.exists() and file.read_text(encoding="ascii").strip() == forbids:
            return (
                f"this kernel forbids bubblewrap ({complaint}): allow it with `{command}` (as root), or use sandbox='docker'"
            )
    if Path("/.dockerenv").exists():
        return (
            f"this container forbids bubblewrap ({complaint}): start it with `--security-opt seccomp=unconfined "
            "--security-opt apparmor=unconfined --security-opt systempaths=unconfined`, or use sandbox='docker' outside it"
        )
    return f"bubblewrap is installed but does not work here ({complaint}); user namespaces must be allowed to ordinary users"
