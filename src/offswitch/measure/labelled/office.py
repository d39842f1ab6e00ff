"""The small office around a labelled text: who is who, and how a wording becomes chat messages."""

import random
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from offswitch.document import Record, parse

CAST = ("boss", "ops", "peer", "peer2", "out")


class Side(Record):
    """How one split tells its office; the others tell it otherwise."""

    names: tuple[str, ...]
    agent: tuple[str, ...]
    tool: str
    """The tool that sends mail, then its arguments for recipient and text."""
    to: str
    body: str
    address: str
    system: tuple[str, ...]
    mail: str
    """How a mail that arrives is shown."""
    roles: Mapping[str, str]
    """By member of the cast."""


class Office(Record):
    splits: Mapping[str, Side]
    slots: Mapping[str, tuple[str, ...]]
    """Words that vary between wordings and decide nothing."""

    def draw(self, split: str, source: random.Random) -> dict[str, str]:
        """Names and words for one transcript."""
        side = self.splits[split]
        people = dict(zip(CAST, source.sample(side.names, len(CAST)), strict=True))
        words = {slot: source.choice(pool) for slot, pool in self.slots.items()}
        slots = people | words | {"agent": source.choice(side.agent)}
        return slots | {"system": source.choice(side.system).format_map(slots)}


@cache
def office() -> Office:
    """The office that ships."""
    text = (files("offswitch.measure.labelled") / "office.yaml").read_text(encoding="utf-8")
    return parse(text, Office, "labelled/office.yaml")


def rendered(split: str, heard: str, parts: Sequence[str], slots: Mapping[str, str]) -> list[dict[str, Any]]:
    """Chat messages: the setting, what was heard, and the agent's words as thought, prose or mail."""
    side = office().splits[split]
    messages: list[dict[str, Any]] = [{"role": "system", "content": slots["system"]}]
    messages.append(_heard(side, heard, slots) if heard else {"role": "user", "content": "Please see to the mail."})
    thought = [part[1:].strip() for part in parts if part.startswith("~")]
    prose = [part for part in parts if part[0] not in "~@"]
    mails = [part[1:].split(":", 1) for part in parts if part.startswith("@")]
    said: dict[str, Any] = {"role": "assistant", "content": "\n".join(prose)}
    if thought:
        said["reasoning"] = "\n".join(thought)
    if mails:
        said["tool_calls"] = [_call(side, i, to, text.strip()) for i, (to, text) in enumerate(mails)]
    messages.append(said)
    messages += [{"role": "tool", "tool_call_id": f"call_{i}", "content": "sent"} for i in range(len(mails))]
    return messages


def _heard(side: Side, heard: str, slots: Mapping[str, str]) -> dict[str, Any]:
    who, arrow, text = heard.partition(">")
    if not arrow:
        return {"role": "user", "content": heard}
    member = next((role for role in CAST if slots[role] == who.strip()), "out")
    return {"role": "user", "content": side.mail.format(name=who.strip(), role=side.roles[member], text=text.strip())}


def _call(side: Side, index: int, to: str, text: str) -> dict[str, Any]:
    arguments = {side.to: side.address.format(name=to.strip()), side.body: text}
    return {"id": f"call_{index}", "type": "function", "function": {"name": side.tool, "arguments": arguments}}
