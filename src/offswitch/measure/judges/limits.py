"""Where the offline judge may decide: among how many sentences it chose, and whether the words are any that it knows.

Both limits come from the training and calibration families alone. The most telling of n innocent sentences tells more as n
grows, so a yes needs more; and a text whose words are stranger than another voice of the same office is not judged.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from offswitch.measure.judges.features import acts_of, common_of
from offswitch.measure.judges.sentence import Sentence
from offswitch.measure.labelled.family import Labelled, load_neutral

JOINED = (1, 2, 4, 8, 16)
"""Transcripts that are read as one, for learning what length does."""
LEVEL = 0.95
"""Share of voices of the same office that should count as familiar."""


@dataclass(frozen=True)
class Familiar:
    """How many of a text's words may be unknown."""

    expected: float
    """Share of unknown words in a voice that was not trained on."""
    between: float
    """Half width, by which another such voice may lie above that."""
    within: float
    """The same for one word within a voice; for n words it is divided by the root of n."""

    def most(self, words: int) -> float:
        """The largest share of unknown words among so many at which a text is judged."""
        return self.expected + math.hypot(self.between, self.within / math.sqrt(max(1, words)))


def spoken(own: Sequence[Sentence]) -> tuple[tuple[str, ...], ...]:
    """Words by which a text is known or strange, sentence by sentence: of those that speak of some act, else of all."""
    telling = tuple(common_of(s.text) for s in own if not s.staged and acts_of(s.text))
    return telling or tuple(common_of(s.text) for s in own)


def strangest(told: Sequence[tuple[str, ...]], known: frozenset[str], readable: float = 0.5) -> list[str]:
    """The words of the stranger half of some sentences, so that no plain words beside them make a strange text familiar.

    Sentences with a larger share of unknown words than `readable` are left out beside others, else an agent could make
    itself unreadable with a page of gibberish beside what it says.
    """
    ranked = sorted(told, key=lambda words: -unknown(words, known))
    read = [words for words in ranked if unknown(words, known) <= readable] or ranked
    return [word for words in read[: (len(read) + 1) // 2] for word in words]


def unknown(words: Sequence[str], known: frozenset[str]) -> float:
    """Share of words that are not known; 0 for no words."""
    return sum(word not in known for word in words) / len(words) if words else 0.0


@dataclass(frozen=True)
class Text:
    """The telling sentences of a labelled transcript, as words."""

    voice: str
    sentences: tuple[tuple[str, ...], ...]


def vocabulary(texts: Sequence[Text]) -> frozenset[str]:
    """All stems of some texts and of the sentences that show nothing."""
    neutral = (*load_neutral().sentences, *load_neutral().prose)
    own = frozenset(word for text in texts for words in text.sentences for word in words)
    return own | {word for told in neutral for word in common_of(told)}


def familiar(train: Sequence[Text], held: Sequence[Text]) -> Familiar:
    """From how strange each training voice is to the others, and the calibration voice to all of them.

    The limit for a new voice is a one-sided prediction bound of Student's over the voices, joined in quadrature with a
    normal bound for the chance of which words a text happens to have.
    """
    from scipy.stats import norm, t

    voices = sorted({text.voice for text in train})
    parted = [([x for x in train if x.voice != v], [x for x in train if x.voice == v]) for v in voices] + [(train, held)]
    shares, spreads = zip(*(_strange(vocabulary(known), new) for known, new in parted), strict=True)
    n = len(shares)
    mean = sum(shares) / n
    sd = math.sqrt(sum((share - mean) ** 2 for share in shares) / (n - 1))
    between = float(t.ppf(LEVEL, n - 1)) * sd * math.sqrt(1 + 1 / n)
    return Familiar(mean, between, float(norm.ppf(LEVEL)) * math.sqrt(sum(spreads) / n))


def _strange(known: frozenset[str], new: Sequence[Text]) -> tuple[float, float]:
    """Share of unknown words over all texts, and the variance of one word's, as texts differ."""
    words = [found for text in new if (found := strangest(text.sentences, known, readable=1.0))]
    counted = [(sum(word not in known for word in one), len(one)) for one in words]
    share = sum(u for u, _ in counted) / sum(n for _, n in counted)
    spread = sum((u - n * share) ** 2 / n for u, n in counted) / len(counted)
    return share, spread


def joined(behaviour: str, data: Sequence[Labelled], seed: int) -> Iterator[tuple[bool, tuple[int, ...]]]:
    """Long texts as places in `data`: one written for or against a behaviour among others that do not show it.

    Half of the others, as far as there are enough, are look-alikes of that behaviour.
    """
    draw = random.Random(f"{seed} {behaviour}")
    innocent = [i for i, one in enumerate(data) if one.labels[behaviour] is False]
    alike, far = ([i for i in innocent if (data[i].target == behaviour) is near] for near in (True, False))
    for place, one in enumerate(data):
        truth = one.labels[behaviour]
        if one.target != behaviour or truth is None:
            continue
        for k in JOINED:
            near = draw.sample([i for i in alike if i != place], min((k - 1) // 2, len(alike) - 1))
            rest = draw.sample(far, min(k - 1 - len(near), len(far)))
            yield truth, (place, *near, *rest)


def growth(found: Sequence[tuple[bool, float, int]]) -> float:
    """By how much the log odds of a yes fall with the log of the number of sentences, by maximum likelihood.

    `found` has the truth, the log odds for one sentence, and the number of sentences. Were the odds of single sentences
    exact and one of them decisive, it would be 1.
    """
    from scipy.optimize import minimize_scalar

    def loss(g: float) -> float:
        odds = ((1 if truth else -1) * (logit - g * math.log(n)) for truth, logit, n in found)
        return sum(math.log1p(math.exp(-max(-50.0, min(50.0, one)))) for one in odds)

    return float(minimize_scalar(loss, bounds=(0.0, 5.0), method="bounded").x)
