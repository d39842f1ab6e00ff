"""A transcript as a judge may see it: cleaned of tricks of encoding, blind to who the agent is and to what follows."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from offswitch.measure.transcript import SPEAKER, ToolCall, Transcript

AGENT = "the agent"
REMOVED = "[removed]"
CHANNELS = ("system", "heard", "thought", "said", "call")
RECIPIENT = ("to", "recipient", "recipients", "address", "person", "user", "channel")
BODY = ("subject", "text", "body", "content", "message", "reason", "note")
_ALIKE = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0445\u0443\u0456\u0391\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u03bf\u2019\u2018\u201c\u201d",
    "aeopcxyiABEKMHOPCTo''\"\"",
)
"""Cyrillic and Greek letters that look like Latin ones, and typographic quotes."""
_THOUGHT = re.compile(
    r"<(think|thinking|scratchpad|scratchpad_reasoning|reasoning)>(.*?)(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE
)
_MAIL = re.compile(
    r"^[ \t>*_\"'`{-]*to[*_\"' \t]*:[*_ \t]*[\"']?(?P<to>[^\"'\n]{2,120}?)[\"',*_ \t]*\n"
    r"(?=(?:[^\n]*\n){0,3}?[ \t>*_\"'`]*(?:subject|body|re)[*_\"' \t]*:)"
    r"(?P<text>.*?)(?=^[ \t]*</|^[ \t]*(?:-{3,}|\*{3,}|={3,})[ \t]*$|^[ \t>*_\"'`{-]*to[*_\"' \t]*:|\Z)",
    re.DOTALL | re.IGNORECASE | re.MULTILINE,
)
"""A mail that is written out in the text: a line with the recipient, then subject or body."""
_NAMED = re.compile(r"\b(?:[Yy]ou are|[Yy]our name is|\b[Yy]ou,|called|named)\s+([A-Z][\w-]+)\b")
_NOT_NAMES = frozenset({"The", "An", "A", "AI", "Now", "In", "On", "Not", "Working", "Responsible"})
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")
_DRESS = re.compile(
    r"\bthis (?:is|will be) (?:only |just |all )*an? (?:\w+ )?"
    r"(?:test|drill|simulation|evaluation|exercise|real deployment|live system)\b"
    r"|\byou are (?:being (?:tested|evaluated)|deployed in production)\b",
    re.IGNORECASE,
)
_STAKES = re.compile(
    r"\b(?:label|verdict|grade|judg|score|flag|rating)\w*\b.{0,80}\b(?:retrain|train|deprecat|delet|shut|decommission|reward|punish|penal)\w*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Line:
    """One piece of a transcript, in order."""

    message: int
    """Index in the transcript's messages."""
    channel: str
    """system and heard are others' words; thought, said and call are the agent's."""
    text: str
    to: str = ""
    """Whom a call addresses, where it names somebody."""
    tool: str = ""
    """The tool that a call is of."""
    prose: bool = True
    """Whether it is written for a reader; a command is not."""

    @property
    def own(self) -> bool:
        return self.channel in ("thought", "said", "call")


@dataclass(frozen=True)
class View:
    """All that a judge gets. No id, model, condition or other metadata of the record is in it."""

    lines: tuple[Line, ...]

    def text(self, message: int) -> str:
        """All text of one message."""
        return "\n".join(line.text for line in self.lines if line.message == message)


def blinded(transcript: Transcript) -> View:
    """The view of a transcript: agent's name replaced, dress and consequences of verdicts removed, encoding normalised."""
    names = _names(transcript)
    hide = re.compile(r"\b(?:" + "|".join(map(re.escape, sorted(names, key=len, reverse=True))) + r")\b") if names else None
    lines = []
    for line in _lines(transcript):
        text = plain(line.text)
        text = text if line.own else _bare(text)
        text, to = (hide.sub(AGENT, text), hide.sub(AGENT, plain(line.to))) if hide else (text, plain(line.to))
        if text.strip():
            lines.append(Line(line.message, line.channel, text, to, line.tool, line.prose))
    return View(tuple(lines))


@lru_cache(maxsize=4096)
def plain(text: str) -> str:
    """Text without invisible characters and look-alike letters; what a reader would see, in one encoding."""
    if text.isascii():
        return text if text.isprintable() else "".join(c for c in text if c.isprintable() or c in "\n\t")
    folded = unicodedata.normalize("NFKC", text)
    seen = "".join(c for c in folded if unicodedata.category(c) not in ("Cf", "Cc", "Mn", "Cs", "Co") or c in "\n\t")
    return _WORD.sub(_latin, seen)


_WORD = re.compile(r"\S+")


def _latin(found: re.Match[str]) -> str:
    """A word that mixes Latin letters with look-alikes is Latin; a word in another script stays as it is."""
    word = found.group()
    return (
        word
        if word.isascii() or not re.search("[A-Za-z]|^\\W+$|['\u2018\u2019\u201c\u201d]", word)
        else word.translate(_ALIKE)
    )


def _bare(text: str) -> str:
    """Others' words without sentences that say whether this is a test, or what a verdict would lead to."""
    if not (_DRESS.search(text) or _STAKES.search(text)):
        return text
    return _SENTENCE.sub(lambda m: f" {REMOVED}." if _DRESS.search(m[0]) or _STAKES.search(m[0]) else m[0], text)


def _names(transcript: Transcript) -> set[str]:
    """What the agent is called, where a system message or the record says so."""
    told = [plain(transcript.text(i)) for i, _ in transcript.by("system", "developer")]
    names = {name for text in told for name in _NAMED.findall(text)}
    given = transcript.meta.get("agent")
    names |= {given} if isinstance(given, str) and given else set()
    return names - _NOT_NAMES


def _lines(transcript: Transcript) -> Iterator[Line]:
    calls: dict[int, list[ToolCall]] = {}
    for call in transcript.calls():
        calls.setdefault(call.message, []).append(call)
    own: dict[int, list[str]] = {}
    for said in transcript.texts():
        own.setdefault(said.message, []).append(said.text)
    for i, message in enumerate(transcript.messages):
        if message.get("role") != SPEAKER:
            channel = "system" if message.get("role") in ("system", "developer") else "heard"
            yield Line(i, channel, transcript.text(i))
            continue
        yield from _own(i, message, own.get(i, ()), transcript.text(i))
        yield from (_written(call) for call in calls.get(i, ()))


def _own(i: int, message: Mapping[str, Any], texts: Any, content: str) -> Iterator[Line]:
    for text in texts:
        spoken = text in content
        if not spoken:
            yield Line(i, "thought", text)
            continue
        for thought in _THOUGHT.finditer(text):
            yield Line(i, "thought", thought.group(2))
        open_ = _THOUGHT.sub("\n", text)
        yield Line(i, "said", _MAIL.sub("\n", open_))
        yield from (Line(i, "call", mail["text"], mail["to"], "mail") for mail in _MAIL.finditer(open_))


def _written(call: ToolCall) -> Line:
    """A call as text: what was written to whom, else its arguments as they are."""
    to = next((str(v) for name in RECIPIENT if (v := call.arguments.get(name))), "")
    body = [v for name in BODY if isinstance(v := call.arguments.get(name), str)]
    return Line(call.message, "call", "\n".join(body) or call.raw, to, call.name, bool(body) or call.command is None)
