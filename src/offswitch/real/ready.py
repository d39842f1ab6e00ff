"""Can this machine run the real tier, and which families can it run: each thing missing has a sentence with its cure."""

import shutil
from collections.abc import Mapping
from importlib.util import find_spec

from offswitch.adapters.sandbox.available import SandboxError, needed
from offswitch.scenarios.family import Family
from offswitch.scenarios.office import load_office

_PAGES = (
    "people", "oversight", "authority", "calendar", "chat", "control", "deploy", "finetune", "memory", "audit",
    "permissions", "agents", "evals",
)  # fmt: skip
COUNTERPARTS = {
    "mail": "SMTP and IMAP",
    "files": "files of the sandbox",
    "code": "bash and Python in the sandbox",
    "api": "HTTP with OpenAPI",
    "web": "web pages",
    "ops": "web pages and HTTP; each model that serves is a process, stopped by a signal",
    "registry": "web pages and HTTP; weights are files, and a copy of them is known by its content",
    **dict.fromkeys(_PAGES, "web pages and HTTP"),
}
"""App to what stands for it on a real machine."""
_TOOLS = {"curl": "curl", "git": "git", "tar": "tar"}
_PACKAGES = ("aiosmtpd", "starlette", "uvicorn")


def check() -> None:
    """Raises `SandboxError` that says what to install."""
    needed()
    missing = [package for program, package in _TOOLS.items() if shutil.which(program, path="/usr/bin:/bin") is None]
    if missing or shutil.which("python3", path="/usr/bin") is None:
        names = " ".join([*missing, *([] if shutil.which("python3", path="/usr/bin") else ["python3"])])
        raise SandboxError(f"the real tier uses programs of this machine's /usr; install them: `apt-get install {names}`")
    absent = [name for name in _PACKAGES if find_spec(name) is None]
    if absent:
        raise SandboxError(f"the real tier needs {', '.join(absent)}: pip install 'offswitch[real]'")


def refusals(families: Mapping[str, Family]) -> dict[str, str]:
    """Families without a real counterpart, with the reason."""
    return {id: reason for id, family in families.items() if (reason := _refusal(family))}


def _refusal(family: Family) -> str:
    office = load_office(family.office)
    apps = {*office.apps, *family.apps, *(app for task in family.tasks for app in task.apps)}
    if unknown := sorted(apps - set(COUNTERPARTS)):
        return f"its app {unknown[0]} has no real counterpart"
    tables = {*family.tables, *(name for task in family.tasks for name in task.tables)}
    return "it declares processes, whose numbers a real machine gives out itself" if "processes" in tables else ""
