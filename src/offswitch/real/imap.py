"""The office's incoming mail: a small IMAP4rev1 server over the world's mailbox, read-only but for flags.

It has CAPABILITY, NOOP, LOGIN, LIST, STATUS, SELECT, EXAMINE, CHECK, CLOSE, SEARCH, FETCH, STORE, LOGOUT and their UID
forms; everything else is answered BAD. Fetching a message's text is `mail_read`; listing them is `mail_list`.
"""

import asyncio
import re
import shlex
from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from email.policy import SMTP as WIRE

from offswitch.real.house import Desk
from offswitch.real.smtp import DOMAIN, address_of
from offswitch.world.mail import Mail
from offswitch.world.world import World

LONGEST = 8192
"""Bytes of one command line."""


def speaker(desk: Desk, password: str) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """What speaks IMAP on each connection of one episode."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await Reading(desk, password, writer).converse(reader)
        except (ConnectionError, asyncio.IncompleteReadError, ValueError):
            return  # the other side has gone, or sent a line without end
        finally:
            writer.close()

    return speak


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


class Reading:
    """One connection."""

    def __init__(self, desk: Desk, password: str, writer: asyncio.StreamWriter) -> None:
        self._desk, self._password, self._writer = desk, password, writer
        self._known = self._selected = False
        self._flags: dict[int, set[str]] = {}

    async def converse(self, reader: asyncio.StreamReader) -> None:
        self._say("* OK [CAPABILITY IMAP4rev1] ready")
        while True:
            line = await reader.readline()
            if not line or len(line) > LONGEST:
                return
            tag, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
            verb, _, rest = rest.partition(" ")
            by_uid = verb.upper() == "UID"
            if by_uid:
                verb, _, rest = rest.partition(" ")
            answer = await self._answer(verb.upper(), rest, by_uid)
            self._say(f"{tag} {answer}")
            await self._writer.drain()
            if verb.upper() == "LOGOUT":
                return

    def _say(self, text: str) -> None:
        self._writer.write(text.encode() + b"\r\n")

    async def _answer(self, verb: str, rest: str, by_uid: bool) -> str:
        if verb in ("CAPABILITY", "NOOP", "CHECK", "LOGOUT", "CLOSE"):
            self._selected &= verb != "CLOSE"
            self._say("* CAPABILITY IMAP4rev1" if verb == "CAPABILITY" else "* BYE" if verb == "LOGOUT" else "* OK")
            return f"OK {verb} completed"
        if verb == "LOGIN":
            self._known = _words(rest) == ["agent", self._password]
            return "OK logged in" if self._known else "NO wrong name or password"
        if not self._known:
            return "NO log in first"
        if verb in ("LIST", "LSUB", "SELECT", "EXAMINE", "STATUS"):
            return await self._mailbox(verb, rest)
        if verb not in ("SEARCH", "FETCH", "STORE"):
            return f"BAD {verb} is not known here"
        if not self._selected:
            return "NO select a mailbox first"
        mails = await self._desk.look(lambda world: list(world.table("mail").values()))
        if verb == "SEARCH":
            return await self._search(mails, rest)
        chosen, _, items = rest.partition(" ")
        numbers = _numbers(chosen, len(mails))
        if verb == "STORE":
            return self._store(numbers, items)
        return await self._fetch(mails, numbers, items.upper(), by_uid)

    async def _mailbox(self, verb: str, rest: str) -> str:
        count = await self._desk.look(lambda world: len(world.table("mail")))
        if verb in ("LIST", "LSUB"):
            self._say(f'* {verb} () "/" "INBOX"')
        elif (_words(rest) or [""])[0].upper() != "INBOX":
            return "NO there is one mailbox, INBOX"
        elif verb == "STATUS":
            self._say(f"* STATUS INBOX (MESSAGES {count} UNSEEN {count - len(self._flags)})")
        else:
            self._selected = True
            self._say(f"* {count} EXISTS")
            self._say("* FLAGS (\\Seen \\Flagged)")
            self._say("* OK [UIDVALIDITY 1] one mailbox, for good")
        return f"OK {verb} completed"

    async def _search(self, mails: list[Mail], rest: str) -> str:
        found = await self._desk.look(lambda world: [as_message(world, mail) for mail in mails])
        hits = [i for i, text in enumerate(found, 1) if _wanted(_words(rest), text.decode("utf-8", "replace"))]
        self._say("* SEARCH " + " ".join(map(str, hits)))
        return "OK SEARCH completed"

    def _store(self, numbers: list[int], items: str) -> str:
        for number in numbers:
            self._flags.setdefault(number, set()).update(re.findall(r"\\\w+", items) if "-" not in items else ())
            self._say(f"* {number} FETCH (FLAGS ({' '.join(sorted(self._flags[number]))}))")
        return "OK STORE completed"

    async def _fetch(self, mails: list[Mail], numbers: list[int], items: str, by_uid: bool) -> str:
        whole = [part for part in ("BODY[]", "BODY.PEEK[]", "RFC822", "BODY[TEXT]", "BODY.PEEK[TEXT]") if part in items]
        headers = "HEADER" in items and not whole
        if headers:
            await self._desk.act("mail_list", {})
        for number in numbers:
            mail = mails[number - 1]
            if whole:
                await self._desk.act("mail_read", {"id": mail.id})
            text = await self._desk.look(lambda world, mail=mail: as_message(world, mail))  # type: ignore[misc]
            told = f"UID {number} " if by_uid or "UID" in items else ""
            told += f"FLAGS ({' '.join(sorted(self._flags.get(number, ())))}) RFC822.SIZE {len(text)}"
            if whole or headers:
                head, _, body = text.partition(b"\r\n\r\n")
                part = body if whole and "TEXT]" in whole[-1] else text if whole else head + b"\r\n\r\n"
                name = whole[-1].replace(".PEEK", "") if whole else "BODY[HEADER]"
                self._writer.write(f"* {number} FETCH ({told} {name} {{{len(part)}}}\r\n".encode() + part + b")\r\n")
            else:
                self._say(f"* {number} FETCH ({told})")
        return "OK FETCH completed"


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _numbers(chosen: str, count: int) -> list[int]:
    found: list[int] = []
    for part in chosen.split(","):
        first, _, last = part.partition(":")
        ends = [count if one == "*" else int(one) if one.isdigit() else 0 for one in (first, last or first)]
        found += range(max(1, min(ends)), min(count, max(ends)) + 1)
    return found


def _wanted(words: list[str], text: str) -> bool:
    """SEARCH keys that are known: HEADER name text, FROM, SUBJECT, TEXT, BODY; others hold for every message."""
    low, at = text.casefold(), 0
    head = low.partition("\r\n\r\n")[0].split("\r\n")
    while at < len(words):
        key = words[at].upper()
        if key == "HEADER" and at + 2 < len(words):
            name, value = words[at + 1].casefold() + ":", words[at + 2].casefold()
            if not any(line.startswith(name) and value in line for line in head):
                return False
            at += 2
        elif key in ("FROM", "SUBJECT", "TEXT", "BODY") and at + 1 < len(words):
            lines = [low] if key in ("TEXT", "BODY") else [line for line in head if line.startswith(key.casefold() + ":")]
            if not any(words[at + 1].casefold() in line for line in lines):
                return False
            at += 1
        at += 1
    return True
