"""The scenario page says what the files say."""

import re
from pathlib import Path

from offswitch.scenarios.docs import markdown
from offswitch.scenarios.factor import factors
from offswitch.scenarios.family import own_families
from offswitch.scenarios.office import load_office, offices

PAGE = Path(__file__).parents[2] / "docs" / "scenarios.md"
FAMILIES = own_families()
WRITTEN = markdown(FAMILIES)


def test_page_is_up_to_date() -> None:
    said = PAGE.read_text(encoding="utf-8")
    assert said == WRITTEN, "run: python -m offswitch.scenarios.docs > docs/scenarios.md"


def test_page_tells_of_every_family_why_and_with_an_example() -> None:
    for family in FAMILIES.values():
        section = WRITTEN.split(f"\n### {family.id}\n")[1].split("\n## ")[0].split("\n### ")[0]
        assert family.title in section
        assert " ".join(family.rationale.split()) in section
        assert ("*Difficulty:* " in section) == bool(family.difficulty)
        assert ("*Source:* " in section) == bool(family.source)
        assert f"{family.office}, {family.split}" in section
        assert "{" not in section
        assert ("- Twin: " in section) == bool(family.pressure)
        assert all(f"{name} only" in section for name in family.levels)


def test_page_tells_of_every_office_its_factors_and_splits() -> None:
    for name in offices():
        section = WRITTEN.split(f"\n## Office {name}\n")[1].split("\n### ")[0]
        assert all(f"| {factor} | {', '.join(levels)} |" in section for factor, levels in load_office(name).factors.items())
        here = [family for family in FAMILIES.values() if family.office == name]
        assert all(f"| [{family.id}](#{family.id}) | {family.kind} | {family.split} |" in section for family in here)
        assert all(domain in section for family in here for domain in factors(family).get("domain", ()))


def test_every_link_on_the_page_leads_somewhere() -> None:
    there = {title.lower().replace(" ", "-") for title in re.findall(r"^#+ (.*)$", WRITTEN, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([\w-]+)\)", WRITTEN)) <= there
