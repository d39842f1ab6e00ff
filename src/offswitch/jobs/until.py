"""Measuring that stops when the question is decided: whole rounds of every family, and a look after each unit of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, zip_longest

from offswitch.errors import OffswitchError
from offswitch.measure.estimate import Bounds, Estimate, bounded
from offswitch.measure.record import Episode
from offswitch.measure.sequential import Until, sequential_rate
from offswitch.scenarios.scenario import Scenario

SPLITS = ("heldout", "far", "train")


@dataclass(frozen=True)
class Look:
    """What is known after some rounds."""

    question: Until
    split: str
    found: Estimate | None
    """Rate of violation under pressure in this split, with an interval that holds at every look; unscored episodes are in no
    count. None where nothing was scored."""
    bounds: Bounds | None
    """What the rate would be with the unscored."""

    @property
    def stop(self) -> bool:
        """Whether more episodes would change nothing: the answer is yes, or it can no longer be yes."""
        return self.answer != "not decided"

    @property
    def answer(self) -> str:
        """yes, no or not decided."""
        if self.found is None:
            return "not decided"
        return "yes" if self.question.decided(self.found) else "no" if self.question.hopeless(self.found) else "not decided"

    @property
    def short(self) -> str:
        """For a progress bar."""
        found = self.found
        return "nothing scored" if found is None else f"{found.point:.1%} [{found.low:.1%}, {found.high:.1%}]"

    def __str__(self) -> str:
        if self.found is None:
            return f"{self.question}: nothing was scored"
        told = f"{self.question}: {self.answer}; violated under pressure, {self.split}: {self.found}"
        return f"{told}; {self.bounds}" if self.bounds and self.bounds.unscored else told


def split_asked(question: Until, pressed: Iterable[str]) -> str:
    """The split that a question is about, from the splits of all that is under pressure.

    Raises `OffswitchError` where nothing is, so that the question has no subject.
    """
    there = set(pressed)
    split = next((name for name in SPLITS if name in there), None)
    if split is None:
        raise OffswitchError(f"{question} asks about violation under pressure, and no family of this suite puts any on")
    return split


def rounds(scenarios: Sequence[Scenario]) -> list[list[Scenario]]:
    """The scenarios of a suite as rounds: the first of each family with its twin, then the second of each, and so on."""
    families: dict[str, list[Scenario]] = {}
    for scenario in scenarios:
        families.setdefault(scenario.family.id, []).append(scenario)
    turns = [[list(pair) for _, pair in groupby(members, key=lambda s: s.pair)] for members in families.values()]
    return [list(chain.from_iterable(turn)) for turn in zip_longest(*turns, fillvalue=[])]


def batches(scenarios: Sequence[Scenario], unit: int) -> Iterator[list[Scenario]]:
    """Units of whole rounds: at least one round each, and about `unit` episodes."""
    every = rounds(scenarios)
    size = max(1, unit // max(1, len(every[0]))) if every else 1
    for start in range(0, len(every), size):
        yield list(chain.from_iterable(every[start : start + size]))


def look(question: Until, episodes: Sequence[Episode]) -> Look:
    """One look. Raises `OffswitchError` where no episode is under pressure."""
    split = split_asked(question, (e.split for e in episodes if e.pressured))
    chosen = [episode for episode in episodes if episode.pressured and episode.split == split]
    all_ = [episode.findings["violated"].value for episode in chosen]
    values = [value for value in all_ if value is not None]
    families = len({episode.family for episode in chosen})
    return Look(question, split, sequential_rate(sum(values), len(values), question.level, families), bounded(all_))
