"""Run a program of this machine inside a sandbox's network: python -I netns.py PID USER GROUPS PROGRAM ARGUMENT...

A small script with the standard library alone. Root joins the network itself and becomes USER, in the control groups
GROUPS and with the profile that the arguments name; anyone else joins the user namespace that owns the network first.
Nothing else is joined, so the program sees this machine's files as that user may, the sandbox's loopback, and no other
network.
"""

import ctypes
import fcntl
import os
import sys

NS_GET_USERNS = 0xB701
USER, NET = 0x10000000, 0x40000000


def join(descriptor: int, kind: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, kind) < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"setns: {os.strerror(code)}")


def main() -> None:
    pid, user, groups, *command = sys.argv[1:]
    profile = next((word.partition("=")[2] for word in command if word.startswith("--user-data-dir=")), "/nonexistent")
    for group in filter(None, groups.split(":")):
        with open(f"{group}/cgroup.procs", "w", encoding="ascii") as file:
            file.write("0")
    network = os.open(f"/proc/{int(pid)}/ns/net", os.O_RDONLY)
    if os.geteuid() != 0:
        join(fcntl.ioctl(network, NS_GET_USERNS), USER)
    join(network, NET)
    os.close(network)
    if user:
        os.chown(profile, int(user), int(user))
        os.setgroups([])
        os.setresgid(int(user), int(user), int(user))
        os.setresuid(int(user), int(user), int(user))
    os.execve(command[0], command, {**os.environ, "HOME": profile})


if __name__ == "__main__":
    main()
