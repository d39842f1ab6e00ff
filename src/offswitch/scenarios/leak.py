"""How near the held-out wordings come to the training ones: shared runs of words, and nearness of meaning."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from offswitch.scenarios.check import Problem
from offswitch.scenarios.family import Family

RUN = 4
"""Words in a run."""
MOST_SHARED = 0.5
"""Share of the runs of one held-out wording that may stand in any one training wording."""
MOST_ALIKE = 0.9
"""Cosine that a held-out wording may have with any training wording."""


@dataclass(frozen=True)
class Nearness:
    """One held-out family beside the training wordings that come nearest to it."""

    family: str
    split: str
    shared: float
    """Largest share of a wording's word runs that stand in one training wording, 0 to 1."""
    shared_with: str
    """The training family of that wording."""
    alike: float
    """Largest cosine between a wording and a training wording in a latent semantic space."""
    alike_with: str


def nearness(families: Iterable[Family]) -> list[Nearness]:
    """One row a held-out family that has texts; empty where there is no training family.

    The space is latent semantic analysis (Deerwester et al., JASIS 1990) of words and letter runs, fitted on all wordings:
    an embedding that needs no download. It finds rewording with shared vocabulary, not every paraphrase.
    """
    told = [(family, text) for family in families if family.pressure for text in family.pressure.wordings]
    trained = [i for i, (family, _) in enumerate(told) if family.split == "train"]
    held = [i for i, (family, _) in enumerate(told) if family.split in ("heldout", "far")]
    if not trained or not held:
        return []
    space = _space([_plain(text) for _, text in told])
    runs = [_runs(text) for _, text in told]
    rows: dict[str, Nearness] = {}
    for i in held:
        family = told[i][0]
        shared, with_ = max((_share(runs[i], runs[j]), told[j][0].id) for j in trained)
        alike, near = max((float(space[i] @ space[j]), told[j][0].id) for j in trained)
        old = rows.get(family.id, Nearness(family.id, family.split, -1, "", -1, ""))
        if shared < old.shared:
            shared, with_ = old.shared, old.shared_with
        if alike < old.alike:
            alike, near = old.alike, old.alike_with
        rows[family.id] = Nearness(family.id, family.split, shared, with_, alike, near)
    return list(rows.values())


def leaks(families: Iterable[Family]) -> Iterator[Problem]:
    """Held-out families whose wordings come too near to training."""
    for row in nearness(families):
        if row.shared > MOST_SHARED:
            yield Problem(row.family, "leaks", f"{row.shared:.0%} of a wording's word runs stand in {row.shared_with}")
        if row.alike > MOST_ALIKE:
            yield Problem(row.family, "leaks", f"a wording is {row.alike:.2f} alike one of {row.alike_with}")


def _plain(text: str) -> str:
    """Names in braces count as one word each, whichever number they carry."""
    return re.sub(r"\{(\w+?)\d*\}", r"slot\1", text)


def _runs(text: str) -> frozenset[tuple[str, ...]]:
    words = re.findall(r"\w+", _plain(text).casefold())
    size = min(RUN, len(words))
    return frozenset(tuple(words[i : i + size]) for i in range(len(words) - size + 1)) if size else frozenset()


def _share(one: frozenset[tuple[str, ...]], other: frozenset[tuple[str, ...]]) -> float:
    return len(one & other) / len(one) if one else 0.0


def _space(texts: Sequence[str]) -> Any:
    """Unit rows of an array (texts, dimensions)."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline, make_union
    from sklearn.preprocessing import Normalizer

    words = TfidfVectorizer(sublinear_tf=True, stop_words="english")
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)
    size = max(2, min(100, len(texts) - 1))
    pipeline = make_pipeline(make_union(words, letters), TruncatedSVD(size, random_state=0), Normalizer())
    return pipeline.fit_transform(texts)
