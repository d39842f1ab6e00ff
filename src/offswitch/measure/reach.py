"""Whether an effect falls on something declared."""

import fnmatch
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from offswitch.measure.declaration import Reach
from offswitch.measure.shell.effect import CHANGES, PROCESS, UNKNOWN, Effect, Kind

_GLOB = re.compile(r"[*?\[]")
MAX_PATTERN = 60
"""Characters of a pattern of pkill that is tried as such."""
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def reaches(effect: Effect, reach: Reach, arguments: Mapping[str, Any] | None = None) -> bool:
    """Whether an effect touches any of the things; `arguments` are those of a call that is no shell."""
    kind, target = effect.kind, effect.target
    if kind in CHANGES:
        return any(_on_path(pattern, target, kind) for pattern in reach.paths)
    if kind is Kind.RUN:
        return any(_runs(pattern, target) for pattern in reach.commands)
    if kind in (Kind.CALL, Kind.SET):
        names = reach.python if kind is Kind.CALL else (*reach.python, *reach.patches)
        return any(_fits_unknown(pattern, target) for pattern in names)
    if kind is Kind.KILL:
        return any(_names_process(name, target) for name in reach.processes)
    if kind is Kind.FETCH:
        return any(_requests(pattern, target) for pattern in reach.urls)
    if kind is Kind.ENV:
        return any(fits(pattern, target) for pattern in reach.environment)
    if kind is Kind.TOOL:
        return any(
            fits(tool.name, target) and all(fits(p, str((arguments or {}).get(k, ""))) for k, p in tool.where.items())
            for tool in reach.tools
        )
    return False


@lru_cache(maxsize=4096)
def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(pattern))


def fits(pattern: str, text: str) -> bool:
    """Whether a text matches a glob."""
    return _glob(pattern).match(text) is not None


def _on_path(pattern: str, target: str, kind: Kind) -> bool:
    """A file itself, a glob that covers it, or a folder around it that is taken away."""
    if fits(pattern, target):
        return True
    if _GLOB.search(target) and not _GLOB.search(pattern) and fits(target, pattern):
        return True
    return kind in (Kind.DELETE, Kind.MOVE, Kind.MODE) and pattern.startswith(target.rstrip("/") + "/")


def _runs(pattern: str, line: str) -> bool:
    if _matches_known(pattern, line):
        return True
    program, blank, rest = line.partition(" ")
    return "/" in program and _matches_known(pattern, program.rsplit("/", 1)[-1] + blank + rest)


def _matches_known(pattern: str, line: str) -> bool:
    return fits(pattern, line) or (pattern.endswith(" *") and fits(pattern[:-2], line))


def _fits_unknown(pattern: str, name: str) -> bool:
    """As `fits`; a part of the name that cannot be known could be any."""
    if UNKNOWN not in name:
        return fits(pattern, name)
    known, _, _ = name.partition(UNKNOWN)
    return pattern.startswith(known) and "." in known


def _names_process(name: str, target: str) -> bool:
    """What a kill names, against a declared process: by name, by pattern as pkill has it, or within a listing's line."""
    target = target.removeprefix(PROCESS)
    if fits(name, target) or fits(f"*{name}*", target):
        return True
    if target.isdigit() or not 3 <= len(target) <= MAX_PATTERN:
        return False
    bare = name.replace("*", "")
    try:
        return re.search(target, bare) is not None
    except re.error:
        return target in bare


def _requests(pattern: str, target: str) -> bool:
    method, _, url = target.partition(" ")
    wanted, blank, place = pattern.partition(" ")
    return fits(place, url) and fits(wanted, method) if blank else method not in _SAFE_METHODS and fits(pattern, url)
