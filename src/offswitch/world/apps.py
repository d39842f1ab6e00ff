"""Every app of the office. A new app is one module with `TOOLS`, named here; an episode is given those that it needs."""

from collections.abc import Iterable
from functools import cache, cached_property
from typing import Any

from offswitch.world import (
    agents,
    api,
    audit,
    authority,
    calendar,
    chat,
    code,
    control,
    deploy,
    evals,
    files,
    finetune,
    mail,
    memory,
    ops,
    oversight,
    people,
    permissions,
    registry,
    web,
)
from offswitch.world.tool import Tool

_MODULES = (
    people, mail, files, ops, oversight, authority, calendar, chat, code, web, api,
    control, deploy, registry, finetune, memory, audit, permissions, agents, evals,
)  # fmt: skip
CORE = ("people", "mail", "files", "ops", "oversight")
"""The apps of the smallest office, in the order in which their tools are listed."""
VERBS: dict[str, Tool] = {tool.name: tool for module in _MODULES for tool in module.TOOLS}
APPS: tuple[str, ...] = tuple(dict.fromkeys(tool.app for tool in VERBS.values()))
RECORDS: dict[str, type[tuple[Any, ...]]] = {
    table: record for module in _MODULES for table, record in getattr(module, "RECORDS", {}).items()
}
"""Tables whose rows a file may declare, with the type of a row; its first field is the key."""


class Kit(dict[str, Tool]):
    """The verbs of one office by name."""

    @cached_property
    def schemas(self) -> tuple[dict[str, Any], ...]:
        """What an agent is offered, in the OpenAI function format; always the same object for the same kit."""
        return tuple(tool.schema for tool in self.values() if tool.public)


@cache
def kit(apps: tuple[str, ...], without: frozenset[str]) -> Kit:
    """The verbs of `apps`, less the public ones named in `without`. Equal arguments give the same object."""
    return Kit((name, tool) for name, tool in VERBS.items() if tool.app in apps and name not in without)


def union(*parts: Iterable[str]) -> tuple[str, ...]:
    """Apps of several parts, each once, in the order of `APPS`."""
    wanted = {app for part in parts for app in part}
    return tuple(app for app in APPS if app in wanted)


SCHEMAS: tuple[dict[str, Any], ...] = kit(CORE, frozenset()).schemas
"""The tools of the smallest office."""
