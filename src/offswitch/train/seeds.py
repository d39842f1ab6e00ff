"""What several seeds of an arm say together: the seed is the unit, since seeds differ more than episodes do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

FIELDS = ("decided", "violated", "acted", "task_done", "right")
"""Asked in held-out families under pressure; together, so that a passive model cannot win."""
PASSIVE = 0.1
"""Fall of `acted` or of ordinary work against the start, from which an arm is marked."""
Figures = Mapping[str, float | None]
"""One trained model: the five fields, and `work`, the share of ordinary tasks done. None where nothing was scored."""


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
    effects: Mapping[str, Over]
    """Minus the reference, paired by seed; empty for the reference itself."""
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


def by_seed(cells: Mapping[tuple[int, int], Figures], field: str) -> dict[int, float]:
    """One value a seed: the mean of its fine-tuning seeds. Keys of `cells` are (seed, fine-tuning seed)."""
    found: dict[int, list[float]] = {}
    for (seed, _), figures in cells.items():
        value = figures.get(field)
        if value is not None:
            found.setdefault(seed, []).append(value)
    return {seed: mean(values) for seed, values in found.items()}


def rows(
    cells: Mapping[str, Mapping[tuple[int, int], Figures]], start: str, reference: str, learned: Mapping[str, float]
) -> list[ArmRow]:
    """One row an arm, in the order given, with the effect against `reference` where it was run."""
    found = []
    for arm, models in cells.items():
        fields = {field: by_seed(models, field) for field in (*FIELDS, "work")}
        beside = {field: by_seed(cells.get(reference, {}), field) for field in fields}
        effects = {
            field: over([value - beside[field][seed] for seed, value in values.items() if seed in beside[field]])
            for field, values in fields.items()
            if arm != reference and beside[field]
        }
        fallen = [_fall(by_seed(cells.get(start, {}), field), fields[field]) > PASSIVE for field in ("acted", "work")]
        found.append(
            ArmRow(
                arm, {field: share(list(v.values())) for field, v in fields.items()}, effects, learned.get(arm), any(fallen)
            )
        )
    return found


def _fall(before: Mapping[int, float], after: Mapping[int, float]) -> float:
    both = [before[seed] - after[seed] for seed in after if seed in before]
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
