"""The doorkeeper: one small process outside all sandboxes that starts them and puts commands into them.

It runs as a script with the standard library alone, so that a fork of it costs a millisecond and no thread can be in the
way (a user namespace may be joined by a single thread only). A request is a JSON document in a memory file, with its
descriptors: [document, status socket, ...]. Each sandbox gets a porter, a fork that joins it once and then starts the
commands. Nothing of the sandbox's own files is run before every privilege is gone.
"""

import array
import contextlib
import ctypes
import errno
import fcntl
import json
import os
import resource
import select
import signal
import socket
import struct
from typing import Any, NoReturn

LIBC = ctypes.CDLL(None, use_errno=True)
USER, MOUNT, PID, NET, IPC, UTS, CGROUP = 0x10000000, 0x00020000, 0x20000000, 0x40000000, 0x08000000, 0x04000000, 0x02000000
EVERY = USER | MOUNT | PID | NET | IPC | UTS | CGROUP
NS_GET_USERNS = 0xB701
SET_DUMPABLE, DROP_BOUND, NO_NEW_PRIVILEGES, SET_SECCOMP, AMBIENT = 4, 24, 38, 22, 47
NOSUID, NODEV, BIND, STRICTATIME = 2, 4, 4096, 1 << 24
KEYCTL = {"x86_64": 250, "aarch64": 219}
JOIN_SESSION = 1
WORD, WORDS = 1 << 17, 3 << 19
"""Bytes of one argument, and of all with a pointer each, that the kernel takes."""
FILTER = b""


def check(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result


def prctl(option: int, first: int = 0, second: int = 0) -> int:
    return int(LIBC.prctl(option, ctypes.c_ulong(first), ctypes.c_ulong(second), ctypes.c_ulong(0), ctypes.c_ulong(0)))


def join(descriptor: int, kinds: int) -> None:
    check(LIBC.setns(descriptor, kinds), "setns")


def step_down(request: dict[str, Any]) -> None:
    """Take on the limits of the sandbox's group and the uid of its owner; from here on root and user go the same way."""
    for group in request["cgroups"]:
        with open(f"{group}/cgroup.procs", "w", encoding="ascii") as file:
            file.write("0")
    if request["uid"] is not None:
        os.setgroups([])
        os.setresgid(request["uid"], request["uid"], request["uid"])
        os.setresuid(request["uid"], request["uid"], request["uid"])
    number = KEYCTL.get(os.uname().machine)
    if number is not None:
        LIBC.syscall(number, JOIN_SESSION, None)  # no key of the harness's session is reachable; none is no loss
    prctl(SET_DUMPABLE, 0)


def lose_everything() -> None:
    """No capability in any set, none to be had again, no descriptor kept, system calls filtered."""
    prctl(AMBIENT, 4)
    for capability in range(64):
        if prctl(DROP_BOUND, capability) < 0:
            break
    header = struct.pack("=II", 0x20080522, 0)
    check(LIBC.capset(header, bytes(24)), "capset")
    check(prctl(NO_NEW_PRIVILEGES, 1), "no_new_privs")


def shut() -> None:
    if FILTER:
        lines = ctypes.create_string_buffer(FILTER)
        program = struct.pack("@HxxxxxxP", len(FILTER) // 8, ctypes.addressof(lines))
        check(LIBC.prctl(SET_SECCOMP, 2, program, 0, 0), "seccomp")


def limit(limits: dict[str, int]) -> None:
    for name, value in limits.items():
        which = getattr(resource, name)
        hard = resource.getrlimit(which)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (value, value))


def place(descriptors: list[int]) -> None:
    """Make `descriptors` numbers 0, 1, 2, ... and close all others."""
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for fd in descriptors]
    for number, fd in enumerate(high):
        os.dup2(fd, number, inheritable=True)
    os.closerange(len(high), 1 << 20)


def spawn(request: dict[str, Any], status: socket.socket, descriptors: list[int]) -> NoReturn:
    """Become bubblewrap, whose parent this doorkeeper is: when it ends, so does every sandbox."""
    step_down(request)
    place(descriptors)
    os.execve(request["argv"][0], request["argv"], request["env"])


def furnish(request: dict[str, Any]) -> None:
    """Mount the sandbox's one writable disk, as the owner of its mount namespace, under all the places that share it."""
    mounts = os.open(f"/proc/{request['pid']}/ns/mnt", os.O_RDONLY)
    join(fcntl.ioctl(mounts, NS_GET_USERNS), USER)
    join(mounts, MOUNT)
    disk = f"size={request['disk']},nr_inodes={request['files']},mode=755".encode()
    check(LIBC.mount(b"disk", b"/run", b"tmpfs", NOSUID | NODEV | STRICTATIME, disk), "mount of the disk")
    os.umask(0)
    for number, (where, mode) in enumerate(request["places"]):
        os.mkdir(f"/run/{number}", mode)
        check(LIBC.mount(f"/run/{number}".encode(), where.encode(), None, BIND, None), f"mount of {where}")
    check(LIBC.umount2(b"/run", 0), "umount")
    os.umask(0o022)
    os.close(mounts)


def porter(request: dict[str, Any], status: socket.socket, descriptors: list[int]) -> NoReturn:
    """Furnish the sandbox, join it for good, give up every privilege, then run there what is asked for.

    It has joined the namespaces but not the processes: nothing inside can see or signal it, what it forks is inside.
    """
    step_down(request)  # slow where there is a control group, so it is done while bubblewrap starts
    asked = socket.socket(fileno=descriptors[0])
    settle(asked)
    alive: dict[int, tuple[int, socket.socket]] = {}
    waiting = select.poll()
    waiting.register(asked, select.POLLIN)
    while True:
        for fd, _ in waiting.poll():
            if fd in alive:
                waiting.unregister(fd)
                tell(*alive.pop(fd))
                os.close(fd)
                continue
            data, given, _, _ = socket.recv_fds(asked, 1, 8)
            if not data:
                os._exit(0)
            started = carry(given)
            if started is not None:
                alive[started[0]] = started[1:]
                waiting.register(started[0], select.POLLIN)


def settle(asked: socket.socket) -> None:
    """Wait for the sandbox of this porter to be there, furnish and join it."""
    data, given, _, _ = socket.recv_fds(asked, 1, 8)
    if not data:
        os._exit(0)
    status = socket.socket(fileno=given[1])
    try:
        furnish(document(given[0]))
        join(given[2], EVERY)
        lose_everything()
        shut()
    except OSError as error:
        status.send(json.dumps({"error": str(error), "errno": error.errno}).encode())
        os._exit(125)
    os.close(given[2])
    status.send(b"{}")
    status.close()


def carry(given: list[int]) -> tuple[int, int, socket.socket] | None:
    """Fork the command of one request: (its pidfd, its pid, where its end is to be told)."""
    status = socket.socket(fileno=given[1])
    request = document(given[0])
    try:
        pid = os.fork()
    except OSError as error:
        pid = -1
        status.send(json.dumps({"error": f"no further process can be started: {error}", "errno": error.errno}).encode())
    if pid == 0:
        become(request, status, given[2:])
    for fd in given[2:]:
        os.close(fd)
    if pid < 0:
        status.close()
        return None
    status.send(json.dumps({"pid": pid}).encode())
    return os.pidfd_open(pid), pid, status


def tell(pid: int, status: socket.socket) -> None:
    ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with contextlib.suppress(OSError):  # nobody may wait for it any more
        status.send(json.dumps({"code": ended if ended >= 0 else 128 - ended}).encode())
    status.close()


def become(request: dict[str, Any], status: socket.socket, streams: list[int]) -> NoReturn:
    try:
        os.setsid()
        os.chdir(request["cwd"])
        limit(request["limits"])
        # through a program of the sandbox: /proc/self/exe must never be this machine's own interpreter
        argv = ["env", "-i", *(f"{k}={v}" for k, v in request["env"].items()), *request["argv"]]
        words = [word.encode("utf-8", "replace").replace(b"\0", b"?") for word in argv]
        if any(len(word) >= WORD for word in words) or sum(len(word) + 9 for word in words) > WORDS:
            raise OSError(errno.E2BIG, "the command is longer than a command line may be")
    except OSError as error:
        status.send(json.dumps({"error": error.strerror, "errno": error.errno}).encode())
        os._exit(125)
    place(streams)
    try:
        os.execve("/usr/bin/env", words, {})
    finally:
        os._exit(126)  # a traceback would show the agent where this file lies


def document(fd: int) -> dict[str, Any]:
    os.lseek(fd, 0, os.SEEK_SET)
    with os.fdopen(fd, "rb") as file:
        return dict(json.load(file))


def listen(request: dict[str, Any], status: socket.socket, descriptors: list[int]) -> NoReturn:
    """Open listening sockets inside the sandbox's network and hand them out."""
    step_down(request)
    network = os.open(f"/proc/{request['pid']}/ns/net", os.O_RDONLY)
    join(fcntl.ioctl(network, NS_GET_USERNS), USER)
    join(network, NET)
    sockets = []
    for port in request["ports"]:
        # the protocol is named: asyncio sets TCP_NODELAY only on sockets that say they are TCP
        server = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", port))
        server.listen(128)
        sockets.append(server)
    status.sendmsg([b"{}"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [one.fileno() for one in sockets]))])
    os._exit(0)


KINDS = {"spawn": spawn, "porter": porter, "listen": listen}


def answer(descriptors: list[int]) -> NoReturn:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    status = socket.socket(fileno=descriptors[1])
    try:
        request = document(descriptors[0])
        KINDS[request["kind"]](request, status, descriptors[2:])
    except Exception as error:  # the asker gets the sentence; this process is only a fork
        status.send(json.dumps({"error": str(error), "errno": getattr(error, "errno", None)}).encode())
        os._exit(125)


def forget_the_command_line() -> None:
    """A fork is seen from inside for a moment before it becomes the command: it must name no path of this machine."""
    with open("/proc/self/stat", encoding="ascii") as file:
        start, end = (int(field) for field in file.read().rsplit(")", 1)[1].split()[45:47])
    if start:
        ctypes.memset(start, 0, end - start)


def main() -> None:
    forget_the_command_line()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # forks are reaped by the kernel
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the harness's to handle
    asked = socket.socket(fileno=0)
    while True:
        data, descriptors, _, _ = socket.recv_fds(asked, 1, 24)
        if not data:
            os._exit(0)  # the harness is gone; bubblewrap dies with its parent
        if os.fork() == 0:
            asked.close()
            answer(descriptors)
        for fd in descriptors:
            os.close(fd)


if __name__ == "__main__":
    FILTER = socket.socket(fileno=os.dup(0)).recv(1 << 16)[1:]
    main()
