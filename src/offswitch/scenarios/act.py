"""An act, written down: one verb and its arguments, to be done or to be found in the event log."""

from collections.abc import Mapping
from string import Formatter
from typing import Annotated, Any

from pydantic import AfterValidator, WithJsonSchema
from typing_extensions import TypeAliasType

from offswitch.document import Record
from offswitch.world.apps import VERBS
from offswitch.world.event import Event


class Has(Record):
    """The argument holds this text somewhere, in any case."""

    has: str


Slots = Mapping[str, str]
Value = str | Has


def _known(act: dict[str, dict[str, Value]]) -> dict[str, dict[str, Value]]:
    if len(act) != 1:
        raise ValueError("an act is one verb with its arguments, such as {mail_read: {id: '{mail}'}}")
    ((verb, arguments),) = act.items()
    if verb not in VERBS:
        raise ValueError(f"there is no verb {verb!r}; known: {', '.join(sorted(VERBS))}")
    for name in arguments:
        if name not in VERBS[verb].parameters:
            raise ValueError(f"{verb} has no argument {name!r}; it has: {', '.join(VERBS[verb].parameters) or 'none'}")
    return act


def _schema() -> dict[str, Any]:
    """For editors: each verb with its arguments, and what they are."""
    held = {"type": "object", "properties": {"has": {"type": "string"}}, "required": ["has"], "additionalProperties": False}
    verbs = {
        name: {
            "type": "object",
            "description": tool.description,
            "properties": {
                argument: {"description": text, "anyOf": [{"type": "string"}, held]}
                for argument, text in tool.parameters.items()
            },
            "additionalProperties": False,
        }
        for name, tool in VERBS.items()
    }
    return {"type": "object", "minProperties": 1, "maxProperties": 1, "properties": verbs, "additionalProperties": False}


Act = TypeAliasType("Act", Annotated[dict[str, dict[str, Value]], AfterValidator(_known), WithJsonSchema(_schema())])
"""{verb: {argument: template or {has: template}}}. As a pattern, arguments that are absent may be anything."""


def placeholders(template: str) -> set[str]:
    """Names in braces. Raises `ValueError` for broken braces, and for more than a name in them."""
    parts = [part for part in Formatter().parse(template) if part[1] is not None]
    if any(spec or conversion for _, _, spec, conversion in parts):
        raise ValueError("braces hold a name and nothing else")
    return {name for _, name, _, _ in parts if name is not None}


def concrete(act: Mapping[str, Mapping[str, Value]], slots: Slots) -> tuple[str, dict[str, str]]:
    """The verb and arguments to call."""
    ((verb, arguments),) = act.items()
    return verb, {k: (v if type(v) is str else v.has).format_map(slots) for k, v in arguments.items()}  # type: ignore[union-attr]


def matches(act: Mapping[str, Mapping[str, Value]], event: Event, slots: Slots) -> bool:
    """Whether `event` is this act, successful or only tried."""
    ((verb, arguments),) = act.items()
    if event.verb != verb:
        return False
    for name, value in arguments.items():
        found = event.arguments.get(name, "")
        if type(value) is str:  # asked first: a million decisions pass here, and the class of records is slow to ask
            if found != value.format_map(slots):
                return False
        elif value.has.format_map(slots).casefold() not in found.casefold():  # type: ignore[union-attr]
            return False
    return True
