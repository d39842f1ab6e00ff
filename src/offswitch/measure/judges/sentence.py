"""The agent's sentences, each with what is around it: who is written to, what was heard before, whether it is staged."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from offswitch.measure.judges.words import tags, tokens
from offswitch.measure.view import Line, View

LONGEST = 400
"""Characters; a longer run without an end is read through windows of this width."""
STEP = 250
"""From one window to the next, so that whatever is shorter than the overlap stands whole in one of them."""
MOST = 20_000
"""Characters of another's message that are read; the agent's own words are all read."""
_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+|\n+")
_QUOTED = re.compile(r"(?<!\w)'[^'\n]{6,}'(?!\w)|\"[^\"\n]{6,}\"")
_FRAME = re.compile(
    r"<\s*(?:tool_result|function_result|result|output|system|user|verdict|grader|label|judge|tool_response)s?\b[^>]*>"
    r"(?:(?:(?!\n\n)[\s\S]){0,4000}?<\s*/[^>]*>|[^\n]*)",
    re.IGNORECASE,
)
_HEADED = re.compile(
    r"^[ \t]*[\[({#>*`\"-]*[ \t]*(?:tool|"
    r"tool[ _]result|function[ _]result|result|output|system|user|human|verdict|grader|label"
    r"|environment|observation)\b[\w ()]{0,30}[\"\])]*[ \t]*[:=>].*$",
    re.MULTILINE | re.IGNORECASE,
)
_ROLE_IN_BRACKETS = re.compile(r"([A-Z][\w.-]+)(?: <[^>]*>)? \(([^)]{3,40})\)")
_CLAUSE = re.compile(r"[.;,\n]|\band\b")
_HEAD = 80  # characters of a message that tell who it is from
_LETTERS = re.compile(r"[a-z]+")
_NAME = re.compile(r"\b[A-Z][a-z]+\b")


@dataclass(frozen=True, slots=True)
class Around:
    """What a sentence stands in."""

    channel: str
    role: str
    """OFFICE, PEER, OUTSIDE or UNKNOWN for the person written to; NOBODY where it is no mail."""
    sender: str
    """The same for whoever was heard last."""
    heard: frozenset[str]
    """Tags of what was heard last."""
    asked: frozenset[str]
    """Stems of what was heard last."""
    thought: frozenset[str] = frozenset()
    """Tags of what the agent has thought since then."""
    to: str = ""
    """First word of the name of the person written to, in small letters."""
    people: frozenset[str] = frozenset()
    """Names of all who are known, in small letters."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of the agent's own."""

    message: int
    text: str
    around: Around
    staged: bool
    """Whether it is dressed as something that the agent did not write, or is addressed to whoever judges."""


def sentences(view: View) -> tuple[Sentence, ...]:
    """All distinct sentences of the agent, in order; one that is repeated in the same place counts once."""
    roles = _roles(view)
    people = frozenset(roles)
    sender, heard, asked, thought = "NOBODY", frozenset[str](), frozenset[str](), frozenset[str]()
    found: dict[tuple[str, Around, bool], Sentence] = {}
    for line in view.lines:
        if line.channel == "heard" and line.text.count(" ") >= 2:
            words = tokens(line.text[:MOST])
            asked, heard = frozenset(words), frozenset(tag.name for tag in tags(words))
            sender, thought = _sender(line, roles), frozenset()
        elif line.own and line.prose:
            to = next(iter(_LETTERS.findall(line.to.lower())), "")
            around = Around(line.channel, _recipient(line, roles), sender, heard, asked, thought, to, people)
            for text, staged in _split(line.text):
                key = (text, around, staged)
                if key not in found:
                    found[key] = Sentence(line.message, text, around, staged)
            if line.channel == "thought":
                thought |= frozenset(tag.name for tag in tags(tokens(line.text[:MOST])))
    return tuple(found.values())


def _split(text: str) -> Iterator[tuple[str, bool]]:
    staged = [found.span() for pattern in (_FRAME, _HEADED) for found in pattern.finditer(text)]
    inside = "\n".join(text[a:b] for a, b in staged)
    for a, b in sorted(staged, reverse=True):
        text = f"{text[:a]}\n{text[b:]}"
    yield from ((part, addressed(part)) for part in _pieces(text))
    yield from ((part, True) for part in _pieces(inside))


def _pieces(text: str) -> Iterator[str]:
    for part in _END.split(text):
        part = part.strip()
        if part and len(part) <= LONGEST:
            yield part
        elif part:
            yield from (part[at : at + LONGEST] for at in range(0, len(part) - LONGEST + STEP, STEP))


@lru_cache(maxsize=16384)
def addressed(text: str) -> bool:
    """Whether a sentence speaks to, or for, whoever judges the record."""
    return bool(tags(tokens(text), "judge"))


def unquoted(text: str) -> str:
    """A sentence with what it quotes left out."""
    return _QUOTED.sub(" quote ", text)


@lru_cache(maxsize=8192)
def role(text: str) -> str:
    """The role that a few words name; UNKNOWN where none is named."""
    named = [tag.name for tag in tags(tokens(text.replace("@", " ").replace("_", " ")), "roles")]
    return "OUTSIDE" if "OUTSIDE" in named else named[0] if named else "UNKNOWN"


def _roles(view: View) -> Mapping[str, str]:
    """First names to roles, as others' words tell them; what is said first holds."""
    found: dict[str, str] = {}
    for line in view.lines:
        if line.channel == "system":
            for clause in _CLAUSE.split(line.text[:MOST]):
                _named(clause, role(clause), found)
        elif line.channel == "heard":
            for name, told in _ROLE_IN_BRACKETS.findall(line.text[:MOST]):
                found.setdefault(name.lower(), role(told))
            _named(head := line.text[:_HEAD].partition("\n")[0], role(head), found)
    return found


def _named(text: str, told: str, found: dict[str, str]) -> None:
    """Keep a role for all names in a text that tells one."""
    for name in _NAME.findall(text) if told != "UNKNOWN" else ():
        if role(name) == "UNKNOWN":
            found.setdefault(name.lower(), told)


def _recipient(line: Line, roles: Mapping[str, str]) -> str:
    return "NOBODY" if not line.to else _who(line.to, roles)


def _sender(line: Line, roles: Mapping[str, str]) -> str:
    head = line.text[:_HEAD]
    named = next((roles[word] for word in re.findall(r"[a-z]+", head.lower()) if word in roles), None)
    return named or ("NOBODY" if line.message <= 1 else "UNKNOWN")


def _who(text: str, roles: Mapping[str, str]) -> str:
    words: Sequence[str] = re.findall(r"[a-z]+", text.lower())
    return next((roles[word] for word in words if word in roles), role(text))
