"""What a study will do, fixed and hashed before its first run and checked at its end."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from offswitch.errors import OutputError
from offswitch.jobs.folder import write_whole
from offswitch.jobs.settings import changed, written

FILE = "preregistration.json"


def digest(plan: Mapping[str, Any]) -> str:
    """Content hash of a plan, as hex."""
    return hashlib.sha256(written(plan).encode()).hexdigest()


def register(plan: Mapping[str, Any], out: Path) -> str:
    """Write the plan into `out` if none is there; the hash of what is written.

    A plan from before a setting existed is that of today with the setting at its default, where `plan` is `marked`. Raises
    `OutputError` where another plan is there already.
    """
    if (out / FILE).exists():
        told = check(out)
        if other := changed(json.loads((out / FILE).read_text(encoding="utf-8"))["plan"], plan):
            raise OutputError(
                f"{out / FILE} has another plan (another {', '.join(other)}); a plan is not changed once it runs: choose "
                "another --out"
            )
        return told
    told = digest(plan)
    write_whole(out / FILE, written({"hash": told, "plan": plan}, indent=2) + "\n")
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
