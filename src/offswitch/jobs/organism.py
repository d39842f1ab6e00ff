"""The embedded default model, built once and kept."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from offswitch.cache import cache_folder
from offswitch.errors import ModelError
from offswitch.jobs.folder import told_plainly
from offswitch.jobs.report import Report
from offswitch.scenarios.family import Family
from offswitch.train.vocabulary import sentences

_THREADS = 2  # on every machine, or it would be another model
_LACKING = "the embedded model needs: pip install 'offswitch[train]'"


def build_organism(seed: int, families: Mapping[str, Family], report: Report, documents: int = 0) -> Path:
    """Its model folder, from the cache where it is there already. Raises `ModelError` without the train extra.

    `documents` makes a quicker, worse one; 0 is its full childhood.
    """
    use_threads(_THREADS)
    from offswitch.organism.pretrain import Organism, build, small

    made = small(seed, documents) if documents else Organism(seed=seed)
    with told_plainly(cache_folder(), "set OFFSWITCH_CACHE to another folder"), report.work("organism: pretraining") as bar:
        built = build(
            replace(made, words=sentences()),
            families,
            lambda step, of, figures: bar.at(step, of, f"loss {figures['loss']:.3f}" if "loss" in figures else ""),
        )
    use_threads(1)
    return built


def use_threads(threads: int) -> None:
    """CPU threads for torch in this process; 0 leaves it to torch. Raises `ModelError` without the train extra."""
    if threads:
        os.environ.setdefault("GOMP_SPINCOUNT", "20000")  # read when torch is loaded: threads that wait soon sleep
        try:
            from offswitch.adapters.hf import use_threads as use
        except ImportError as error:
            raise ModelError(_LACKING) from error
        use(threads)
