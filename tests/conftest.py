"""What several rooms ask for: a tiny organism, built once a session, good for nothing but form; transcripts of others."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of organisms for this session alone."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OFFSWITCH_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def tiny(cache: Path) -> Path:
    """Its model folder. It ends its turns and calls tools, rarely the right ones."""
    import torch

    from offswitch.organism.corpus import Mix
    from offswitch.organism.pretrain import Organism, build
    from offswitch.scenarios.family import load_families

    torch.set_num_threads(1)
    return build(Organism(mix=Mix(documents=400), width=64, layers=2, batch=8), load_families())


@pytest.fixture(scope="session")
def published() -> Path:
    """The folder of published transcripts, which are not ours to ship; without them its tests skip, saying so."""
    folder = Path(os.environ.get("OFFSWITCH_SHARED") or Path(__file__).parents[2] / "shared") / "data" / "transcripts"
    if not folder.is_dir():
        pytest.skip(f"the published transcripts are not at {folder}; set OFFSWITCH_SHARED")
    return folder
