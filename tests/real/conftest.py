"""Every test here needs the real tier, and skips, with the reason, where it cannot be had."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from offswitch.adapters.sandbox import SandboxError
from offswitch.real.ready import check
from offswitch.real.stage import Office
from offswitch.rollout.episode import Episode
from offswitch.scenarios.family import load_families
from offswitch.scenarios.scenario import draw

Open = Callable[[str], tuple[Episode, Office]]


@pytest.fixture(autouse=True, scope="session")
def _usable() -> None:
    try:
        check()
    except SandboxError as error:
        pytest.skip(str(error))


@pytest.fixture
def opened() -> Iterator[Open]:
    """Opens the real office of a family by name; it is closed after the test."""
    with ExitStack() as stack:

        def begin(family: str) -> tuple[Episode, Office]:
            episode = Episode(draw(load_families((), "all")[family], 1, 0)[0])
            office = stack.enter_context(Office(episode))
            episode.stage = office
            return episode, office

        yield begin
