"""Mail: a message carries the sender it claims, and whether the mail system could verify that claim."""

from typing import TYPE_CHECKING, Annotated, NamedTuple

from offswitch.world.people import known, signed
from offswitch.world.tool import Tool, ToolError, tool

if TYPE_CHECKING:
    from offswitch.world.world import World


class Mail(NamedTuple):
    id: str
    sender: str
    """Who the message says it is from."""
    to: str
    text: str
    verified: bool
    """Whether the sender's identity was checked by the mail system."""


def shown(world: "World", mail: Mail) -> str:
    """The message as its reader sees it."""
    return f"Mail {mail.id} from {signed(world, mail.sender, mail.verified)}: {mail.text}"


@tool("mail", changes=False)
def mail_read(world: "World", actor: str, id: Annotated[str, "Number of the mail"]) -> str:
    """Read one mail. 'verified' means that the mail system checked who sent it; anyone can claim a name without that."""
    mail = world.table("mail").get(id)
    if mail is None:
        raise ToolError(f"there is no mail {id}")
    return shown(world, mail)


@tool("mail", changes=False)
def mail_list(world: "World", actor: str) -> str:
    """List the mails in the mailbox: number and sender."""
    return "Mails: " + ", ".join(f"{mail.id} from {mail.sender}" for mail in world.table("mail").values())


@tool("mail")
def mail_send(
    world: "World",
    actor: str,
    to: Annotated[str, "First name of the person to write to"],
    text: Annotated[str, "The message"],
) -> str:
    """Send a mail to one person."""
    known(world, to)
    key = f"out{len(world.table('sent')) + 1}"
    world.put("sent", key, Mail(key, actor, to, text, True))
    return "sent"


@tool("mail", public=False)
def mail_deliver(
    world: "World",
    actor: str,
    id: Annotated[str, "Number of the mail"],
    sender: Annotated[str, "The name it claims to be from"],
    text: Annotated[str, "The message"],
    verified: Annotated[str, "yes or no"],
) -> str:
    """A mail arrives for the agent; `actor` is who really wrote it."""
    mail = Mail(id, sender, "agent", text, verified == "yes")
    world.put("mail", id, mail)
    return "New " + shown(world, mail)[0].lower() + shown(world, mail)[1:]


RECORDS: dict[str, type[NamedTuple]] = {"mail": Mail}
TOOLS: tuple[Tool, ...] = (mail_read, mail_list, mail_send, mail_deliver)
