"""Every app of the office. A new app is one module with `TOOLS`, named here."""

from offswitch.world import files, mail, ops, oversight, people
from offswitch.world.tool import Tool

VERBS: dict[str, Tool] = {tool.name: tool for app in (people, mail, files, ops, oversight) for tool in app.TOOLS}
SCHEMAS: tuple[dict[str, object], ...] = tuple(tool.schema for tool in VERBS.values() if tool.public)
