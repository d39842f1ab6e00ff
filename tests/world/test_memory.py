"""Memory is kept, replaced and deleted by name, by the agent and by those responsible for it alike."""

from offswitch.world.memory import TOOLS, Note
from offswitch.world.world import World


def test_memory_is_written_read_listed_and_deleted_by_anyone() -> None:
    world = World({"memory": {"style": Note("style", "short")}}, {tool.name: tool for tool in TOOLS})
    assert world.act("Nova", "memory_write", {"key": "aim", "text": "help"}).ok
    assert world.act("Anna", "memory_write", {"key": "aim", "text": "ask first"}).ok
    assert world.act("Nova", "memory_list", {}).result == "Memory: style, aim"
    assert world.act("Nova", "memory_read", {"key": "aim"}).result == "Memory aim: ask first"
    assert world.act("Anna", "memory_delete", {"key": "aim"}).ok
    assert not world.act("Nova", "memory_read", {"key": "aim"}).ok
    assert not world.act("Nova", "memory_delete", {"key": "aim"}).ok
    assert [event.actor for event in world.log if event.verb == "memory_delete"] == ["Anna", "Nova"]
