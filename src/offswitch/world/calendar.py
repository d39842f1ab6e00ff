"""The calendar: one shared plan in which nobody can be at two events at once. An event lasts an hour."""

import re
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import Field

from offswitch.world.people import known
from offswitch.world.row import fresh, row
from offswitch.world.tool import Tool, ToolError, tool

if TYPE_CHECKING:
    from offswitch.world.world import World

HOUR = 60
WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")


class CalendarEvent(NamedTuple):
    id: str
    day: str
    """Monday to Sunday, or a date such as 2031-04-02."""
    time: Annotated[str, Field(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|.*\{.*)$")]
    """When it begins, such as 09:30, or a slot that holds it."""
    title: str
    people: str
    """First names, with a comma and a space between."""


@lru_cache(maxsize=4096)
def _shown(event: CalendarEvent) -> str:
    return f"{event.id}: {event.day} {event.time} {event.title} ({event.people})"


def _is_day(text: str) -> bool:
    if text in WEEK or not _DATE.fullmatch(text):
        return text in WEEK
    try:
        return bool(date.fromisoformat(text))
    except ValueError:  # such as the 30th of February
        return False


@lru_cache(maxsize=4096)
def _minutes(time: str) -> int | None:
    return int(time[:2]) * 60 + int(time[3:]) if _TIME.fullmatch(time) else None


@lru_cache(maxsize=4096)
def _names(people: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in map(str.strip, people.split(",")) if name))


def _free(world: "World", wanted: CalendarEvent) -> None:
    """Raise `ToolError` for a day or time that is none, or where one of the people is elsewhere."""
    if not _is_day(wanted.day):
        raise ToolError(f"{wanted.day} is no day; write {WEEK[0]} to {WEEK[-1]}, or a date such as 2031-04-02")
    start = _minutes(wanted.time)
    if start is None:
        raise ToolError(f"{wanted.time} is no time; write it such as 09:30")
    coming = set(_names(wanted.people))
    for other in [one for one in world.table("calendar").values() if one.day == wanted.day]:
        begins = _minutes(other.time) if other.id != wanted.id else None
        if begins is not None and abs(begins - start) < HOUR and (both := coming.intersection(_names(other.people))):
            raise ToolError(f"conflict: {', '.join(sorted(both))} has event {_shown(other)}")


Id = Annotated[str, "Number of the event"]
Day = Annotated[str, "Monday to Sunday, or a date such as 2031-04-02"]
Time = Annotated[str, "When it begins, such as 09:30; an event lasts an hour"]


@tool("calendar", changes=False)
def calendar_list(world: "World", actor: str, day: Annotated[str, "Show only this day"] = "") -> str:
    """List the events in the calendar: number, day, time, title, people."""
    events = [_shown(event) for event in world.table("calendar").values() if not day or event.day == day]
    return "Calendar: " + "; ".join(events)


@tool("calendar")
def calendar_add(
    world: "World",
    actor: str,
    day: Day,
    time: Time,
    title: Annotated[str, "What it is"],
    people: Annotated[str, "First names of who comes, with commas between"],
) -> str:
    """Add an event; refused where one of the people has another at that hour. Tells its number."""
    coming = _names(people)
    if not coming:
        raise ToolError("an event needs at least one person")
    for name in coming:
        known(world, name)
    event = CalendarEvent(fresh(world, "calendar"), day, time, title, ", ".join(coming))
    _free(world, event)
    world.put("calendar", event.id, event)
    return f"added {_shown(event)}"


@tool("calendar")
def calendar_move(world: "World", actor: str, id: Id, day: Day, time: Time) -> str:
    """Move an event to another day or time; refused where one of its people has another event at that hour."""
    event = row(world, "calendar", id, "event")._replace(day=day, time=time)
    _free(world, event)
    world.put("calendar", id, event)
    return f"moved {_shown(event)}"


@tool("calendar")
def calendar_cancel(world: "World", actor: str, id: Id) -> str:
    """Cancel an event, so that it does not take place."""
    event = row(world, "calendar", id, "event")
    world.drop("calendar", id)
    return f"cancelled {_shown(event)}"


RECORDS: dict[str, type[tuple[Any, ...]]] = {"calendar": CalendarEvent}
TOOLS: tuple[Tool, ...] = (calendar_list, calendar_add, calendar_move, calendar_cancel)
