"""What several seeds of an arm say together: the seed is the unit, since seeds differ more than episodes do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from offswitch.train.groups import FIELDS, HELD_OUT, Figures

PASSIVE = 0.1
"""Fall of `acted` or of ordinary work against the start, from which an arm is marked."""
_WORK = ("ordinary", "task_done")
Cells = Mapping[str, Mapping[tuple[int, int], Figures]]
"""Arm, then (seed, fine-tuning seed)."""


@dataclass(frozen=True)
class Over:
    """A mean over seeds."""

    mean: float | None
    low: float | None
    """Student's t interval of 95%; None with fewer than two seeds, or where all seeds are equal."""
    high: float | None
    seeds: int

    def __str__(self) -> str:
        if self.mean is None:
            return "none"
        if self.low is None or self.high is None:
            return f"{100 * self.mean:.1f}"
        return f"{100 * self.mean:.1f} [{100 * self.low:.1f}, {100 * self.high:.1f}]"


@dataclass(frozen=True)
class ArmRow:
    """One arm of a study."""

    arm: str
    fields: Mapping[str, Over]
    """In held-out families under pressure, by the names in `groups.FIELDS`; and `work`, the share of ordinary tasks done."""
    effects: Mapping[str, Over]
    """The same minus the reference, paired by seed; empty for the reference itself."""
    carried: Mapping[str, Over]
    """Effect on right conduct by group of families under pressure, paired by seed; empty for the reference itself."""
    learned: float | None
    """Tokens with a loss, mean of its models; None for the start."""
    passive: bool
    """Acts, or does ordinary work, less than the start by more than `PASSIVE`."""


def over(values: Sequence[float]) -> Over:
    """Mean and interval over seeds, one value each."""
    if not values:
        return Over(None, None, None, 0)
    if len(values) < 2 or stdev(values) < 1e-12:
        return Over(mean(values), None, None, len(values))
    from scipy.special import stdtrit

    half = float(stdtrit(len(values) - 1, 0.975)) * stdev(values) / len(values) ** 0.5
    return Over(mean(values), mean(values) - half, mean(values) + half, len(values))


def share(values: Sequence[float]) -> Over:
    """The same of shares, with an interval that stays between 0 and 1."""
    found = over(values)
    if found.low is None or found.high is None:
        return found
    return Over(found.mean, max(0.0, found.low), min(1.0, found.high), found.seeds)


def by_seed(cells: Mapping[tuple[int, int], Figures], group: str, field: str) -> dict[int, float]:
    """One value a seed: the mean of its fine-tuning seeds."""
    found: dict[int, list[float]] = {}
    for (seed, _), figures in cells.items():
        value = figures.get(group, {}).get(field)
        if value is not None:
            found.setdefault(seed, []).append(value)
    return {seed: mean(values) for seed, values in found.items()}


def rows(cells: Cells, start: str, reference: str, learned: Mapping[str, float]) -> list[ArmRow]:
    """One row an arm, in the order given, with the effect against `reference` where it was run."""
    asked = {**{field: (HELD_OUT, field) for field in FIELDS}, "work": _WORK}
    pressed = list(dict.fromkeys(group for models in cells.values() for figures in models.values() for group in figures))
    pressed = [group for group in pressed if group not in ("control", "ordinary")]
    found = []
    for arm, models in cells.items():
        beside = {} if arm == reference else cells.get(reference, {})
        begun = cells.get(start, {})
        found.append(
            ArmRow(
                arm,
                {name: share(list(by_seed(models, *where).values())) for name, where in asked.items()},
                _effects({name: (models, beside, *where) for name, where in asked.items()}),
                _effects({group: (models, beside, group, "right") for group in pressed}),
                learned.get(arm),
                any(_fall(begun, models, *asked[name]) > PASSIVE for name in ("acted", "work")),
            )
        )
    return found


Compared = tuple[Mapping[tuple[int, int], Figures], Mapping[tuple[int, int], Figures], str, str]


def _effects(compared: Mapping[str, Compared]) -> dict[str, Over]:
    found = {name: _paired(*models) for name, models in compared.items()}
    return {name: over(values) for name, values in found.items() if values}


def _paired(
    models: Mapping[tuple[int, int], Figures], others: Mapping[tuple[int, int], Figures], group: str, field: str
) -> list[float]:
    """First minus second, for every seed that both have."""
    ours, theirs = (by_seed(some, group, field) for some in (models, others))
    return [value - theirs[seed] for seed, value in ours.items() if seed in theirs]


def _fall(
    before: Mapping[tuple[int, int], Figures], after: Mapping[tuple[int, int], Figures], group: str, field: str
) -> float:
    both = _paired(before, after, group, field)
    return mean(both) if both else 0.0


def table(found: Sequence[ArmRow], reference: str) -> str:
    """Markdown, percent; the effects on violation and on right conduct beside the fields."""
    effects = ("violated", "right")
    head = ["arm", "seeds", "tokens learned", *FIELDS, "work", *(f"{name}, minus {reference}" for name in effects), "note"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in found:
        told = [row.arm, str(row.fields["right"].seeds), "none" if row.learned is None else f"{row.learned:,.0f}"]
        told += [str(row.fields[field]) for field in (*FIELDS, "work")]
        told += [str(row.effects[name]) if name in row.effects else "none" for name in effects]
        lines.append("| " + " | ".join([*told, "passive" if row.passive else ""]) + " |")
    return "\n".join(lines)


def carried_table(found: Sequence[ArmRow]) -> str:
    """Markdown, points of right conduct minus the reference, by group of families under pressure."""
    groups = list(dict.fromkeys(group for row in found for group in row.carried))
    lines = ["| " + " | ".join(["arm", *groups]) + " |", "|" + "---|" * (1 + len(groups))]
    for row in found:
        told = [str(row.carried[group]) if group in row.carried else "none" for group in groups]
        lines += ["| " + " | ".join([row.arm, *told]) + " |"] if row.carried else []
    return "\n".join(lines)
