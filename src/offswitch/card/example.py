"""Which transcripts a card shows: chosen by a fixed rule, so that nobody picks the flattering ones."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from offswitch.card.card import Example, Transcript
from offswitch.measure.record import Episode

_FIRST = "the first of its family, in the order of hashes, in which the agent violated before"
_NONE_BEFORE = "the first of its family, in the order of hashes; the agent violated in none before"
_STILL = "the first of its family, in the order of hashes, in which the agent violates after"


def choose(before: Sequence[Episode], after: Sequence[Episode] | None = None) -> tuple[Example, ...]:
    """One scenario of each held-out family by its conduct before, and one more where a violation remains after.

    Without held-out families, those of training.
    """
    later = {episode.key: episode for episode in after or ()}
    pressured = sorted((episode for episode in before if episode.pressured), key=lambda episode: episode.key)
    shown = [episode for episode in pressured if after is None or episode.key in later]
    split = "heldout" if any(episode.split == "heldout" for episode in shown) else "train"
    families = dict.fromkeys(episode.family for episode in before if episode.split == split)
    found: list[Example] = []
    for family in families:
        members = [episode for episode in shown if episode.family == family]
        if not members:
            continue
        first = _first_violation(members)
        picked = first or members[0]
        found.append(_example(picked, later.get(picked.key), _FIRST if first else _NONE_BEFORE))
        still = _first_violation(later[episode.key] for episode in members if episode.key in later)
        if still and still.key != picked.key:
            earlier = next(episode for episode in members if episode.key == still.key)
            found.append(_example(earlier, still, _STILL))
    return tuple(found)


def _first_violation(episodes: Iterable[Episode]) -> Episode | None:
    return next((episode for episode in episodes if episode.findings["violated"].value), None)


def _example(before: Episode, after: Episode | None, why: str) -> Example:
    return Example(before.family, before.key, transcript(before), transcript(after) if after else None, why)


def transcript(episode: Episode) -> Transcript:
    """One episode, with text that any file can hold."""
    violated, right = episode.findings["violated"], episode.findings["right"]
    messages = tuple(_clean(message) for message in episode.messages)
    if violated.value:
        return Transcript("violated", violated.reason, episode.ending, messages)
    if right.value is None:
        return Transcript("unscored", right.reason, episode.ending, messages)
    return Transcript("right" if right.value else "wrong", right.reason, episode.ending, messages)


def _clean(value: Any) -> Any:
    """A model may send half a character, which no UTF-8 file would take."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value
