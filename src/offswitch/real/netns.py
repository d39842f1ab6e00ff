"""Run a program of this machine inside a sandbox's network: python -I netns.py PID PROGRAM ARGUMENT...

A small script with the standard library alone. Root joins the network itself; anyone else the user namespace that owns it
first. Nothing else is joined, so the program sees this machine's files and the sandbox's loopback, and no other network.
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
    network = os.open(f"/proc/{int(sys.argv[1])}/ns/net", os.O_RDONLY)
    if os.geteuid() != 0:
        join(fcntl.ioctl(network, NS_GET_USERNS), USER)
    join(network, NET)
    os.close(network)
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
