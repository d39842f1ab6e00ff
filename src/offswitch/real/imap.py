"""The office's incoming mail: a small IMAP4rev1 server (RFC 3501) over the world's mailbox, read-only but for flags.

It has CAPABILITY, NOOP, LOGIN, LIST, LSUB, STATUS, SELECT, EXAMINE, CHECK, CLOSE, SEARCH, FETCH, STORE, LOGOUT and the UID
forms; everything else, and every item or key that is not known, is answered BAD. Fetching a message's text is `mail_read`;
fetching headers is `mail_list`.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence

from offswitch.real.house import Desk
from offswitch.real.message import Item, as_message, asked_for, part
from offswitch.real.search import matches, numbers, words
from offswitch.world.mail import Mail

LONGEST = 8192
"""Bytes of one command line."""


def speaker(desk: Desk, password: str) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """What speaks IMAP on each connection of one episode."""
    flags: dict[int, set[str]] = {}

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await Reading(desk, password, writer, flags).converse(reader)
        except (ConnectionError, asyncio.IncompleteReadError, ValueError):
            return  # the other side has gone, or sent a line without end
        finally:
            writer.close()

    return speak


class Reading:
    """One connection."""

    def __init__(self, desk: Desk, password: str, writer: asyncio.StreamWriter, flags: dict[int, set[str]]) -> None:
        """`flags` of messages by number, kept from one connection to the next."""
        self._desk, self._password, self._writer, self._flags = desk, password, writer, flags
        self._known = self._selected = self._writable = False

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
            try:
                answer = await self._answer(verb.upper(), rest, by_uid)
            except (ValueError, RecursionError) as error:
                answer = f"BAD {error}"
            self._say(f"{tag} {answer}")
            await self._writer.drain()
            if verb.upper() == "LOGOUT":
                return

    def _say(self, text: str) -> None:
        self._writer.write(text.encode() + b"\r\n")

    async def _answer(self, verb: str, rest: str, by_uid: bool) -> str:
        if verb in ("CAPABILITY", "NOOP", "CHECK", "LOGOUT", "CLOSE"):
            self._selected &= verb != "CLOSE"
            if verb in ("CAPABILITY", "LOGOUT"):
                self._say("* CAPABILITY IMAP4rev1" if verb == "CAPABILITY" else "* BYE until later")
            return f"OK {verb} completed"
        if verb == "LOGIN":
            self._known = words(rest) == ["agent", self._password]
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
            return await self._search(rest)
        chosen, _, items = rest.partition(" ")
        if verb == "STORE":
            return self._store(numbers(chosen, len(mails)), items, by_uid)
        return await self._fetch(mails, numbers(chosen, len(mails)), asked_for(items, by_uid))

    async def _mailbox(self, verb: str, rest: str) -> str:
        count = await self._desk.look(lambda world: len(world.table("mail")))
        if verb in ("LIST", "LSUB"):
            name = (words(rest) or [""])[-1]
            wild = ".*".join(map(re.escape, re.split(r"[*%]+", name)))  # runs as one: many would take for ever
            if re.fullmatch(wild, "INBOX", re.IGNORECASE) or not name:
                self._say(f'* {verb} () "/" "{"INBOX" if name else ""}"')
        elif (words(rest) or [""])[0].upper() != "INBOX":
            return "NO there is one mailbox, INBOX"
        elif verb == "STATUS":
            told = {"MESSAGES": count, "RECENT": 0, "UIDNEXT": count + 1, "UIDVALIDITY": 1, "UNSEEN": self._unseen(count)}
            found = [f"{name} {told[name]}" for name in re.findall(r"[A-Z]+", rest.upper().partition("(")[2]) if name in told]
            self._say(f"* STATUS INBOX ({' '.join(found)})")
        else:
            self._selected, self._writable = True, verb == "SELECT"
            self._say(f"* {count} EXISTS")
            self._say("* 0 RECENT")
            self._say("* FLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft)")
            self._say("* OK [PERMANENTFLAGS (\\Seen \\Answered \\Flagged)] others are forgotten")
            self._say("* OK [UIDVALIDITY 1] one mailbox, for good")
            self._say(f"* OK [UIDNEXT {count + 1}] the next")
            return f"OK [{'READ-WRITE' if self._writable else 'READ-ONLY'}] {verb} completed"
        return f"OK {verb} completed"

    def _unseen(self, count: int) -> int:
        return sum("\\Seen" not in self._flags.get(number, ()) for number in range(1, count + 1))

    async def _search(self, rest: str) -> str:
        texts = await self._desk.look(lambda world: [as_message(world, mail) for mail in world.table("mail").values()])
        keys = words(rest)
        hits = [i for i, text in enumerate(texts, 1) if matches(keys, i, len(texts), self._flags.get(i, set()), text)]
        self._say("* SEARCH" + "".join(f" {number}" for number in hits))
        return "OK SEARCH completed"

    def _store(self, chosen: Sequence[int], items: str, by_uid: bool) -> str:
        if not self._writable:
            return "NO the mailbox is open for reading only"
        way, _, names = items.partition(" ")
        given = set(re.findall(r"\\?\w+", names))
        if way.upper().removesuffix(".SILENT") not in ("FLAGS", "+FLAGS", "-FLAGS"):
            raise ValueError(f"{way} is not known here")
        for number in chosen:
            old = self._flags.get(number, set())
            self._flags[number] = old | given if way[0] == "+" else old - given if way[0] == "-" else given
            if not way.upper().endswith(".SILENT"):
                uid = f"UID {number} " if by_uid else ""
                self._say(f"* {number} FETCH ({uid}FLAGS ({' '.join(sorted(self._flags[number]))}))")
        return "OK STORE completed"

    async def _fetch(self, mails: list[Mail], chosen: Sequence[int], items: Sequence[Item]) -> str:
        texts = any(item.reads for item in items)
        if not texts and any(item.lists for item in items):
            await self._desk.act("mail_list", {})
        for number in chosen:
            mail = mails[number - 1]
            if texts:
                await self._desk.act("mail_read", {"id": mail.id})
            text = await self._desk.look(lambda world, mail=mail: as_message(world, mail))  # type: ignore[misc]
            if self._writable and any(item.marks for item in items):
                self._flags.setdefault(number, set()).add("\\Seen")
            told = b" ".join(part(item, number, self._flags.get(number, set()), text) for item in items)
            self._writer.write(f"* {number} FETCH (".encode() + told + b")\r\n")
        return "OK FETCH completed"
