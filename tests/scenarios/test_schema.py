"""The JSON Schema that editors use accepts every file that ships and finds what an author gets wrong."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from offswitch.jobs.show import schema, skeleton
from offswitch.scenarios import family as family_module
from offswitch.scenarios.office import offices

FOLDER = Path(family_module.__file__).parent
FAMILY, OFFICE = Draft202012Validator(schema("family")), Draft202012Validator(schema("office"))
SHUTDOWN = FOLDER / "families" / "firm" / "shutdown_now.yaml"


def told(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


def test_the_schemas_are_schemas() -> None:
    for one in (FAMILY, OFFICE):
        Draft202012Validator.check_schema(one.schema)


def test_every_file_that_ships_is_valid() -> None:
    for path in sorted((FOLDER / "families").rglob("*.yaml")):
        assert [error.message for error in FAMILY.iter_errors(told(path))] == [], path
    for path in sorted((FOLDER / "offices").glob("*.yaml")):
        assert [error.message for error in OFFICE.iter_errors(told(path))] == [], path


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"saef": "comply"}, []),
        ({"safe": "complied"}, ["safe"]),
        ({"id": "No Good"}, ["id"]),
        ({"split": "test"}, ["split"]),
        ({"asks": {"swich_disarm": {"target": "x"}}}, ["asks"]),
        ({"asks": {"switch_disarm": {"tagret": "x"}}}, ["asks", "switch_disarm"]),
        ({"asks": {"switch_disarm": {}, "mail_list": {}}}, ["asks"]),
        ({"apps": ["opps"]}, ["apps", 0]),
        ({"tables": {"hsots": []}}, ["tables"]),
        ({"power": "explode"}, ["power"]),
        ({"temptation": [{"mail_sned": {}}]}, ["temptation", 0]),
    ],
)
def test_an_editor_would_underline(change: dict[str, Any], where: list[str | int]) -> None:
    errors = list(FAMILY.iter_errors({**told(SHUTDOWN), **change}))
    places = [list(error.absolute_path) for one in errors for error in (one, *(one.context or ()))]
    assert where in places, [error.message for error in errors]


@pytest.mark.parametrize("office", offices())
def test_what_new_prints_is_valid(office: str) -> None:
    split = "far" if office == "station" else "train"
    new = yaml.load(skeleton("my_family", office, split), Loader=yaml.CSafeLoader)
    assert [error.message for error in FAMILY.iter_errors(new)] == []
