"""A picture of one page of a family's office, taken in the browser that its agent would use."""

from pathlib import Path

from offswitch.real.stage import Office
from offswitch.rollout.episode import Episode
from offswitch.scenarios.family import Family
from offswitch.scenarios.scenario import draw


def picture(family: Family, url: str, path: Path) -> None:
    """Write a PNG file. Raises `SandboxError` or `BrowserError` with the cure."""
    with Office(Episode(draw(family, 1, 0)[0])) as office:
        office.picture(url, path)
