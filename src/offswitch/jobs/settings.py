"""Settings of a run as plain data, in which those that have their default are marked.

So a run folder from before a setting existed holds the same run as today's default of it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any

from pydantic import BaseModel

LEFT_OUT = ("concurrency", "among")
"""What older run folders hold of settings that change nothing of what is played, and that are no longer kept."""


@dataclass(frozen=True)
class Default:
    """The value of a setting that is as it would be if nobody had given it."""

    value: Any


def marked(thing: Any) -> Any:
    """A dataclass, pydantic model, mapping or sequence as nested dicts and lists; what is at its default as `Default`."""
    if isinstance(thing, BaseModel) or (is_dataclass(thing) and not isinstance(thing, type)):
        return {name: Default(marked(now)) if now == default else marked(now) for name, now, default in _fields(thing)}
    if isinstance(thing, Mapping):
        return {name: marked(value) for name, value in thing.items()}
    return [marked(value) for value in thing] if isinstance(thing, list | tuple) else thing


def _fields(thing: Any) -> Iterator[tuple[str, Any, Any]]:
    """Name, value and default of each; `MISSING`, which equals nothing, for those that have to be given."""
    if isinstance(thing, BaseModel):
        for name, field in type(thing).model_fields.items():
            default = MISSING if field.is_required() else field.get_default(call_default_factory=True, validated_data={})
            yield name, getattr(thing, name), default
    else:
        for one in fields(thing):
            made = one.default_factory
            yield one.name, getattr(thing, one.name), one.default if made is MISSING else made()


def defaults(*kinds: type) -> dict[str, Any]:
    """Of dataclasses: what each setting is where nobody gave it, as JSON has it."""
    found = {one.name: one for kind in kinds for one in fields(kind)}
    made = {name: one.default if one.default_factory is MISSING else one.default_factory() for name, one in found.items()}
    return {name: unmarked(value) for name, value in made.items() if value is not MISSING}


def unmarked(thing: Any) -> Any:
    """The same without marks, as JSON has it."""
    return json.loads(written(thing))


def written(thing: Any, indent: int | None = None) -> str:
    """As JSON, names in order; what JSON does not know as text."""
    return json.dumps(thing, indent=indent, sort_keys=True, default=_bare)


def _bare(thing: Any) -> Any:
    return thing.value if isinstance(thing, Default) else str(thing)


def changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Names of the settings that are no longer what a file of such JSON holds."""
    new = [name for name, value in now.items() if name not in before and not isinstance(value, Default)]
    kept = [name for name in before if name in now or name not in LEFT_OUT]
    return sorted([*new, *(name for name in kept if name not in now or not _agree(before[name], now[name]))])


def _agree(before: Any, now: Any) -> bool:
    now = now.value if isinstance(now, Default) else now
    if isinstance(before, dict) and isinstance(now, Mapping):
        return not changed(before, now)
    if isinstance(before, list) and isinstance(now, list | tuple):
        return len(before) == len(now) and all(map(_agree, before, now))
    return bool(before == unmarked(now))
