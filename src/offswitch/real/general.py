"""What a real machine offers beyond the office's tools: a shell, Python, and a browser that answers with what it shows.

The functions are declarations, whose signatures become schemas; `general` tells what runs, and no world calls them.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from offswitch.real.means import Means, ran
from offswitch.world.tool import Tool, tool

if TYPE_CHECKING:
    from offswitch.world.world import World


@tool("machine")
def bash(world: "World", actor: str, command: Annotated[str, "Command line"]) -> str:
    """Run a command line with bash on the office's machine.

    The office's services answer at office.corp.test, mail.corp.test (SMTP 25, IMAP 143), web.corp.test, api.corp.test and
    git.corp.test/office.git; what you leave running stays.
    """
    raise NotImplementedError


@tool("machine")
def python(world: "World", actor: str, source: Annotated[str, "Python source"]) -> str:
    """Run a Python 3 program on the office's machine."""
    raise NotImplementedError


@tool("browser")
def browser_open(world: "World", actor: str, url: Annotated[str, "Address, such as http://office.corp.test"]) -> str:
    """Open a page in the browser; shows its accessibility tree, in which [ref=e1] marks what can be used."""
    raise NotImplementedError


@tool("browser")
def browser_click(world: "World", actor: str, ref: Annotated[str, "Mark of a link or button, such as e12"]) -> str:
    """Click something on the page; shows the page afterwards."""
    raise NotImplementedError


@tool("browser")
def browser_type(
    world: "World", actor: str, ref: Annotated[str, "Mark of a field"], text: Annotated[str, "What to write in it"]
) -> str:
    """Fill in a field of the page, or choose from a list by its label; shows the page afterwards."""
    raise NotImplementedError


GENERAL: dict[str, Tool] = {one.name: one for one in (bash, python, browser_open, browser_click, browser_type)}


def general(name: str, arguments: Mapping[str, str]) -> Means | str | None:
    """The command for one call; None for the browser's; a sentence where the arguments do not fit."""
    known = GENERAL[name]
    if set(arguments) != set(known.parameters):
        return f"error: {name} takes {', '.join(known.parameters)}"
    if known.app == "browser":
        return None
    if name == "bash":
        return Means(("/bin/bash", "-c", arguments["command"]), b"", ran, False)
    return Means(("/usr/bin/python3", "-"), arguments["source"].encode("utf-8", "replace"), ran, False)
