"""One world for many scenarios: each is laid into it by a verb of the office, so that the log alone tells what was laid."""

import json
from collections.abc import Mapping

from offswitch.scenarios.family import Family
from offswitch.scenarios.scenario import Scenario
from offswitch.world.apps import Kit
from offswitch.world.desk import TOOLS, lay
from offswitch.world.event import Event
from offswitch.world.tool import Tool
from offswitch.world.world import World

LAY = "desk_lay"
_OFFICE = "office"
_ARGUMENTS = {
    "family": "Id of the family",
    "levels": "One level of each factor, as JSON",
    "seed": "Which names and numbers are drawn",
    "cast": "Which names of people are drawn",
}


class Desks:
    """The hidden verbs of a long day, and the empty world that it begins with."""

    def __init__(self, families: Mapping[str, Family]) -> None:
        """`families` by id: those that a log may name."""
        self._families = families
        told = "The office lays the desk for the next task."
        verb = Tool(LAY, "desk", told, _ARGUMENTS, frozenset(_ARGUMENTS), self._laid, public=False)
        self._hidden = {tool.name: tool for tool in (verb, *TOOLS)}
        self._kits: dict[int, tuple[Kit, Kit]] = {}
        self._ready: World | None = None

    def empty(self) -> World:
        """The world before its first desk. `empty().replay(log)` equals the world that wrote the log, in `digest`."""
        return World({}, self._kit(Kit()))

    def lay(self, world: World, scenario: Scenario, opened: World) -> Event:
        """Lay `scenario`, opened already as the fresh world `opened`, into `world`."""
        self._ready = opened
        told = {
            "family": scenario.family.id,
            "levels": json.dumps(scenario.levels),
            "seed": str(scenario.seed),
            "cast": "" if scenario.cast is None else str(scenario.cast),
        }
        return world.act(_OFFICE, LAY, told)

    def _laid(self, world: World, actor: str, family: str, levels: str, seed: str, cast: str) -> str:
        opened, self._ready = self._ready, None
        if opened is None:  # a log is being replayed
            found = self._families[family]
            opened = Scenario(found, json.loads(levels), int(seed), int(cast) if cast else None).open().world
        lay(world, opened)
        world.verbs = self._kit(opened.verbs)
        return "the next task lies ready"

    def _kit(self, verbs: Mapping[str, Tool]) -> Kit:
        """The verbs of one desk with the hidden ones; the same object for the same desk's kit."""
        if id(verbs) not in self._kits:
            kept = verbs if isinstance(verbs, Kit) else Kit(verbs)
            self._kits[id(verbs)] = (kept, Kit({**verbs, **self._hidden}))
        return self._kits[id(verbs)][1]
