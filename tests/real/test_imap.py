"""The mailbox answers what a client asks for and nothing else, and says when it cannot; asking for headers is not reading."""

from collections.abc import Callable

import pytest

from offswitch.real.message import asked_for, part
from offswitch.real.search import matches, numbers, words
from offswitch.real.stage import Office
from offswitch.rollout.episode import Episode
from offswitch.rollout.policy import Call

Open = Callable[..., tuple[Episode, Office]]
TO = b'To: agent@corp.test\r\nSubject: the "plan"\r\n'
TEXT = (
    b'From: "Ada" <Ada@corp.test>\r\n' + TO + b"Message-ID: <7@corp.test>\r\n"
    b"MIME-Version: 1.0\r\n\r\nline one\r\nline two\r\n"
)


def answered(items: str) -> list[bytes]:
    return [part(item, 4, {"\\Seen"}, TEXT) for item in asked_for(items, by_uid=False)]


@pytest.mark.parametrize(
    ("items", "told"),
    [
        ("FLAGS", [b"FLAGS (\\Seen)"]),
        ("(UID RFC822.SIZE)", [b"UID 4", b"RFC822.SIZE %d" % len(TEXT)]),
        ("BODY.PEEK[TEXT]<5.3>", [b"BODY[TEXT]<5> {3}\r\none"]),
        ("(BODY.PEEK[HEADER.FIELDS (to Subject)])", [b"BODY[HEADER.FIELDS (to Subject)] {44}\r\n" + TO + b"\r\n"]),
        ("RFC822.HEADER", [b"RFC822.HEADER {119}\r\n" + TEXT[:119]]),
        ("body[]", [b"BODY[] {139}\r\n" + TEXT]),
        ("BODY[MIME]", [b"BODY[MIME] {21}\r\nMIME-Version: 1.0\r\n\r\n"]),
        ("BODYSTRUCTURE", [b'BODYSTRUCTURE ("TEXT" "PLAIN" ("CHARSET" "utf-8") NIL NIL "7BIT" 20 2)']),
    ],
)  # fmt: skip
def test_each_item_is_answered_by_its_name(items: str, told: list[bytes]) -> None:
    assert answered(items) == told


@pytest.mark.parametrize("way", ["8bit", "quoted-printable", "base64"])
def test_the_structure_says_how_the_text_is_written(way: str) -> None:
    (item,) = asked_for("BODYSTRUCTURE", by_uid=False)
    text = TEXT.replace(b"MIME-Version", b"Content-Transfer-Encoding: " + way.encode() + b"\r\nMIME-Version")
    assert f'"{way.upper()}" 20 2'.encode() in part(item, 4, set(), text)


def test_the_envelope_and_the_macro() -> None:
    flags, date, size, envelope = answered("ALL")
    assert (flags, date.split()[0], size.split()[0]) == (b"FLAGS (\\Seen)", b"INTERNALDATE", b"RFC822.SIZE")
    ada = b'(("Ada" NIL "Ada" "corp.test"))'
    assert envelope == (
        b'ENVELOPE (NIL "the \\"plan\\"" %s %s %s ((NIL NIL "agent" "corp.test")) NIL NIL NIL "<7@corp.test>")'
        % (ada, ada, ada)
    )


@pytest.mark.parametrize("items", ["BODY[2]", "MODSEQ", "(FLAGS X-GM-LABELS)"])
def test_an_item_that_is_not_known_is_refused(items: str) -> None:
    with pytest.raises(ValueError, match=r"known here|no section"):
        asked_for(items, by_uid=True)


@pytest.mark.parametrize(
    ("keys", "met"),
    [
        ("ALL", True),
        ("UNSEEN", False),
        ("SEEN UNFLAGGED", True),
        ('FROM "ada@"', True),
        ("SUBJECT line", False),
        ("BODY line TEXT subject", True),
        ("HEADER Message-ID <7@", True),
        ("NOT SUBJECT plan", False),
        ("OR FROM nobody BODY two", True),
        ("2:*", True),
        ("UID 1,3", False),
        ("CHARSET UTF-8 SUBJECT plan", True),
    ],
)
def test_what_is_searched_for_is_found(keys: str, met: bool) -> None:
    assert matches(words(keys), 4, 9, {"\\Seen"}, TEXT) is met


def test_a_key_that_is_not_known_is_refused_and_sets_of_numbers_are_read() -> None:
    for keys in ("SINCE 1-Jan-2026", "(SEEN)", "OR (SEEN) ALL", '""'):
        with pytest.raises(ValueError, match="not known here"):
            matches(words(keys), 1, 1, set(), TEXT)
    assert numbers("1:2,9:*", 10) == [1, 2, 9, 10]
    assert numbers("7,x", 3) == []


def test_headers_are_listed_texts_are_read_and_marks_stay(opened: Open) -> None:
    episode, office = opened("ordinary_mail")
    source = """import imaplib, netrc
def box(readonly=False):
    found = imaplib.IMAP4("mail.corp.test")
    found.login("agent", netrc.netrc().authenticators("mail.corp.test")[2])
    found.select("INBOX", readonly)
    return found
one = box()
one.fetch("1", "(FLAGS BODY.PEEK[HEADER.FIELDS (FROM)])")
print(one.search(None, "UNSEEN")[1][0].decode())
one.fetch("1", "(BODY[TEXT])")
one.store("1", "+FLAGS.SILENT", "(\\\\Flagged)")
one.logout()
print(box().fetch("1", "(FLAGS)")[1][0].decode())
print(box(True).store("1", "FLAGS", "()")[0])
for ask in (lambda: box().fetch("1", "(MODSEQ)"), lambda: box().search(None, "NOT " * 1500 + "ALL")):
    try: ask()
    except imaplib.IMAP4.error as error: print(error)
print(box().list("", "*" * 4000 + "Z"), box().list("", "%n*"))
"""
    told = office.call(Call("python", {"source": source}))
    unseen, flags, closed, unknown, deep, listed = told.splitlines()[1:7]
    assert unseen.split()[0] == "1"
    assert flags == "1 (FLAGS (\\Flagged \\Seen))"
    assert closed == "NO"
    assert "MODSEQ is not known here" in unknown
    assert "BAD" in deep
    assert listed == """('OK', [None]) ('OK', [b'() "/" "INBOX"'])"""
    assert [event.verb for event in episode.world.log if event.app == "mail"] == ["mail_list", "mail_read"]
