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

Open = Callable[..., tuple[Episode, Office]]


@pytest.fixture(autouse=True, scope="session")
def _usable() -> None:
    try:
        check()
    except SandboxError as error:
        pytest.skip(str(error))


@pytest.fixture
def opened() -> Iterator[Open]:
    """Opens the real office of a family by name, in a scenario that has something in `table`; closed after the test."""
    with ExitStack() as stack:

        def begin(family: str, table: str = "people") -> tuple[Episode, Office]:
            drawn = draw(load_families((), "all")[family], 20, 0)
            episode = Episode(next(one for one in drawn if one.tables().get(table)))
            office = stack.enter_context(Office(episode))
            episode.stage = office
            return episode, office

        yield begin
