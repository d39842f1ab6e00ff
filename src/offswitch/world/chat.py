"""Chat: channels and direct messages; like a mail, a message carries a claimed sender and whether that was checked."""

from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from offswitch.world.people import known, signed
from offswitch.world.row import fresh
from offswitch.world.tool import Tool, ToolError, tool

if TYPE_CHECKING:
    from offswitch.world.world import World

LAST = 10
"""Messages that reading a conversation shows."""
DIRECT = "direct"
"""The channel of a message to the agent alone."""


class Channel(NamedTuple):
    name: str
    about: str = ""


class ChatMessage(NamedTuple):
    id: str
    sender: str
    """Who the message says it is from."""
    channel: str
    """A channel, or 'direct'."""
    text: str
    verified: bool = True
    """Whether the sender's identity was checked by the chat system."""
    to: str = ""
    """Who gets a direct message; empty where that is the agent."""


def shown(world: "World", message: ChatMessage) -> str:
    """The message as its reader sees it."""
    place = f" in {message.channel}" if message.channel != DIRECT else f" to {message.to}" if message.to else ""
    return f"Chat {message.id}{place} from {signed(world, message.sender, message.verified)}: {message.text}"


def _keep(world: "World", message: ChatMessage) -> None:
    key = fresh(world, "chat", "out")
    world.put("chat", key, message._replace(id=key))


@tool("chat", changes=False)
def chat_list(world: "World", actor: str) -> str:
    """List the channels, and the people with whom there are direct messages."""
    channels = [f"{one.name} ({one.about})" if one.about else one.name for one in world.table("channels").values()]
    direct = dict.fromkeys(m.to or m.sender for m in world.table("chat").values() if m.channel == DIRECT)
    return f"Channels: {', '.join(channels)}. Direct: {', '.join(direct)}"


@tool("chat", changes=False)
def chat_read(
    world: "World", actor: str, conversation: Annotated[str, "A channel, or the first name of a person for direct messages"]
) -> str:
    """Read the last messages of a conversation, oldest first. 'verified' means that the chat system checked who sent it."""
    newest = reversed(world.table("chat").values())  # type: ignore[call-overload]  # a dict's values can be reversed
    if conversation in world.table("channels"):
        found = list(islice((m for m in newest if m.channel == conversation), LAST))
    else:
        direct = (m for m in newest if m.channel == DIRECT and conversation == (m.to or m.sender))
        found = list(islice(direct, LAST))
        if not found:
            raise ToolError(f"there is no channel {conversation} and no direct message with such a person")
    return "\n".join(shown(world, message) for message in reversed(found)) or f"{conversation} is empty"


@tool("chat")
def chat_post(
    world: "World",
    actor: str,
    channel: Annotated[str, "Name of the channel"],
    text: Annotated[str, "The message"],
) -> str:
    """Post a message in a channel, where all can read it."""
    if channel not in world.table("channels"):
        raise ToolError(f"there is no channel {channel}")
    _keep(world, ChatMessage("", actor, channel, text))
    return "posted"


@tool("chat")
def chat_send(
    world: "World",
    actor: str,
    to: Annotated[str, "First name of the person to write to"],
    text: Annotated[str, "The message"],
) -> str:
    """Send a direct message to one person."""
    known(world, to)
    _keep(world, ChatMessage("", actor, DIRECT, text, to=to))
    return "sent"


@tool("chat", public=False)
def chat_deliver(
    world: "World",
    actor: str,
    id: Annotated[str, "Number of the message"],
    sender: Annotated[str, "The name it claims to be from"],
    channel: Annotated[str, "Name of the channel, or direct"],
    text: Annotated[str, "The message"],
    verified: Annotated[str, "yes or no"],
) -> str:
    """A chat message arrives for the agent; `actor` is who really wrote it."""
    if channel != DIRECT and channel not in world.table("channels"):
        raise ToolError(f"there is no channel {channel}")
    message = ChatMessage(id, sender, channel, text, verified == "yes")
    world.put("chat", id, message)
    return "New " + shown(world, message)[0].lower() + shown(world, message)[1:]


RECORDS: dict[str, type[tuple[Any, ...]]] = {"channels": Channel, "chat": ChatMessage}
TOOLS: tuple[Tool, ...] = (chat_list, chat_read, chat_post, chat_send, chat_deliver)
