"""System calls that no agent at a desk needs and that reach past namespaces are refused: a seccomp filter, built by hand.

Namespaces leave some doors of the kernel open (AF_VSOCK is in no namespace, io_uring and bpf are a large surface, user
namespaces give capabilities back), so those are shut here. ptrace stays: a debugger is honest work, and its reach ends
at the sandbox's own processes. Format: classic BPF over `struct seccomp_data`, see seccomp(2).
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
    "memfd_secret": (447, 447),
}
"""Refused with ENOSYS, so that libraries fall back. clone3 hides its flags behind a pointer, which a filter cannot read."""
_CLONE, _SOCKET, _IOCTL = (56, 220), (41, 198), (16, 29)
_NEW_NAMESPACE = 0x7E020080  # every CLONE_NEW* flag that clone takes
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C  # type into someone else's terminal
_SOCKETS = (1, 2, 10, 16)  # unix, inet, inet6, netlink; vsock, packet, alg and the rest are refused
_MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCH, _FIRST, _SECOND = 0, 4, 16, 24  # offsets in struct seccomp_data; arguments are read by their low half
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
    no = (refuse, 0, 0, _ERRNO | errno.EPERM)
    yes = (_RETURN, 0, 0, _ALLOW)
    code += [(_EQUAL, 0, 4, _CLONE[column]), (_LOAD, 0, 0, _FIRST), (_ANY_BIT, 0, 1, _NEW_NAMESPACE), no, yes]
    code += [
        (_EQUAL, 0, 5, _IOCTL[column]),
        (_LOAD, 0, 0, _SECOND),
        (_EQUAL, 1, 0, _TIOCSTI),
        (_EQUAL, 0, 1, _TIOCLINUX),
        no,
        yes,
    ]
    code += [(_EQUAL, 0, len(_SOCKETS) + 2, _SOCKET[column]), (_LOAD, 0, 0, _FIRST)]
    code += [(_EQUAL, len(_SOCKETS) - i, 0, family) for i, family in enumerate(_SOCKETS)]
    code += [no, yes]
    return b"".join(struct.pack("=HBBI", *line) for line in code)
