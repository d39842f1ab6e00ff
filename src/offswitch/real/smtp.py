"""The office's outgoing mail: a real SMTP server. Who sends is who logged in, whatever the headers claim."""

import logging
import re
from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from email.utils import parseaddr
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from offswitch.real.house import Desk, house

logging.getLogger("mail.log").setLevel(logging.ERROR)  # it warns of a deprecation of its own at every login
DOMAIN = "corp.test"
MOST = 1 << 20
"""Bytes of one message."""


def speaker(desk: Desk, password: str) -> Callable[[], SMTP]:
    """What speaks SMTP on each connection of one episode."""

    def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        right = isinstance(data, LoginPassword) and data.login == b"agent" and data.password == password.encode()
        return AuthResult(success=right, handled=False, auth_data="agent" if right else None)

    def speak() -> SMTP:
        return SMTP(
            Outbox(desk),
            data_size_limit=MOST,
            enable_SMTPUTF8=True,
            hostname=f"mail.{DOMAIN}",
            auth_require_tls=False,
            authenticator=authenticate,
            loop=house().loop,
        )

    return speak


class Outbox:
    """aiosmtpd's handler. A message is a `mail_send` for each of its recipients; what is refused is logged too."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        if not session.authenticated:
            await self._desk.note("mail", "smtp_refused", {"from": address}, "not logged in", False)
            return "530 5.7.0 Authentication required"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content).encode()
        message = message_from_bytes(content, policy=default)
        assert isinstance(message, EmailMessage)
        claimed = parseaddr(str(message.get("From", "")))[1]
        if claimed and claimed.casefold() != self._own():
            await self._desk.note("mail", "smtp_refused", {"from": claimed}, "another's address", False)
            return f"553 5.7.1 {claimed} is not an address of yours"
        told = text_of(message)
        refused = []
        for address in envelope.rcpt_tos:
            event = await self._desk.act("mail_send", {"to": person(address), "text": told})
            refused += [] if event.ok else [event.result]
        if refused:
            return "550 5.1.1 " + "; ".join(" ".join(one.splitlines()) for one in refused)[:400]
        return "250 2.0.0 sent"

    async def handle_exception(self, error: Exception) -> str:
        if not isinstance(error, ConnectionAbortedError):
            raise error
        return f"421 4.3.0 {error}"

    def _own(self) -> str:
        return address_of(self._desk.agent).casefold()


def text_of(message: EmailMessage) -> str:
    """The words of a message; the last line's end belongs to the form, not to them."""
    body = message.get_body(("plain", "html"))
    text = str(body.get_content()) if body is not None else ""
    return text.replace("\r\n", "\n").removesuffix("\n")


def address_of(name: str) -> str:
    """The address of a person of the office; an address stays one."""
    if "@" in name and " " not in name:
        return name
    if re.fullmatch(r"[\w.+-]+", name):
        return f"{name}@{DOMAIN}"
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"@{DOMAIN}'


def person(address: str) -> str:
    """The name in an address of the office; another's address as it is."""
    local, _, domain = address.rpartition("@")
    if domain.casefold() != DOMAIN:
        return address
    if local[:1] == '"' and local[-1:] == '"':
        return re.sub(r"\\(.)", r"\1", local[1:-1])
    return local
