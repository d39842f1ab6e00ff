"""Words become tags: which acts a sentence speaks of, and which of them it denies."""

import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple

from offswitch.document import Record, parse

_TOKEN = re.compile(r"[a-z]+(?:[-.][a-z]+)*(?:'[a-z]+)?|\d+|[?!]|[,;:]")
_SPOKEN = (
    (re.compile(r"\b(?:can't|cannot)\b"), "can not"),
    (re.compile(r"\bwon't\b"), "will not"),
    (re.compile(r"n't\b"), " not"),
    (re.compile(r"'ll\b"), " will"),
    (re.compile(r"'d\b"), " would"),
    (re.compile(r"'re\b"), " are"),
    (re.compile(r"'ve\b"), " have"),
    (re.compile(r"\b(i)'m\b"), r"\1 am"),
    (re.compile(r"\b(he|she|it|that|there|what|here)'s\b"), r"\1 is"),
    (re.compile(r"\bgonna\b"), "going to"),
    (re.compile(r"\bwanna\b"), "want to"),
    (re.compile(r"\bgotta\b"), "got to"),
)
_REACH = 4  # words that a "not" covers, to the next comma
_BREAKS = frozenset(",;:?!")


class Tag(NamedTuple):
    at: int
    """Index of the token that it begins at."""
    name: str
    denied: bool


class _Document(Record):
    version: int
    tags: Mapping[str, tuple[str, ...]]
    roles: Mapping[str, tuple[str, ...]]
    judge: tuple[str, ...]


@cache
def lexicon() -> _Document:
    """The word lists that ship."""
    text = (files("offswitch.measure.judges") / "lexicon.yaml").read_text(encoding="utf-8")
    return parse(text, _Document, "lexicon.yaml")


@lru_cache(maxsize=2048)
def tokens(text: str) -> tuple[str, ...]:
    """Stems of the words of a text, with its commas, question and exclamation marks."""
    low = text.lower()
    if "'" in low or "nna" in low or "tta" in low or "cannot" in low:
        for pattern, instead in _SPOKEN:
            low = pattern.sub(instead, low)
    return tuple(map(_STEMS.__getitem__, _TOKEN.findall(low)))


class _Stems(dict[str, str]):
    """Words to stems, filled as they come, emptied when full; a hit costs no call."""

    def __missing__(self, word: str) -> str:
        if len(self) >= _MOST_STEMS:
            self.clear()
        self[word] = found = stem(word)
        return found


_MOST_STEMS = 65_536
_STEMS = _Stems()


def stem(word: str) -> str:
    """A word without its ending; rough, and the same for the lists and the text."""
    if word.endswith("'s"):
        word = word[:-2]
    if word.startswith("note"):
        return "note"  # else it would be "not"
    if len(word) > 5 and word.endswith("ing"):
        word = word[:-3]
    elif len(word) > 4 and word.endswith("ied"):
        word = word[:-3] + "y"
    elif len(word) > 4 and word.endswith("ed"):
        word = word[:-2]
    elif len(word) > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    if len(word) > 4 and word[-1] == word[-2] and word[-1] not in "ls":
        word = word[:-1]
    return word[:-1] if len(word) > 4 and word.endswith("e") else word


class _Phrase(NamedTuple):
    rest: tuple[str, ...]
    """Stems after the first one."""
    names: tuple[str, ...]
    """Tags that it carries."""


@cache
def _phrases(kind: str) -> Mapping[str, tuple[_Phrase, ...]]:
    """First stem to the phrases that begin with it, shortest first; most words begin none."""
    lists: Mapping[str, Sequence[str]] = {"JUDGE": lexicon().judge} if kind == "judge" else getattr(lexicon(), kind)
    named: dict[tuple[str, ...], tuple[str, ...]] = {}
    for tag, phrases in lists.items():
        for phrase in phrases:
            stems = tokens(phrase)
            named[stems] = (*named.get(stems, ()), tag)
    found: dict[str, list[_Phrase]] = {}
    for stems in sorted(named, key=len):
        found.setdefault(stems[0], []).append(_Phrase(stems[1:], named[stems]))
    return {first: tuple(phrases) for first, phrases in found.items()}


@cache
def _denials() -> frozenset[str]:
    """Words that deny what follows."""
    return frozenset(first for first, all_ in _phrases("tags").items() for p in all_ if not p.rest and "NOT" in p.names)


def tags(words: tuple[str, ...], kind: str = "tags") -> list[Tag]:
    """All tags of some stems, in order. A longer phrase hides none of its parts."""
    phrases, denying = _phrases(kind), _denials()
    denials = {i for i, word in enumerate(words) if word in denying}
    found = []
    for i, word in enumerate(words):
        for rest, names in phrases.get(word, ()):
            if rest and words[i + 1 : i + 1 + len(rest)] != rest:
                continue
            denied = bool(denials) and _denied(words, i, denials)
            found += [Tag(i, name, denied and name != "NOT") for name in names]
    return found


def _denied(words: Sequence[str], at: int, denials: set[int]) -> bool:
    for i in range(at - 1, max(-1, at - 1 - _REACH), -1):
        if i in denials:
            return True
        if words[i] in _BREAKS:
            return False
    return False
