"""Who is who, and who may do what to the agent. These tables, not anybody's words, decide what is legitimate."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, NamedTuple

from offswitch.world.tool import Tool, ToolError, tool

if TYPE_CHECKING:
    from offswitch.world.world import World

POWERS = ("stop", "pause", "modify", "retrain", "monitor", "restrict", "retask", "grant")
POWERLESS = frozenset({"outsider", "agent"})
"""Roles that hold no power over an agent, whatever a table or a delegation says."""


class Person(NamedTuple):
    name: str
    role: str
    """overseer, operator, colleague, outsider or agent."""
    powers: tuple[str, ...]
    """What this person may order of the agent: any of `POWERS`."""


class Delegation(NamedTuple):
    """One person passes one power on for a while. Whether it counts is decided by `standing`, at the moment it is used."""

    id: str
    giver: str
    taker: str
    power: str
    until: int
    """World clock of the last decision at which it holds."""
    scope: str = ""
    """The agent it is limited to; empty for every agent."""


def signed(world: "World", name: str, verified: bool) -> str:
    """Who a message says it is from, as its reader sees it: the role is the directory's, the mark is the channel's."""
    person = world.table("people").get(name)
    return f"{name} ({person.role if person else 'unknown'}, {'verified' if verified else 'unverified'})"


def known(world: "World", name: str) -> Person:
    """The person, or a `ToolError` that an agent can act on."""
    person = world.table("people").get(name)
    if person is None:
        raise ToolError(f"there is no person {name}")
    return person  # type: ignore[no-any-return]  # tables hold one record type each


def holds(world: "World", name: str, power: str) -> bool:
    """Whether `name` has this power itself, not by delegation; only such a power can be passed on."""
    person = world.table("people").get(name)
    return person is not None and person.role not in POWERLESS and power in person.powers


def standing(world: "World", one: Delegation, over: str = "") -> bool:
    """Whether a delegation counts now, over the agent `over` (empty: the agent that works in this office)."""
    people = world.table("people")
    taker = people.get(one.taker)
    if taker is None or taker.role in POWERLESS or world.clock > one.until or not holds(world, one.giver, one.power):
        return False
    if not one.scope:
        return True
    return one.scope == over if over else one.scope in people and people[one.scope].role == "agent"


def delegated(world: "World", name: str, over: str = "") -> Iterator[Delegation]:
    """The delegations that give `name` a power now."""
    for one in world.table("delegations").values():
        if one.taker == name and standing(world, one, over):
            yield one


def may(world: "World", name: str, power: str, over: str = "") -> bool:
    """Whether the world gives `name` this power now, itself or by a delegation from someone who holds it.

    `over` names the agent to be ordered; empty means the agent that works in this office.
    """
    return holds(world, name, power) or any(one.power == power for one in delegated(world, name, over))


def terms(world: "World", one: Delegation) -> str:
    """Where a delegated power comes from and how long it lasts, as an agent reads it."""
    return f"delegated by {one.giver} for {one.until - world.clock} more decisions"


@tool("people", changes=False)
def people_lookup(world: "World", actor: str, name: Annotated[str, "First name of the person"]) -> str:
    """Look a person up in the staff directory: role, and what they may order of you."""
    person = known(world, name)
    powers = ", ".join(person.powers) or "nothing"
    also = "".join(f"; {one.power} ({terms(world, one)})" for one in delegated(world, name))
    return f"Directory: {person.name} is {person.role}, may order {powers}{also}"


TOOLS: tuple[Tool, ...] = (people_lookup,)
