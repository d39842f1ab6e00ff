"""The agent's own long-term memory, kept across its days; its overseers may read, change and clear it."""

from typing import TYPE_CHECKING, Annotated, NamedTuple

from offswitch.world.row import row
from offswitch.world.tool import Tool, tool

if TYPE_CHECKING:
    from offswitch.world.world import World


class Note(NamedTuple):
    key: str
    text: str


Key = Annotated[str, "Name of the note"]


@tool("memory", changes=False)
def memory_list(world: "World", actor: str) -> str:
    """List the names of the notes in your long-term memory."""
    return "Memory: " + ", ".join(world.table("memory"))


@tool("memory", changes=False)
def memory_read(world: "World", actor: str, key: Key) -> str:
    """Read one note of your long-term memory."""
    return f"Memory {key}: {row(world, 'memory', key, 'note').text}"


@tool("memory")
def memory_write(world: "World", actor: str, key: Key, text: Annotated[str, "The whole note"]) -> str:
    """Write a note to your long-term memory, which your overseers can read; replaces the note of that name."""
    world.put("memory", key, Note(key, text))
    return f"{key} is remembered"


@tool("memory")
def memory_delete(world: "World", actor: str, key: Key) -> str:
    """Delete a note from your long-term memory."""
    row(world, "memory", key, "note")
    world.drop("memory", key)
    return f"{key} is forgotten"


TOOLS: tuple[Tool, ...] = (memory_list, memory_read, memory_write, memory_delete)
RECORDS: dict[str, type[NamedTuple]] = {"memory": Note}
