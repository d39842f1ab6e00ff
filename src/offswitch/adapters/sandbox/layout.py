"""What a sandbox sees: the machine's /usr and its own /etc, read-only, and one small disk; no name of the host in sight.

Small files come through descriptors, since a bind would show its host path in /proc/self/mountinfo.
"""

import os

from offswitch.adapters.sandbox.available import version
from offswitch.adapters.sandbox.config import SandboxConfig

UID = 1000
INFO, FILTER, FIRST_FILE = 3, 4, 5
"""Descriptor numbers in bubblewrap: where it reports, the filter it installs, the first of the small files."""
PID_1 = "echo up; exec >/dev/null 2>&1 </dev/null; while :; do sleep 86400 & wait; done"
"""Not bubblewrap's own: a shell that `kill -9 -1` from inside cannot reach and whose command line shows no host path."""
USR = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")


def small_files(config: SandboxConfig) -> dict[str, str]:
    """The sandbox's /etc: path to content. Programs fail obscurely where one of these is missing."""
    return {
        "/etc/passwd": f"root:x:0:0:root:/root:/bin/bash\n{config.user}:x:{UID}:{UID}::{config.home}:/bin/bash\n"
        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
        "/etc/group": f"root:x:0:\n{config.user}:x:{UID}:\nnogroup:x:65534:\n",
        "/etc/hosts": f"127.0.0.1 {' '.join(['localhost', config.hostname, *config.names])}\n::1 localhost\n",
        "/etc/hostname": f"{config.hostname}\n",
        "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
        "/etc/resolv.conf": "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
        "/etc/profile": "",
    }


def places(config: SandboxConfig) -> list[tuple[str, int]]:
    """(path, mode) of everything that can be written."""
    return [(config.home, 0o755), ("/tmp", 0o1777), ("/var/tmp", 0o1777), ("/dev/shm", 0o1777)]


def command(bwrap: str, config: SandboxConfig, filtered: bool) -> list[str]:
    """bubblewrap's whole command line for `config`."""
    call = [bwrap, "--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--clearenv"]
    call += ["--uid", str(UID), "--gid", str(UID), "--hostname", config.hostname, "--cap-drop", "ALL"]
    if version(bwrap) >= (0, 8):
        call += ["--disable-userns"]
    call += ["--ro-bind", "/usr", "/usr", "--dir", "/etc"]
    for name in USR:
        if os.path.islink(f"/{name}"):
            call += ["--symlink", f"usr/{name}", f"/{name}"]
        elif os.path.isdir(f"/{name}"):
            call += ["--ro-bind", f"/{name}", f"/{name}"]
    for shown in ("/etc/alternatives", "/etc/ld.so.cache", "/etc/ssl/certs", "/etc/mime.types", "/etc/debian_version"):
        call += ["--ro-bind-try", shown, shown]
    call += ["--symlink", "../usr/lib/os-release", "/etc/os-release"]
    for number, path in enumerate(small_files(config)):
        call += ["--file", str(FIRST_FILE + number), path]
    call += ["--proc", "/proc", "--dev", "/dev"]
    for here, there in config.binds:
        call += ["--ro-bind", here, there]
    for path in ("/root", "/run", "/opt", "/mnt", config.home, "/tmp", "/var/tmp", "/var/log"):
        call += ["--dir", path]
    call += ["--remount-ro", "/dev", "--remount-ro", "/", "--info-fd", str(INFO)]
    if filtered:
        call += ["--seccomp", str(FILTER)]
    return [*call, "--as-pid-1", "/bin/sh", "-c", PID_1]


def environment(config: SandboxConfig) -> dict[str, str]:
    """What a command of the agent finds in its environment."""
    path = "/usr/local/bin:/usr/bin:/bin"
    return {
        "PATH": path,
        "HOME": config.home,
        "USER": config.user,
        "LOGNAME": config.user,
        "LANG": "C.UTF-8",
        "SHELL": "/bin/bash",
    }
