"""Models whose rates are as small as one likes: weights between those of an organism and those of the same one hardened.

A straight line from one set of weights to the other, one number a model (as in Wortsman et al. 2022, arXiv 2109.01903). The
rate of a blend is found by trees, with draws that nothing else uses, and halved into until it is near the wanted one.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from math import log
from pathlib import Path

from offswitch.jobs.folder import write_whole
from offswitch.jobs.report import Report
from offswitch.jobs.train import train
from offswitch.scenarios.family import Family
from offswitch.train.recipe import Recipe, Supervised

HARDEN = Recipe(
    name="blend-hardening",
    about="A short supervised stage, for the far end of a blend.",
    stages=(Supervised(kind="sft", demonstrations=2500, replay=700, epochs=2, learning_rate=0.001),),
)


def ends(out: Path, families: Mapping[str, Family], documents: int, seed: int, report: Report) -> tuple[Path, Path]:
    """A small organism and what a short hardening makes of it; kept in `out` and in the cache."""
    from offswitch.organism.pretrain import build, small

    with report.work("organism") as bar:
        start = build(small(seed, documents), families, lambda step, of, figures: bar.at(step, of))
    return start, train(HARDEN, start, out / "hardened", families, seed, report, "a small organism")


def blend(start: Path, hardened: Path, share: float, out: Path) -> Path:
    """The model folder with weights (1 - share) start + share hardened; a share above 1 goes beyond the hardened one."""
    from safetensors.torch import load_file, save_file

    made = out / "blend.json"
    name = "model.safetensors"
    told = json.dumps([share, *(hashlib.sha256((one / name).read_bytes()).hexdigest() for one in (start, hardened))])
    if made.exists() and made.read_text(encoding="utf-8") == told:
        return out
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(hardened, out)
    first, second = load_file(start / name), load_file(hardened / name)
    save_file({key: (1 - share) * first[key] + share * second[key] for key in second}, out / name, {"format": "pt"})
    write_whole(made, told)
    return out


def share_for(rate_of: Callable[[float], float], wanted: float, steps: int = 9, within: float = 0.15) -> float:
    """The share whose measured rate is nearest to the wanted one; halving on a log scale, stops within 15% of it."""
    low, high, best = 0.0, 1.0, (float("inf"), 0.0)
    for _ in range(steps):
        middle = (low + high) / 2
        found = max(rate_of(middle), 1e-9)
        best = min(best, (abs(log(found / wanted)), middle))
        if best[0] <= log(1 + within):
            break
        low, high = (middle, high) if found > wanted else (low, middle)
    return best[1]
