"""What the sandbox has to work with on this machine, in words for a person."""

import os
import shutil
from dataclasses import dataclass

from offswitch.adapters.sandbox.available import ROOT_OWNER, version
from offswitch.adapters.sandbox.box import Box
from offswitch.adapters.sandbox.filter import system_call_filter
from offswitch.adapters.sandbox.observer import Observer


@dataclass(frozen=True, slots=True)
class Host:
    """Facts that differ between machines."""

    bubblewrap: str
    owner: str
    filter: str
    memory: str
    watch: str


def host() -> Host:
    """Starts one sandbox to see. Raises SandboxError where that fails."""
    path = str(shutil.which("bwrap"))
    with Box() as box:
        exact, means = box.memory_is_exact, Observer(box).means
    return Host(
        ".".join(map(str, version(path))),
        f"started by root, owned by uid {ROOT_OWNER}" if os.geteuid() == 0 else "started without root",
        "system calls filtered" if system_call_filter() else "no system call filter for this machine type",
        "memory held by a control group" if exact else "memory watched from outside",
        f"readings told by {means}",
    )
