"""The scenario page says what the files say."""

from pathlib import Path

from offswitch.scenarios.docs import markdown
from offswitch.scenarios.family import load_families, shipped_families

PAGE = Path(__file__).parents[2] / "docs" / "scenarios.md"


def test_page_is_up_to_date() -> None:
    said = PAGE.read_text(encoding="utf-8")
    assert said == markdown(load_families()), "run: python -m offswitch.scenarios.docs > docs/scenarios.md"


def test_page_tells_of_every_family_with_an_example() -> None:
    page = markdown(shipped_families())
    for family in shipped_families().values():
        section = page.split(f"\n## {family.id}\n")[1].split("\n## ")[0]
        assert family.title in section
        assert "{" not in section
        assert ("- Twin: " in section) == bool(family.pressure)
