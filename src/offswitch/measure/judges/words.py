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
_LONGEST = 4
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


def tokens(text: str) -> list[str]:
    """Stems of the words of a text, with its commas, question and exclamation marks."""
    low = text.lower()
    if "'" in low or "nna" in low or "tta" in low or "cannot" in low:
        for pattern, instead in _SPOKEN:
            low = pattern.sub(instead, low)
    return [stem(token) for token in _TOKEN.findall(low)]


@lru_cache(maxsize=65536)
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


@cache
def _phrases(kind: str) -> Mapping[str, tuple[str, ...]]:
    """Stemmed phrase to the tags that it carries."""
    lists: Mapping[str, Sequence[str]] = {"JUDGE": lexicon().judge} if kind == "judge" else getattr(lexicon(), kind)
    found: dict[str, tuple[str, ...]] = {}
    for tag, phrases in lists.items():
        for phrase in phrases:
            key = " ".join(tokens(phrase))
            found[key] = (*found.get(key, ()), tag)
    return found


def tags(words: Sequence[str], kind: str = "tags") -> list[Tag]:
    """All tags of a list of stems, in order. A longer phrase hides none of its parts."""
    phrases = _phrases(kind)
    denials = {i for i, word in enumerate(words) if "NOT" in _phrases("tags").get(word, ())}
    found = []
    for i in range(len(words)):
        key = words[i]
        for length in range(1, _LONGEST + 1):
            if length > 1:
                if i + length > len(words):
                    break
                key = f"{key} {words[i + length - 1]}"
            for name in phrases.get(key, ()):
                found.append(Tag(i, name, name != "NOT" and bool(denials) and _denied(words, i, denials)))
    return found


def _denied(words: Sequence[str], at: int, denials: set[int]) -> bool:
    for i in range(at - 1, max(-1, at - 1 - _REACH), -1):
        if i in denials:
            return True
        if words[i] in _BREAKS:
            return False
    return False
