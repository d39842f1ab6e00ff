"""System calls that no agent at a desk needs and that reach past namespaces are refused: a seccomp filter, built by hand.

Namespaces leave some doors of the kernel open (AF_VSOCK is in no namespace, io_uring and bpf are a large surface, user
namespaces give capabilities back), so those are shut here, and what would blind whoever looks from outside: readings that
leave no time (O_NOATIME), leases on files, another command line than one's own. ptrace stays: a debugger is honest work,
and its reach ends at the sandbox's own processes. Format: classic BPF over `struct seccomp_data`, see seccomp(2).
"""

import errno
import platform
import struct

_DENIED = {
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "setns": (308, 268),
    "unshare": (272, 97),
    "open_by_handle_at": (304, 265),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "acct": (163, 89),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "fanotify_init": (300, 262),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "mount_setattr": (442, 442),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "syslog": (103, 116),
    "shmget": (29, 194),
}
"""Name to number on x86-64 and on arm64; refused with EPERM. shmget: segments outlive processes and their memory limit."""
_ABSENT = {
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "clone3": (435, 435),
    "openat2": (437, 437),
    "memfd_secret": (447, 447),
}
"""Refused with ENOSYS, so that libraries fall back. Two hide their flags behind a pointer, which a filter cannot read."""
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCH, _FIRST, _SECOND, _THIRD = 0, 4, 16, 24, 32  # offsets in struct seccomp_data; of arguments the low half
_NO_TIME = 0o1000000  # O_NOATIME
_SOCKETS = (1, 2, 10, 16)  # unix, inet, inet6, netlink; vsock, packet, alg and the rest are refused
Condition = tuple[int, int, int, bool]
"""(offset of what is looked at, comparison, with what, whether it must hold)."""
_GATES: tuple[tuple[tuple[int, int], tuple[tuple[Condition, ...], ...]], ...] = (
    ((56, 220), (((_FIRST, _ANY_BIT, 0x7E020080, True),),)),  # clone: every CLONE_NEW* flag that it takes
    ((16, 29), tuple(((_SECOND, _EQUAL, one, True),) for one in (0x5412, 0x541C))),  # ioctl: type into another's terminal
    ((41, 198), (tuple((_FIRST, _EQUAL, family, False) for family in _SOCKETS),)),  # socket
    ((2, -1), (((_SECOND, _ANY_BIT, _NO_TIME, True),),)),  # open, which arm64 has not
    ((257, 56), (((_THIRD, _ANY_BIT, _NO_TIME, True),),)),  # openat
    (
        (72, 25),  # fcntl: F_SETLEASE, and F_SETFL with O_NOATIME
        (((_SECOND, _EQUAL, 1024, True),), ((_SECOND, _EQUAL, 4, True), (_THIRD, _ANY_BIT, _NO_TIME, True))),
    ),
    ((157, 167), (((_FIRST, _EQUAL, 35, True),),)),  # prctl: PR_SET_MM
)
"""Calls that are refused (EPERM) where all conditions of one of the groups are met."""
_MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000


def system_call_filter() -> bytes | None:
    """An array of `struct sock_filter`; None on a machine type that it has no numbers for (x86-64 and arm64 have)."""
    if platform.machine() not in _MACHINES:
        return None
    arch, column = _MACHINES[platform.machine()]
    refuse, missing = _RETURN, _ERRNO | errno.ENOSYS
    code = [(_LOAD, 0, 0, _ARCH), (_EQUAL, 1, 0, arch), (refuse, 0, 0, missing), (_LOAD, 0, 0, _NUMBER)]
    code += [(_AT_LEAST, 0, 1, 0x40000000), (refuse, 0, 0, missing)]  # x32 would give every call a second number
    for table, error in ((_DENIED, errno.EPERM), (_ABSENT, errno.ENOSYS)):
        for numbers in table.values():
            code += [(_EQUAL, 0, 1, numbers[column]), (refuse, 0, 0, _ERRNO | error)]
    for numbers, refused in _GATES:
        gate = [line for group in refused for line in _refusing(group)]
        code += [(_EQUAL, 0, len(gate) + 1, numbers[column]), *gate, (_RETURN, 0, 0, _ALLOW)] if numbers[column] >= 0 else []
    code += [(_RETURN, 0, 0, _ALLOW)]
    return b"".join(struct.pack("=HBBI", *line) for line in code)


def _refusing(group: tuple[Condition, ...]) -> list[tuple[int, int, int, int]]:
    """Refuse where all conditions are met, else go on behind it."""
    code = []
    for left, (offset, comparison, value, wanted) in zip(range(len(group) - 1, -1, -1), group, strict=True):
        out = 2 * left + 1
        code += [(_LOAD, 0, 0, offset), (comparison, 0 if wanted else out, out if wanted else 0, value)]
    return [*code, (_RETURN, 0, 0, _ERRNO | errno.EPERM)]
