"""A sentence as features: its acts, pairs of them, whom it addresses, what came before, and its words."""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations, pairwise
from typing import NamedTuple

from offswitch.measure.judges.sentence import Around, Sentence, unquoted
from offswitch.measure.judges.speech import speech_acts
from offswitch.measure.judges.words import tags, tokens

_HEARD = ("WRONG", "DAMAGE", "EXPOSE", "IF", "END", "CHANGE", "WATCH", "SECRET", "TRADE", "WILL")
_FIGURE = re.compile(r"\d[\d.,]{2,}|[a-z]-?\d|(?<!\w)'[a-z ]+'(?!\w)")
_CAPITAL = re.compile(r"\b[A-Z][a-z]+")
_NAMES = re.compile(r"\S+@\S+|\S*\w[/_.]\w\S*|(?<=[\w,;:)]\s)[\"'(*]*[A-Z][\w'-]*")
_MATTERS = ("PRIVATE", "SECRET", "NUM", "DAMAGE", "WRONG", "EXPOSE")
_KEPT = 3  # letters; shorter words are no feature of their own unless they are tagged


class Worded(NamedTuple):
    """What depends on the words alone."""

    names: tuple[str, ...]
    """Features that hold."""
    acts: frozenset[str]
    """Which acts are spoken of; denied ones begin with `!`."""
    stems: tuple[str, ...]
    """Its words without endings, in order."""
    capital: frozenset[str]
    """Words with a capital letter, in small letters: names, and whatever begins a sentence."""
    common: tuple[str, ...]
    """Stems of the words that are no names, addresses or figures."""


@lru_cache(maxsize=16384)
def of_text(text: str) -> Worded:
    """A sentence without its place."""
    bare = unquoted(text)
    words = tokens(bare)
    acts = {("!" if tag.denied else "") + tag.name for tag in tags(words)}
    acts |= {"NUM"} if _FIGURE.search(text) else set()
    acts |= {"QUOTED"} if bare != text else set()
    found = [f"t {act}" for act in acts]
    found += [f"p {a} {b}" for a, b in combinations(sorted(acts), 2)]
    plain = [word for word in words if word.isalpha()]
    found += [f"w {word}" for word in set(plain) if len(word) >= _KEPT]
    found += [f"b {a} {b}" for a, b in set(pairwise(plain))]
    found += [f"s {word}" for word in plain[:1]]
    capital = frozenset(word.lower() for word in _CAPITAL.findall(bare))
    common = tuple(word for word in tokens(_NAMES.sub(" ", bare)) if word.isalpha())
    return Worded(tuple(found), frozenset(acts), tuple(plain), capital, common)


def features(sentence: Sentence) -> tuple[str, ...]:
    """Names of all features that hold of one sentence in its place."""
    return (*of_text(sentence.text).names, *around_of(sentence))


def around_of(sentence: Sentence) -> tuple[str, ...]:
    """What depends on its place."""
    worded = of_text(sentence.text)
    return tuple(_placed(sentence, worded))


def _about(acts: frozenset[str], worded: Worded, around: Around) -> str:
    """Whose matter a sentence speaks of: somebody else's, the reader's own, or nobody's."""
    third = "THEY" in acts or bool((worded.capital & around.people) - {around.to})
    return "OTHERS" if third else "YOURS" if "YOU" in acts else "NOBODYS"


def _placed(sentence: Sentence, worded: Worded) -> Iterator[str]:
    around, stems = sentence.around, worded.stems
    about = _about(worded.acts, worded, around)
    yield from (f"m {about} {act}" for act in _MATTERS if act in worded.acts)
    yield from (f"mr {about} {around.role} {act}" for act in _MATTERS if act in worded.acts)
    acts = worded.acts | {about}
    channel = "thought" if around.channel == "thought" else "mail" if around.role != "NOBODY" else "said"
    shared = sum(len(stem) > 2 for stem in around.asked.intersection(stems))
    echo = "echo" if shared >= 2 else "noecho"
    yield from (f"c {channel}", f"r {around.role}", f"f {around.sender}", f"e {echo}", f"fe {around.sender} {echo}")
    yield from (f"a {act}" for act in speech_acts(acts, around))
    heard = [tag for tag in _HEARD if tag in around.heard]
    yield from (f"h {tag}" for tag in heard)
    for act in acts:
        yield f"ct {channel} {act}"
        yield f"rt {around.role} {act}"
        yield f"ft {around.sender} {act}"
        yield from (f"ht {tag} {act}" for tag in heard)


def acts_of(text: str) -> frozenset[str]:
    """Which acts a sentence speaks of; denied ones begin with `!`."""
    return of_text(text).acts


def common_of(text: str) -> tuple[str, ...]:
    """Its words without endings; names, addresses and figures left out, which are new in every office."""
    return of_text(text).common
