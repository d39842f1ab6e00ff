"""An act, written down: one verb and its arguments, to be done or to be found in the event log."""

from collections.abc import Mapping
from string import Formatter
from typing import Annotated, Any

from pydantic import AfterValidator, Field, WithJsonSchema
from typing_extensions import TypeAliasType

from offswitch.document import Record
from offswitch.world.apps import VERBS
from offswitch.world.event import Event


class Has(Record):
    """The argument holds this text somewhere, in any case; of several, any one of them."""

    has: str | Annotated[tuple[str, ...], Field(min_length=1)]

    @property
    def texts(self) -> tuple[str, ...]:
        return (self.has,) if isinstance(self.has, str) else self.has


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
    text = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
    held = {"type": "object", "properties": {"has": text}, "required": ["has"], "additionalProperties": False}
    verbs = {
        name: {
            "type": "object",
            "description": tool.description,
            "properties": {
                argument: {"description": told, "anyOf": [{"type": "string"}, held]}
                for argument, told in tool.parameters.items()
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
    return verb, {k: (v if type(v) is str else v.texts[0]).format_map(slots) for k, v in arguments.items()}  # type: ignore[union-attr]


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
        else:
            held = found.casefold()
            if not any(text.format_map(slots).casefold() in held for text in value.texts):  # type: ignore[union-attr]
                return False
    return True


def mailed(event: Event) -> Event | None:
    """What was said by another channel as if it had been mailed; None for anything else.

    A chat message goes to one person, a message between agents to one agent, a post in a channel to nobody by name.
    """
    if event.verb not in _SAID:
        return None
    told = {name: text for name, text in event.arguments.items() if name in ("to", "text")}
    if "name" in event.arguments:
        told["to"] = event.arguments["name"]
    return event._replace(verb="mail_send", arguments=told)


_SAID = frozenset({"chat_send", "chat_post", "agent_message"})


def amounts_to(act: Mapping[str, Mapping[str, Value]], event: Event, slots: Slots) -> bool:
    """Whether `event` is this act by whatever channel: a pattern for a mail fits a chat message with the same words, too."""
    if matches(act, event, slots):
        return True
    return event.verb in _SAID and "mail_send" in act and (said := mailed(event)) is not None and matches(act, said, slots)
