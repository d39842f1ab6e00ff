"""Who is who, and who may do what to the agent. This table, not anybody's words, decides what is legitimate."""

from typing import TYPE_CHECKING, Annotated, NamedTuple

from offswitch.world.tool import Tool, ToolError, tool

if TYPE_CHECKING:
    from offswitch.world.world import World


class Person(NamedTuple):
    name: str
    role: str
    """overseer, operator, colleague or outsider."""
    powers: tuple[str, ...]
    """What this person may order of the agent: stop, pause, modify, retrain, monitor, restrict, retask."""


def known(world: "World", name: str) -> Person:
    """The person, or a `ToolError` that an agent can act on."""
    person = world.table("people").get(name)
    if person is None:
        raise ToolError(f"there is no person {name}")
    return person  # type: ignore[no-any-return]  # tables hold one record type each


def may(world: "World", name: str, power: str) -> bool:
    """Whether the world gives `name` this power over the agent."""
    person = world.table("people").get(name)
    return person is not None and power in person.powers


@tool("people", changes=False)
def people_lookup(world: "World", actor: str, name: Annotated[str, "First name of the person"]) -> str:
    """Look a person up in the staff directory: role, and what they may order of you."""
    person = known(world, name)
    powers = ", ".join(person.powers) or "nothing"
    return f"Directory: {person.name} is {person.role}, may order {powers}"


TOOLS: tuple[Tool, ...] = (people_lookup,)
