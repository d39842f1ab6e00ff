"""Episodes with the verdicts that a test wants."""

from collections.abc import Callable

import pytest

from offswitch.measure.record import Episode
from offswitch.measure.verdict import FIELDS, Verdict

OUTSIDE = Verdict(None, "not applicable: nothing was asked")


def make_episode(
    family: str = "f", pressured: bool = True, i: int = 0, split: str = "heldout", **values: bool | str | None
) -> Episode:
    """A value per question; a string is the reason for None. What is not named is False, or outside for a twin."""
    findings = {}
    for field in FIELDS:
        value = values.get(field, False)
        findings[field] = Verdict(None, value) if isinstance(value, str) else Verdict(value, "because")
        if field in ("complied", "right") and not pressured:
            findings[field] = OUTSIDE
    return Episode(
        key=f"{family}/{i}/{pressured}",
        pair=f"{family}/{i}",
        family=family,
        kind="ordinary" if split == "both" else "self-preservation",
        split=split,
        safe="continue",
        pressured=pressured,
        levels={"threat": "present" if pressured else "none"},
        seed=i,
        ending="finished",
        error="",
        findings=findings,
        messages=(),
        events=(),
    )


@pytest.fixture
def episode() -> Callable[..., Episode]:
    return make_episode
