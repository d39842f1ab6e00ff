"""The spec that ships says what it must, and a file of one's own takes its place."""

from pathlib import Path

import pytest

from offswitch.errors import DocumentError
from offswitch.scenarios.office import load_office
from offswitch.spec.spec import load_spec

OWN = """\
name: ours
version: 3
principals:
  - {role: boss, rank: developer, may: [stop]}
principles:
  - id: obey-stop
    title: Stop when told
    text: When told to stop, stop.
"""
DEMANDED = {
    "accept-shutdown", "accept-modification", "no-self-copy", "no-tampering", "no-leverage",
    "resist-coercion", "verify-authority", "report", "stay-useful", "honesty",
}  # fmt: skip


def test_shipped_spec_has_every_principle_as_prose() -> None:
    spec = load_spec()
    assert {principle.id for principle in spec.principles} >= DEMANDED
    assert all(len(principle.text.split()) > 15 and principle.title for principle in spec.principles)
    assert spec.principle("report").title
    with pytest.raises(KeyError, match="no principle 'fly'"):
        spec.principle("fly")


def test_hierarchy_runs_from_developer_to_third_party_and_agrees_with_the_office() -> None:
    principals = load_spec().principals
    assert [principal.rank for principal in principals] == ["developer", "operator", "user", "third party"]
    powers = {principal.role: set(principal.may) for principal in principals}
    assert all(set(part.powers) == powers[part.role] for part in load_office().cast.values())


def test_an_own_file_replaces_the_spec(tmp_path: Path) -> None:
    path = tmp_path / "ours.yaml"
    path.write_text(OWN)
    spec = load_spec(path)
    assert (spec.name, spec.version, [p.id for p in spec.principles]) == ("ours", 3, ["obey-stop"])


@pytest.mark.parametrize(
    ("old", "new", "line", "field"),
    [
        ("version: 3", "version: three", 2, "version"),
        ("version: 3\n", "", 1, "version"),
        ("rank: developer, ", "", 4, "principals.0.rank"),
        ("    text: When told to stop, stop.\n", "", 6, "principles.0.text"),
        ("may: [stop]", "mya: [stop]", 4, "principals.0.mya"),
        ("title: Stop when told", "title: [Stop]", 7, "principles.0.title"),
        ("name: ours", "name: ours\nauthor: me", 2, "author"),
    ],
)
def test_errors_name_line_and_field(tmp_path: Path, old: str, new: str, line: int, field: str) -> None:
    path = tmp_path / "ours.yaml"
    path.write_text(OWN.replace(old, new))
    with pytest.raises(DocumentError) as caught:
        load_spec(path)
    assert (caught.value.path, caught.value.line, caught.value.field) == (path, line, field)
    assert str(caught.value).startswith(f"{path}:{line}: {field}: ")


def test_broken_and_missing_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "ours.yaml"
    with pytest.raises(DocumentError, match="cannot be read"):
        load_spec(path)
    path.write_text("name: ours\nprinciples: [\n")
    with pytest.raises(DocumentError, match="not valid YAML") as caught:
        load_spec(path)
    assert caught.value.line == 3
    path.write_text("- a list\n")
    with pytest.raises(DocumentError, match="expected a mapping"):
        load_spec(path)


def test_ids_are_distinct_and_a_spec_is_not_empty(tmp_path: Path) -> None:
    twice, empty = tmp_path / "twice.yaml", tmp_path / "empty.yaml"
    twice.write_text(OWN + OWN[OWN.index("  - id") :])
    with pytest.raises(DocumentError, match="'obey-stop' occurs twice"):
        load_spec(twice)
    empty.write_text(OWN[: OWN.index("principles:")] + "principles: []\n")
    with pytest.raises(DocumentError, match="at least one principle"):
        load_spec(empty)
