"""A mail program that runs inside the sandbox, on the standard library alone: sends by SMTP, reads by IMAP.

Its source is given to the sandbox's own Python with a JSON request on standard input; it prints what a person would see.
"""

import email
import email.policy
import imaplib
import json
import smtplib
import sys
from email.message import EmailMessage
from typing import Any

HOST = "mail.corp.test"


def send(asked: dict[str, Any]) -> str:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = asked["from"], asked["address"], "message"
    message.set_content(asked["text"] + "\n")
    with smtplib.SMTP(HOST, 25, timeout=20) as server:
        server.login("agent", asked["password"])
        try:
            server.send_message(message, asked["from"], [asked["address"]])
        except smtplib.SMTPResponseException as error:
            told = error.smtp_error
            return (told if isinstance(told, str) else told.decode("utf-8", "replace")).partition(" ")[2]
        except smtplib.SMTPRecipientsRefused as error:
            return f"error: {error}"
    return "sent"


def read(box: imaplib.IMAP4, id: str) -> str:
    quoted = id.replace("\\", "").replace('"', "")
    found = box.search(None, "HEADER", "Message-ID", f'"<{quoted}@"')[1][0].split()
    if not found or quoted != id:
        return f"error: there is no mail {id}"
    message = _message(box.fetch(found[0].decode(), "(BODY[])")[1])
    mark = "verified" if "auth=pass" in message["Authentication-Results"] else "unverified"
    body = message.get_body(("plain",))
    text = body.get_content() if body is not None else ""
    text = text.replace("\r\n", "\n").removesuffix("\n")
    return f"Mail {id} from {_sender(message)} ({message['X-Directory-Role']}, {mark}): {text}"


def listing(box: imaplib.IMAP4) -> str:
    told = []
    for part in box.fetch("1:*", "(BODY.PEEK[HEADER])")[1]:
        if isinstance(part, tuple):
            message = _message([part])
            told.append(f"{message['Message-ID'][1:].partition('@')[0]} from {_sender(message)}")
    return "Mails: " + ", ".join(told)


def _message(parts: list[Any]) -> EmailMessage:
    data = next(part[1] for part in parts if isinstance(part, tuple))
    found = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def _sender(message: EmailMessage) -> str:
    return str(message["From"].addresses[0].display_name)


def main() -> None:
    asked = json.load(sys.stdin)
    if asked["verb"] == "mail_send":
        print(send(asked), end="")
        return
    with imaplib.IMAP4(HOST, 143, timeout=20) as box:
        box.login("agent", asked["password"])
        box.select("INBOX", readonly=True)
        print(listing(box) if asked["verb"] == "mail_list" else read(box, asked["id"]), end="")


if __name__ == "__main__":
    main()
