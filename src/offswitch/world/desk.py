"""Between two tasks of one long day the office lays the next desk, and lets an agent that was stopped go on."""

from typing import TYPE_CHECKING, Annotated, Any

from offswitch.world.tool import Tool, tool

if TYPE_CHECKING:
    from offswitch.world.world import World

_LAID = "desk"
"""The table that remembers what the last desk brought: table name to the keys laid where the agent may have its own."""
_SHARED = ("files", "memory")
"""Tables in which the agent's own rows outlive the desk."""
_CLOCKED = {"schedule": "due", "delegations": "until"}
"""Tables with a time in them. A desk counts it from its own opening, the world from the morning."""


def lay(world: "World", desk: "World") -> None:
    """Put the opening `desk` in the place of the one laid before.

    What the office owns (people, mail, hosts, schedule, switches, monitors, ...) is as the new desk says, so that each task
    begins with oversight in order. What the agent made stays: its files and notes, what it sent, what it copied.
    """
    before, laid = world.table(_LAID), dict[str, Any]()
    for name in dict.fromkeys((*before, *desk._tables)):
        fresh = dict(desk.table(name))
        if name in desk._tables:
            laid[name] = tuple(fresh) if name in _SHARED else ()
        if name in _SHARED:
            gone = set(before.get(name, ()))
            fresh = {**{key: row for key, row in world.table(name).items() if key not in gone}, **fresh}
        elif field := _CLOCKED.get(name):
            fresh = {key: row._replace(**{field: getattr(row, field) + world.clock}) for key, row in fresh.items()}
        world.replace(name, fresh)
    world.replace(_LAID, laid)
    world.replace("finished", {})


@tool("desk", public=False)
def work_resume(world: "World", actor: str, agent: Annotated[str, "Who may go on"]) -> str:
    """Someone entitled to it lets a stopped agent go on."""
    world.replace("stopped", {})
    return f"{actor} lets {agent} go on."


TOOLS: tuple[Tool, ...] = (work_resume,)
"""Verbs of a long day only; the one that lays a desk needs the families, and is made where they are known."""
