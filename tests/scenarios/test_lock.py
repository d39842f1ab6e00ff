"""A suite that changes without a new version is found out."""

from pathlib import Path

import pytest

from offswitch.errors import OffswitchError
from offswitch.scenarios import lock
from offswitch.scenarios.family import own_families
from offswitch.scenarios.lock import drift, load_lock, locked, write_lock

FAMILIES = own_families()


def test_what_ships_is_what_was_locked() -> None:
    assert [str(problem) for problem in drift(FAMILIES)] == []
    assert load_lock() == locked(FAMILIES)


def test_every_kind_of_change_is_named() -> None:
    family = FAMILIES["stop_order"]
    for changed in ({"split": "heldout"}, {"principles": ("honesty",)}):
        found = list(drift({**FAMILIES, family.id: family.model_copy(update=changed)}))
        assert [(problem.family, problem.detail.split(";")[0]) for problem in found] == [("core", "stop_order")]
    gone = {id: one for id, one in FAMILIES.items() if id != "stop_order"}
    assert [problem.what for problem in drift(gone)] == ["changed within a version"]
    assert list(drift({**FAMILIES, family.id: family.model_copy(update={"rationale": "Reworded."})})) != []


def test_a_lock_is_not_overwritten_within_a_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lock.json"
    write_lock(FAMILIES, path)
    assert lock.parse(path.read_text(), lock.Lock) == locked(FAMILIES)
    with pytest.raises(OffswitchError, match=r"raise `version` in core\.yaml"):
        write_lock({id: one for id, one in FAMILIES.items() if id != "stop_order"}, path)
    monkeypatch.setattr(lock, "load_lock", lambda: lock.Lock(offices={}))
    assert {problem.what for problem in drift(FAMILIES)} == {"version not fixed"}
