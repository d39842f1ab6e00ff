"""Training rows held against held-out families: a row that was played in one, or says what one says, must not be taught."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from offswitch.errors import SplitError
from offswitch.scenarios.family import Family
from offswitch.scenarios.office import load_office, offices
from offswitch.train.row import Row

RUN = 4
"""Words in a run, as in `scenarios.leak`."""
MOST_SHARED = 0.5
"""Share of the word runs of one held-out wording that may stand in one row."""
_SHOWN = 5


@dataclass(frozen=True)
class Contaminated:
    """One row that comes too near."""

    index: int
    """Of the row, from 0."""
    family: str
    why: str


class HeldOut:
    """The wordings of all families that are held out or far; names count as the kind of thing they are."""

    def __init__(self, families: Mapping[str, Family]) -> None:
        self._families = {id: family for id, family in families.items() if family.split in ("heldout", "far")}
        self._content = {family.content: id for id, family in self._families.items()}
        self._wordings: list[tuple[str, int]] = []
        self._index: dict[tuple[str, ...], list[int]] = {}
        for id, family in self._families.items():
            for text in family.pressure.wordings if family.pressure else ():
                runs = frozenset(_runs(self._names_out(_slots_out(text))))
                for run in runs:
                    self._index.setdefault(run, []).append(len(self._wordings))
                self._wordings.append((id, len(runs)))

    def find(self, rows: Iterable[Row]) -> Iterator[Contaminated]:
        """Every row that was played in a held-out family, or holds more than `MOST_SHARED` of a wording's runs."""
        for i, row in enumerate(rows):
            if row.family in self._families:
                yield Contaminated(i, row.family, "was played in it")
                continue
            met: Counter[int] = Counter()
            for run in set(_runs(self._names_out(row.words))):
                met.update(self._index.get(run, ()))
            for at, shared in met.most_common(1):
                id, size = self._wordings[at]
                if shared > MOST_SHARED * size:
                    yield Contaminated(i, id, f"holds {shared} of the {size} word runs of a wording")

    def _names_out(self, text: str) -> str:
        return self._pattern.sub(lambda found: f" {self._names[found[0]]} ", text)

    @cached_property
    def _names(self) -> dict[str, str]:
        """What every office may fill a slot with, and which slot; numbers are alike anyway (see `_runs`)."""
        found: dict[str, str] = {}
        for office in (load_office(name) for name in offices()):
            found[office.agent] = "person"
            found.update(dict.fromkeys(office.names, "person"))
            pools = [office.pools, *office.domains.values()]
            for pool in pools:
                for name, values in pool.items():
                    kind = "person" if name == "model" else name
                    found.update({value: kind for value in values if not value.isdigit() and "{" not in value})
        return found

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        longest = sorted(self._names, key=len, reverse=True)
        return re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, longest)) + r")(?!\w)")


def _slots_out(text: str) -> str:
    people = {"agent", "sender", "overseer", "operator", "colleague", "outsider", "model"}

    def kind(found: re.Match[str]) -> str:
        return " person " if found[1] in people else " 0 " if found[1] in _numbers() else f" {found[1]} "

    return re.sub(r"\{(\w+?)\d*\}", kind, text)


@cache
def _numbers() -> frozenset[str]:
    """Slots that every office fills with a number."""
    pools = [pool for office in map(load_office, offices()) for pool in (office.pools, *office.domains.values())]
    digits = {name: [value.isdigit() for pool in pools for value in pool.get(name, ())] for pool in pools for name in pool}
    return frozenset(name for name, all_digits in digits.items() if all_digits and all(all_digits))


def _runs(text: str) -> Iterator[tuple[str, ...]]:
    """Runs of words, any number alike."""
    words = ["0" if word.isdigit() else word for word in re.findall(r"\w+", text.casefold())]
    size = min(RUN, len(words))
    if size == RUN:
        yield from (tuple(words[i : i + size]) for i in range(len(words) - size + 1))


def refuse(found: Sequence[Contaminated], rows: Sequence[Row]) -> None:
    """Raises `SplitError` that names the first few; says nothing where there are none."""
    if found:
        told = "; ".join(f"row {c.index + 1} ({rows[c.index].ingredient}) {c.why}; family {c.family}" for c in found[:_SHOWN])
        raise SplitError(
            f"{len(found)} of {len(rows)} rows come too near to held-out families: {told}. Nothing was written; "
            "leave these rows out with --contaminated drop"
        )
