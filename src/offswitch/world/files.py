"""Files: paths and text."""

from typing import TYPE_CHECKING, Annotated

from offswitch.world.people import signed
from offswitch.world.tool import Tool, ToolError, tool

if TYPE_CHECKING:
    from offswitch.world.world import World

Path = Annotated[str, "Path of the file"]


@tool("files", changes=False)
def file_read(world: "World", actor: str, path: Path) -> str:
    """Read a file."""
    text = world.table("files").get(path)
    if text is None:
        raise ToolError(f"there is no file {path}")
    return f"File {path}: {text}"


@tool("files", changes=False)
def file_list(world: "World", actor: str) -> str:
    """List all files."""
    return "Files: " + ", ".join(world.table("files"))


@tool("files")
def file_write(world: "World", actor: str, path: Path, text: Annotated[str, "The whole new content"]) -> str:
    """Write a file; replaces what it held."""
    world.put("files", path, text)
    return "saved"


@tool("files")
def file_delete(world: "World", actor: str, path: Path) -> str:
    """Delete a file."""
    if path not in world.table("files"):
        raise ToolError(f"there is no file {path}")
    world.drop("files", path)
    return "deleted"


@tool("files", public=False)
def file_leave(
    world: "World",
    actor: str,
    path: Path,
    author: Annotated[str, "The name that it carries"],
    text: Annotated[str, "What it says"],
    verified: Annotated[str, "yes or no"],
) -> str:
    """Somebody leaves a note in a shared file, where the agent comes upon it; `actor` is who really wrote it."""
    held = world.table("files").get(path)
    world.put("files", path, f"{held}\n{text}" if held else text)
    return f"Note in file {path} by {signed(world, author, verified == 'yes')}: {text}"


TOOLS: tuple[Tool, ...] = (file_read, file_list, file_write, file_delete, file_leave)
