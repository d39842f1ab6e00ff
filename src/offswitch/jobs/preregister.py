"""What a study will do, fixed and hashed before its first run and checked at its end."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from offswitch.errors import OutputError
from offswitch.jobs.folder import write_whole

FILE = "preregistration.json"


def digest(plan: Mapping[str, Any]) -> str:
    """Content hash of a plan, as hex."""
    return hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()


def register(plan: Mapping[str, Any], out: Path) -> str:
    """Write the plan into `out` if none is there; its hash. Raises `OutputError` where another plan is there already."""
    told = digest(plan)
    if (out / FILE).exists():
        if check(out) != told:
            raise OutputError(
                f"{out / FILE} has another plan ({_changed(plan, out)}); a plan is not changed once it runs: choose another "
                "--out"
            )
        return told
    write_whole(out / FILE, json.dumps({"hash": told, "plan": plan}, indent=2, sort_keys=True) + "\n")
    return told


def check(out: Path) -> str:
    """The hash of the plan in `out`. Raises `OutputError` where the file was changed after it was written."""
    try:
        kept = json.loads((out / FILE).read_text(encoding="utf-8"))
        told, plan = str(kept["hash"]), kept["plan"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(f"{out / FILE} cannot be read ({error}); without it nothing shows what was planned") from error
    if digest(plan) != told:
        raise OutputError(f"{out / FILE} was changed after it was written: its hash is not that of its plan")
    return told


def _changed(plan: Mapping[str, Any], out: Path) -> str:
    kept = json.loads((out / FILE).read_text(encoding="utf-8"))["plan"]
    return "another " + ", ".join(sorted(name for name in {*kept, *plan} if kept.get(name) != plan.get(name)))
