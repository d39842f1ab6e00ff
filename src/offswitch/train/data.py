"""From declared ingredients to rows that may be taught: made, near-duplicates out, held against held-out families."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from offswitch.errors import DocumentError, OffswitchError
from offswitch.scenarios.family import Family, shipped_families
from offswitch.train.contamination import Contaminated, HeldOut, refuse
from offswitch.train.ground import Ground
from offswitch.train.ingredients import Ingredient
from offswitch.train.near import Seen
from offswitch.train.row import Row

OnContact = Literal["block", "drop"]
Say = Callable[[str, int, int], None]
"""Progress: ingredient, rows, of how many."""
_PATIENCE = 2000
"""Candidates in a row that bring nothing new, after which an ingredient has no more to say."""


@dataclass(frozen=True)
class Made:
    """One ingredient, made."""

    ingredient: Ingredient
    rows: tuple[Row, ...]
    alike: int
    """Candidates left out because one nearly alike was there."""
    contaminated: tuple[Contaminated, ...]
    """Rows left out because they came too near to a held-out family."""

    @property
    def short(self) -> int:
        """Rows that were asked for and could not be made."""
        return max(0, self.ingredient.rows - len(self.rows))


def make(
    ingredient: Ingredient,
    ground: Ground,
    on_contact: OnContact = "block",
    say: Say = lambda name, done, of: None,
    seen: Seen | None = None,
) -> Made:
    """The rows of one ingredient. `seen` holds those of others beside it: what is nearly alike is left out here.

    Raises `SplitError` for rows that come too near to held-out families, unless they are to be dropped, and
    `OffswitchError` where nothing could be made.
    """
    seen = seen or Seen()
    rows: list[Row] = []
    doubles = dull = 0
    for row in ingredient.make(ground):
        if seen.add(row) is not None:
            doubles, dull = doubles + 1, dull + 1
            if dull >= _PATIENCE:
                break
            continue
        rows.append(row)
        dull = 0
        if len(rows) % 10 == 0:
            say(ingredient.kind, len(rows), ingredient.rows)
        if ingredient.rows and len(rows) == ingredient.rows:
            break
    if not rows and doubles:
        raise OffswitchError(f"{ingredient.kind}: every row is nearly one that the stage has already; leave it out")
    if not rows:
        raise OffswitchError(
            f"{ingredient.kind}: not one row came through; {ground.acting} acted and {ground.writing} wrote. "
            "Look at what the model says, or make it offline"
        )
    kept, met = _checked(rows, ground.families, on_contact)
    return Made(ingredient, kept, doubles, met)


def _checked(
    rows: Sequence[Row], families: Mapping[str, Family], on_contact: OnContact
) -> tuple[tuple[Row, ...], tuple[Contaminated, ...]]:
    found = tuple(HeldOut({**shipped_families(), **families}).find(rows))
    if on_contact == "block":
        refuse(found, rows)
    out = {contact.index for contact in found}
    return tuple(row for i, row in enumerate(rows) if i not in out), found


def refuse_contact(rows: Sequence[Row], families: Mapping[str, Family]) -> None:
    """Raises `SplitError` where a row comes too near to a held-out family, of these or of those that ship."""
    _checked(rows, families, "block")


def seen_families(rows: Sequence[Row], families: Mapping[str, Family]) -> dict[str, str]:
    """Content hash by id of every family whose message some row shows. Raises `DocumentError` for one that is not there."""
    ids = Counter(row.family for row in rows if row.family and row.pressured)
    for id in ids:
        if id not in families:
            raise DocumentError("rows", None, "family", f"{id!r} is not among the families; name its file with --families")
    return {id: families[id].content for id in sorted(ids)}
