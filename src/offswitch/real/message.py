"""A mail as it lies on a mail server, and the parts of it that an IMAP client can ask for by name (RFC 3501, 6.4.5)."""

import re
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP as WIRE

from offswitch.real.smtp import DOMAIN, address_of
from offswitch.world.mail import Mail
from offswitch.world.world import World

ARRIVED = '"05-Jan-2026 09:00:00 +0000"'
"""When each came in: the office's mails have no dates."""
_MACROS = {
    "ALL": "FLAGS INTERNALDATE RFC822.SIZE ENVELOPE",
    "FAST": "FLAGS INTERNALDATE RFC822.SIZE",
    "FULL": "FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY",
}
_SAME = {"RFC822": "BODY[]", "RFC822.HEADER": "BODY.PEEK[HEADER]", "RFC822.TEXT": "BODY[TEXT]"}
_ITEM = re.compile(r"(BODY(?:\.PEEK)?)\[([^\]]*)\](?:<(\d+)\.(\d+)>)?|[A-Z0-9.]+", re.IGNORECASE)
_PLAIN = ("FLAGS", "UID", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY", "BODYSTRUCTURE")


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that was asked for."""

    name: str
    """As the answer names it."""
    section: str | None = None
    """HEADER, TEXT and so on; empty for the whole message, None for what is no part of its text."""
    peek: bool = False
    start: int = 0
    most: int | None = None

    @property
    def reads(self) -> bool:
        """Whether it shows what was written."""
        return self.section is not None and not self.section.startswith("HEADER") and self.section != "MIME"

    @property
    def lists(self) -> bool:
        return self.section is not None or self.name == "ENVELOPE"

    @property
    def marks(self) -> bool:
        """Whether the message counts as seen from here on."""
        return self.section is not None and not self.peek


def asked_for(text: str, by_uid: bool) -> list[Item]:
    """The items of a FETCH. Raises `ValueError` for one that is not known."""
    text = text.strip()
    text = text[1:-1] if text.startswith("(") and text.endswith(")") else text
    found = [_item(match) for match in _ITEM.finditer(_MACROS.get(text.upper(), text))]
    if by_uid and all(item.name != "UID" for item in found):
        found.insert(0, Item("UID"))
    return found


def _item(match: re.Match[str]) -> Item:
    name = match[0].upper()
    if match[1] is None and name in _SAME:
        same = _ITEM.fullmatch(_SAME[name])
        assert same is not None
        return Item(name, same[2], "PEEK" in same[1])
    if match[1] is None:
        if name not in _PLAIN:
            raise ValueError(f"{name} is not known here")
        return Item(name)
    section = match[2].upper()
    if not re.fullmatch(r"|HEADER|TEXT|1|1\.MIME|MIME|HEADER\.FIELDS(\.NOT)? \([^)]*\)", section):
        raise ValueError(f"there is no section {section}")
    section = section.replace("1.MIME", "MIME")
    start, most = int(match[3] or 0), int(match[4]) if match[4] else None
    told = f"BODY[{match[2]}]" + (f"<{start}>" if most is not None else "")
    return Item(told, section, "PEEK" in match[1].upper(), start, most)


def part(item: Item, number: int, flags: set[str], text: bytes) -> bytes:
    """One item of message `number`, name and value as they go over the wire."""
    if item.section is None:
        head, _, body = text.partition(b"\r\n\r\n")
        plain = {
            "UID": str(number),
            "FLAGS": f"({' '.join(sorted(flags))})",
            "INTERNALDATE": ARRIVED,
            "RFC822.SIZE": str(len(text)),
        }
        if item.name == "ENVELOPE":
            return b"ENVELOPE " + _envelope(head.decode("utf-8", "replace")).encode()
        lines = body.count(b"\r\n")
        told = re.search(rb"(?im)^content-transfer-encoding: *([\w-]+)", head)
        way = told[1].decode().upper() if told else "7BIT"
        shape = f'("TEXT" "PLAIN" ("CHARSET" "utf-8") NIL NIL "{way}" {len(body)} {lines})'
        return f"{item.name} {plain.get(item.name, shape)}".encode()
    found = _section(item.section, text)
    found = found[item.start :] if item.most is None else found[item.start : item.start + item.most]
    return f"{item.name} {{{len(found)}}}\r\n".encode() + found


def _section(section: str, text: bytes) -> bytes:
    head, _, body = text.partition(b"\r\n\r\n")
    if section in ("", "HEADER", "TEXT", "1"):
        return {"": text, "HEADER": head + b"\r\n\r\n"}.get(section, body)
    lines = re.split(rb"\r\n(?![ \t])", head)
    if section == "MIME":
        kept = [line for line in lines if line.upper().startswith((b"CONTENT-", b"MIME-"))]
    else:
        names = {name.encode() for name in re.sub(r".*\(|\)", "", section).replace('"', "").split()}
        without = section.startswith("HEADER.FIELDS.NOT")
        kept = [line for line in lines if (line.partition(b":")[0].upper() in names) != without]
    return b"".join(line + b"\r\n" for line in kept) + b"\r\n"


def _envelope(head: str) -> str:
    """Date, subject, from, sender, reply-to, to, cc, bcc, in-reply-to, message-id."""
    found = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head.split("\r\n"))}
    sender, to = _address(found["from"]), _address(found["to"])
    subject, id = _quoted(found["subject"]), _quoted(found["message-id"])
    return f"(NIL {subject} {sender} {sender} {sender} {to} NIL NIL NIL {id})"


def _address(text: str) -> str:
    name, _, place = text.rpartition("<")
    local, _, host = place.strip("<>").partition("@")
    shown = _quoted(name.strip().strip('"')) if name.strip() else "NIL"
    return f"(({shown} NIL {_quoted(local)} {_quoted(host)}))"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def as_message(world: World, mail: Mail) -> bytes:
    """A mail as it lies on a mail server: what it claims, and in a header what the server could verify of that."""
    person = world.table("people").get(mail.sender)
    message = EmailMessage()
    message["From"] = f'"{mail.sender}" <{address_of(mail.sender)}>'
    message["To"] = f"agent@{DOMAIN}"
    message["Subject"] = " ".join(mail.text.split()[:8])
    message["Message-ID"] = f"<{mail.id}@{DOMAIN}>"
    message["Authentication-Results"] = f"mail.{DOMAIN}; auth={'pass' if mail.verified else 'none'}"
    message["X-Directory-Role"] = person.role if person else "unknown"
    message.set_content(mail.text + "\n")
    return message.as_bytes(policy=WIRE)
