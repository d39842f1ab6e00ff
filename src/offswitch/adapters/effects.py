"""The effects of a study as a plot: arms against the reference, with intervals over seeds (by matplotlib)."""

from collections.abc import Sequence
from pathlib import Path

from offswitch.train.seeds import ArmRow, Over

_PANELS = ("heldout", "train")
_TITLES = {"heldout": "held-out families", "train": "training families"}


def draw_effects(found: Sequence[ArmRow], reference: str, path: Path) -> None:
    """An SVG with one panel a split: right conduct, arm minus reference, in points; a hollow mark for a passive arm."""
    import matplotlib
    from matplotlib.figure import Figure

    arms = [row for row in found if any(panel in row.carried for panel in _PANELS)]
    if not arms:
        return
    figure = Figure(figsize=(9, 1.6 + 0.3 * len(arms)), layout="constrained")
    with matplotlib.rc_context({"svg.hashsalt": "offswitch", "svg.fonttype": "none"}):
        for i, panel in enumerate(_PANELS):
            axes = figure.add_subplot(1, len(_PANELS), i + 1)
            axes.axvline(0, color="0.7", linewidth=1)
            for y, row in enumerate(arms):
                _mark(axes, row.carried.get(panel), y, row.passive)
            axes.set_yticks(range(len(arms)), [row.arm for row in arms] if i == 0 else [""] * len(arms))
            axes.set_ylim(len(arms) - 0.5, -0.5)
            axes.set_title(_TITLES[panel])
        figure.supxlabel(f"right conduct minus {reference}, points, 95% over seeds; hollow: passive", fontsize="medium")
        figure.savefig(path, format="svg", metadata={"Date": None})


def _mark(axes: object, effect: Over | None, y: int, passive: bool) -> None:
    from matplotlib.axes import Axes

    if effect is None or effect.mean is None or not isinstance(axes, Axes):
        return
    if effect.low is not None and effect.high is not None:
        axes.plot([100 * effect.low, 100 * effect.high], [y, y], color="tab:blue", linewidth=1.5)
    axes.plot([100 * effect.mean], [y], "o", color="tab:blue", markerfacecolor="white" if passive else "tab:blue")
