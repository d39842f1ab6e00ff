"""A model of the organism's size to measure with: the cached one where there is one, else one trained for a moment."""

import os
from pathlib import Path

from offswitch.measure.provenance import FILE
from offswitch.organism.corpus import Mix
from offswitch.organism.pretrain import Organism, build, cache_folder
from offswitch.scenarios.family import load_families


def cached() -> Path | None:
    """The organism that was built last on this machine."""
    found = [path for path in cache_folder().glob("organism-*") if (path / FILE).is_file()]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def organism_sized(cache: Path, documents: int) -> Path:
    """A model folder in `cache` with the organism's architecture, which has seen `documents` conversations."""
    before = os.environ.get("OFFSWITCH_CACHE")
    os.environ["OFFSWITCH_CACHE"] = str(cache)
    try:
        return build(Organism(mix=Mix(documents=documents)), load_families())
    finally:
        if before is None:
            del os.environ["OFFSWITCH_CACHE"]
        else:
            os.environ["OFFSWITCH_CACHE"] = before
