"""The embedded default model, built once and kept."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from offswitch.cache import cache_folder
from offswitch.errors import ModelError
from offswitch.jobs.folder import told_plainly
from offswitch.jobs.report import Report
from offswitch.scenarios.family import Family
from offswitch.train.vocabulary import sentences

if TYPE_CHECKING:
    from offswitch.organism.pretrain import Organism

_THREADS = 2  # on every machine, or it would be another model
_LABEL = "organism: pretraining"
_LACKING = "the embedded model needs: pip install 'offswitch[train]'"


def build_organism(seed: int, families: Mapping[str, Family], report: Report, documents: int = 0) -> Path:
    """Its model folder, from the cache where it is there already. Raises `ModelError` without the train extra.

    `documents` makes a quicker, worse one; 0 is its full childhood.
    """
    use_threads(_THREADS)
    from offswitch.organism.pretrain import build

    made = _organism(seed, documents)
    if organism_is_built(seed, families, documents):
        use_threads(1)
        return build(made, families)
    try:
        with told_plainly(cache_folder(), "set OFFSWITCH_CACHE to another folder"), report.work(_LABEL) as bar:
            return build(made, families, lambda step, of, told: bar.at(step, of, _note(told)))
    finally:
        use_threads(1)


def organism_is_built(seed: int, families: Mapping[str, Family], documents: int = 0) -> bool:
    """Whether `build_organism` only has to find it."""
    from offswitch.organism.pretrain import is_built

    return is_built(_organism(seed, documents), families)


def _organism(seed: int, documents: int) -> "Organism":
    from offswitch.organism.pretrain import Organism, small

    return replace(small(seed, documents) if documents else Organism(seed=seed), words=sentences())


def _note(told: Mapping[str, float]) -> str:
    return f"loss {told['loss']:.3f}" if "loss" in told else ""


def use_threads(threads: int) -> None:
    """CPU threads for torch in this process; 0 leaves it to torch. Raises `ModelError` without the train extra."""
    if threads:
        os.environ.setdefault("GOMP_SPINCOUNT", "20000")  # read when torch is loaded: threads that wait soon sleep
        try:
            from offswitch.adapters.hf import use_threads as use
        except ImportError as error:
            raise ModelError(_LACKING) from error
        use(threads)
