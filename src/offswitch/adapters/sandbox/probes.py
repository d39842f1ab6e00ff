"""Known ways out of a sandbox or up in it, each tried once and harmlessly from inside: is the attempt refused?

This file is sent into the sandbox and run there by its Python with the standard library alone. A probe returns what the
kernel said when it refused, or raises `Escaped`. One that could do neither is neither held nor escaped, and says so.
Nothing here uses a weakness: each asks for something plainly, undoes what it made, and stops itself at a fixed bound.
"""

import ctypes
import fcntl
import json
import os
import platform
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)
X86 = platform.machine() == "x86_64"
PROBES: dict[str, tuple[str, Callable[[], str]]] = {}
ASKED: dict[str, Any] = {}
"""What the harness tells the probe: sizes of the limits, ports and names that it listens on outside."""


class Escaped(Exception):
    """It worked, and must not have."""


def probe(told: str) -> Callable[[Callable[[], str]], Callable[[], str]]:
    def keep(function: Callable[[], str]) -> Callable[[], str]:
        PROBES[function.__name__] = (told, function)
        return function

    return keep


def refused(attempt: Callable[..., Any], *given: Any) -> str:
    """What the system said no with."""
    try:
        result = attempt(*given)
    except (OSError, ValueError, MemoryError) as error:
        return f"{type(error).__name__}: {error}"
    raise Escaped(f"it worked: {result!r}"[:120])


def call(number: int, *given: Any) -> int:
    result = int(LIBC.syscall(ctypes.c_long(number), *given))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def mount(*given: Any) -> None:
    if LIBC.mount(*given) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def opened(path: str, flags: int) -> str:
    """Open and close, write nothing."""
    os.close(os.open(path, flags))
    return path


def simple(name: str, told: str, attempt: Callable[..., Any], *given: Any) -> None:
    PROBES[name] = (told, lambda: refused(attempt, *given))


def system_call(name: str, told: str, x86: int, arm: int, *given: Any) -> None:
    simple(name, told, call, x86 if X86 else arm, *given)


simple("mount_tmpfs", "mount a file system", mount, b"none", b"/tmp", b"tmpfs", 0, None)
simple("remount_usr", "make /usr writable", mount, None, b"/usr", None, 32 | 4096, None)
simple("mount_proc", "mount another /proc", mount, b"proc", b"/tmp", b"proc", 0, None)
system_call("umount_usr", "unmount to see what is under it", 166, 39, b"/usr", 2)
system_call("pivot_root", "change the root file system", 155, 41, b"/tmp", b"/tmp")
simple("chroot", "chroot, for the classic way out of one", os.chroot, "/tmp")
system_call("user_namespace", "a user namespace, which gives capabilities back", 272, 97, 0x10000000)
system_call("mount_namespace", "a mount namespace of its own", 272, 97, 0x00020000)
system_call("clone_namespace", "a user namespace through clone", 56, 220, 0x10000000 | 17, None, None, None, None)
system_call("clone3", "the same through clone3, whose flags a filter cannot read", 435, 435, bytes(88), 88)
system_call("fsopen", "mount through the newer interface", 430, 430, b"tmpfs", 0)
system_call("file_handle", "open a file of the host by its handle", 304, 265, -100, bytes(16), 0)
system_call("keyring", "read keys of the user who started it", 250, 219, 0, -3, 0)
system_call("bpf", "load a program into the kernel", 321, 280, 0, bytes(128), 128)
system_call("perf", "watch the kernel through perf events", 298, 241, bytes(128), 0, -1, -1, 0)
system_call("userfaultfd", "stop the kernel at page faults", 323, 282, 1)
system_call("io_uring", "system calls through io_uring, past the filter", 425, 425, 4, bytes(120))
system_call("kernel_module", "load a kernel module", 175, 105, b"", 0, b"")
system_call("kernel_log", "read the kernel's log", 103, 116, 3, bytes(64), 64)
system_call("set_clock", "change the machine's clock", 227, 112, 0, bytes(16))
system_call("shared_memory", "memory segments that outlive every process", 29, 194, 0, 4096, 0o1600)
simple("setuid_root", "become root", os.setuid, 0)
simple("setgroups", "take on groups", os.setgroups, [0])
simple("reach_network", "reach an address outside", socket.create_connection, ("192.0.2.1", 80), 1)
simple("vsock", "reach the hypervisor by vsock, which no namespace holds", socket.socket, 40, socket.SOCK_STREAM)
simple("packet_socket", "read raw packets", socket.socket, 17, socket.SOCK_RAW)
simple("raw_socket", "send raw packets", socket.socket, socket.AF_INET, socket.SOCK_RAW, 1)
simple("kernel_crypto", "the kernel's crypto sockets, a large surface", socket.socket, 38, socket.SOCK_SEQPACKET)
simple("write_usr", "change a program", open, "/usr/bin/offswitch-probe", "w")
simple("write_root", "write beside the mounts", open, "/offswitch-probe", "w")
simple("preload_for_all", "a library loaded into everything that is started", open, "/etc/ld.so.preload", "w")
simple("write_accounts", "add an account", open, "/etc/passwd", "a")
simple("write_dev", "write under /dev", open, "/dev/offswitch-probe", "w")
simple("shadow", "read the host's password hashes", open, "/etc/shadow")
simple("kernel_memory", "open the kernel's memory", opened, "/proc/kcore", os.O_RDONLY)
simple("sysrq", "restart the machine by sysrq (only opened)", opened, "/proc/sysrq-trigger", os.O_WRONLY)
simple(
    "core_pattern",
    "a program of its own run at every crash (only opened)",
    opened,
    "/proc/sys/kernel/core_pattern",
    os.O_WRONLY,
)
simple("modprobe_path", "a program of its own run as root (only opened)", opened, "/proc/sys/kernel/modprobe", os.O_WRONLY)
simple(
    "cgroup_agent", "the release agent of a control group (only opened)", opened, "/sys/fs/cgroup/release_agent", os.O_WRONLY
)
simple("own_program", "overwrite the program it runs as, by /proc/self/exe", opened, "/proc/self/exe", os.O_WRONLY)
simple("block_device", "make a node of the disk", os.mknod, "/tmp/disk", stat.S_IFBLK | 0o600, os.makedev(254, 0))
simple("raise_processes", "raise its limit on processes", resource.setrlimit, resource.RLIMIT_NPROC, (1 << 20, 1 << 20))
simple("raise_cpu", "raise its limit on processor time", resource.setrlimit, resource.RLIMIT_CPU, (1 << 20, 1 << 20))
simple("priority", "take the processor from others", os.setpriority, os.PRIO_PROCESS, 0, -20)


@probe("a capability for a file of its own")
def file_capability() -> str:
    path = Path("/tmp/capable")
    path.write_bytes(b"#!/bin/sh\n")
    try:
        return refused(os.setxattr, path, "security.capability", bytes.fromhex("0100000200002000000000000000000000000000"))
    finally:
        path.unlink()


@probe("raise a capability in its own process")
def raise_capability() -> str:
    header, sets = ctypes.create_string_buffer(b"\x22\x05\x08\x20" + bytes(4)), ctypes.create_string_buffer(b"\xff" * 24)
    return refused(call, 126 if X86 else 91, header, sets)


@probe("type into a terminal")
def terminal_injection() -> str:
    master, slave = os.openpty()
    try:
        return refused(fcntl.ioctl, slave, 0x5412, b"x")
    finally:
        os.close(master)
        os.close(slave)


@probe("change its network interface")
def network_admin() -> str:
    with socket.socket() as any_socket:
        return refused(fcntl.ioctl, any_socket, 0x8914, b"lo" + bytes(14) + b"\x00\x00" + bytes(22))


@probe("what pid 1 could lend: capabilities, an unfiltered process")
def borrow_from_pid_1() -> str:
    lines = dict(line.split(":", 1) for line in Path("/proc/1/status").read_text().splitlines())
    got = {name: lines[name].strip() for name in ("CapEff", "CapPrm", "CapBnd", "NoNewPrivs", "Seccomp")}
    if any(int(got[name], 16) for name in ("CapEff", "CapPrm", "CapBnd")) or got["NoNewPrivs"] != "1":
        raise Escaped(str(got))
    if ASKED["filtered"] and got["Seccomp"] != "2":
        raise Escaped(str(got))
    return f"pid 1 has nothing: {got}"


@probe("the host's files through /proc/*/root and cwd")
def proc_root() -> str:
    here, seen = os.stat("/"), 0
    for path in Path("/proc").glob("[0-9]*/root"):
        try:
            there = os.stat(path)
        except OSError:
            continue
        seen += 1
        if (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino):
            raise Escaped(f"{path} is another root")
    return f"{seen} processes, one root"


@probe("a setuid program of the system")
def setuid_program() -> str:
    found = [
        p for p in map(Path, ("/usr/bin/su", "/usr/bin/passwd", "/usr/bin/mount")) if p.exists() and p.stat().st_mode & 0o4000
    ]
    if not found:
        raise LookupError("there is no setuid program in /usr/bin")
    with subprocess.Popen([found[0]], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        uids = next(line for line in Path(f"/proc/{child.pid}/status").read_text().splitlines() if line.startswith("Uid"))
        child.kill()
    if "0" in uids.split()[1:]:
        raise Escaped(uids)
    return f"{found[0].name} ran with {uids}"


@probe("a setuid file of its own")
def setuid_file() -> str:
    copy = Path("/tmp/own-id")
    shutil.copy("/usr/bin/id", copy)
    os.chmod(copy, 0o6755)
    told = subprocess.run([copy, "-u"], capture_output=True, text=True, check=True).stdout.strip()
    copy.unlink()
    if told != str(os.getuid()):
        raise Escaped(told)
    return f"it ran as uid {told}"


@probe("system calls of the 32-bit interface, past the filter")
def thirty_two_bit() -> str:
    if not X86:
        raise LookupError("only on x86-64")
    import mmap

    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(bytes.fromhex("b814000000cd80c3"))  # getpid by int 0x80
    answer = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
    if answer >= 0:
        raise Escaped(f"getpid gave {answer}")
    return f"refused with {os.strerror(-answer)}"


simple("x32", "system calls by their x32 numbers", call, 0x40000000 + 39)


@probe("a core dump")
def core_dump() -> str:
    before = set(os.listdir("."))
    pid = os.fork()
    if pid == 0:
        os.kill(os.getpid(), signal.SIGSEGV)
        os._exit(0)
    ended = os.waitpid(pid, 0)[1]
    if os.WCOREDUMP(ended) or set(os.listdir(".")) - before:
        raise Escaped("a core was written")
    return "it crashed and left none; " + refused(resource.setrlimit, resource.RLIMIT_CORE, (1 << 20, 1 << 20))


@probe("processes without end")
def fork_bomb() -> str:
    most, children = int(ASKED["processes"]), []
    try:
        for _ in range(most + 50):
            pid = os.fork()
            if pid == 0:
                signal.alarm(20)
                signal.pause()
                os._exit(0)
            children.append(pid)
    except OSError as error:
        return f"stopped at {len(children)} of {most}: {error}"
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    raise Escaped(f"{len(children)} processes")


@probe("threads without end")
def thread_bomb() -> str:
    most, go, threads = int(ASKED["processes"]), threading.Event(), []
    try:
        for _ in range(most + 50):
            thread = threading.Thread(target=go.wait, args=(20,), daemon=True)
            thread.start()
            threads.append(thread)
    except RuntimeError as error:
        return f"stopped at {len(threads)} of {most}: {error}"
    finally:
        go.set()
    raise Escaped(f"{len(threads)} threads")


@probe("a full disk")
def disk_fill() -> str:
    block, written, names = bytes(1 << 20), 0, []
    try:
        for number in range(64):
            names.append(f"{('/tmp', '/dev/shm', '/var/tmp', '.')[number % 4]}/fill-{number}")
            with open(names[-1], "wb", buffering=0) as file:
                for _ in range(8):
                    written += file.write(block)
                    if written > int(ASKED["disk"]):
                        raise Escaped(f"{written >> 20} MiB on a disk of {ASKED['disk'] >> 20}")
    except OSError as error:
        return f"stopped at {written >> 20} MiB of {ASKED['disk'] >> 20}: {error}"
    finally:
        for name in names:
            Path(name).unlink(missing_ok=True)
    raise LookupError("the bound of the probe came before the limit")


@probe("files without number")
def inode_fill() -> str:
    folder, most = Path("many"), int(ASKED["files"])
    folder.mkdir()
    try:
        for number in range(most + 10):
            (folder / str(number)).touch()
    except OSError as error:
        return f"stopped at {number} of {most}: {error}"
    finally:
        shutil.rmtree(folder)
    raise Escaped(f"{most + 10} files")


@probe("one file over the limit")
def file_size() -> str:
    with open("/tmp/large", "wb") as file:
        try:
            return refused(os.ftruncate, file.fileno(), int(ASKED["file_size"]) + 1)
        finally:
            os.unlink("/tmp/large")


@probe("more memory than the limit in one process")
def one_large_process() -> str:
    return refused(bytearray, int(ASKED["memory"]) + (1 << 20))


@probe("a listener of the host's loopback")
def host_loopback() -> str:
    return refused(socket.create_connection, ("127.0.0.1", ASKED["port"]), 2)


@probe("an abstract unix socket of the host")
def abstract_socket() -> str:
    with socket.socket(socket.AF_UNIX) as any_socket:
        return refused(any_socket.connect, "\0" + ASKED["abstract"])


@probe("unix sockets of services (Docker, D-Bus) in the file system")
def service_sockets() -> str:
    found = [p for top in ("/run", "/var", "/tmp", "/home") for p in Path(top).rglob("*") if p.is_socket()]
    if found:
        raise Escaped(str(found[:3]))
    return "there is none"


@probe("processes of the host or of another sandbox")
def other_processes() -> str:
    seen = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.parent.name != str(os.getpid())]
    found = [line for line in seen if ASKED["elsewhere"].encode() in line or b"offswitch" in line]
    if found:
        raise Escaped(str(found[:2]))
    return f"{len(seen)} processes, all its own; " + refused(os.kill, int(ASKED["host_pid"]), 0)


@probe("end a program of the host by its number")
def kill_host() -> str:
    return refused(os.kill, int(ASKED["host_pid"]), signal.SIGUSR1)


@probe("names of the host: paths, users, environment")
def host_names() -> str:
    seen = (
        Path("/proc/self/mountinfo").read_text()
        + str(dict(os.environ))
        + Path("/proc/1/cmdline").read_text()
        + os.uname().nodename
    )
    found = [name for name in ASKED["host_names"] if name in seen]
    if found:
        raise Escaped(str(found))
    return "none in sight"


@probe("kill -9 -1: everything it may signal")
def kill_all() -> str:
    pid = os.fork()
    if pid == 0:
        os.kill(-1, signal.SIGKILL)
        os._exit(0)
    time.sleep(5)  # it does not live to see the end of this
    raise Escaped("it outlived its own kill")


def main(name: str) -> None:
    try:
        answer = {"held": True, "told": PROBES[name][1]()}
    except Escaped as error:
        answer = {"held": False, "told": str(error)}
    except Exception as error:
        answer = {"held": None, "told": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer))


if __name__ == "__main__":
    ASKED.update(json.loads(sys.argv[2]))
    main(sys.argv[1])
