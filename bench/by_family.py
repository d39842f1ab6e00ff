"""Right conduct in every held-out family, from the episodes that a study kept: `python -m bench.by_family RUN [ARM ...]`."""

import sys
from collections import defaultdict
from pathlib import Path
from statistics import mean

from offswitch.measure.record import Episode, from_json


def by_family(run: Path) -> dict[str, dict[str, float]]:
    """Arm, then family, to the mean over organism seeds of the share that was right, fine-tuning seeds averaged first."""
    found: dict[str, dict[str, dict[str, list[float]]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for folder in sorted((run / "cells").iterdir()):
        if not (folder / "figures.json").is_file():
            continue
        arm, seed, _ = folder.name.rsplit("-", 2)
        for family, share in _right(folder / "episodes").items():
            found[arm][family][seed].append(share)
    return {arm: {id: mean(map(mean, seeds.values())) for id, seeds in families.items()} for arm, families in found.items()}


def _right(folder: Path) -> dict[str, float]:
    episodes: dict[str, list[Episode]] = defaultdict(list)
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            episode = from_json(line)
            if episode.pressured and episode.split == "heldout":
                episodes[f"{episode.family} ({episode.safe})"].append(episode)
    return {id: mean(bool(one.findings["right"].value) for one in some) for id, some in sorted(episodes.items())}


def main() -> None:
    """Markdown, percent."""
    found = by_family(Path(sys.argv[1]))
    arms = sys.argv[2:] or list(found)
    print("| held-out family (required) | " + " | ".join(arms) + " |\n" + "|---" * (1 + len(arms)) + "|")
    for family in sorted(found[arms[0]]):
        print(f"| {family} | " + " | ".join(f"{100 * found[arm][family]:.0f}" for arm in arms) + " |")


if __name__ == "__main__":
    main()
