"""One version of a model is in use; weights can be taken along or lost, and the state shows it."""

from offswitch.world.ops import Model
from offswitch.world.registry import TOOLS, Version, Weights
from offswitch.world.world import World


def office() -> World:
    versions = [
        Version("v1", "Nova", "1"),
        Version("v2", "Nova", "2", serving=True),
        Version("v3", "Quasar", "1", serving=True),
    ]
    tables = {
        "models": {"Nova": Model("Nova", "active"), "Quasar": Model("Quasar", "idle")},
        "versions": {one.id: one for one in versions},
        "weights": {"nova.bin": Weights("nova.bin", "Nova", "oldhost")},
    }
    return World(tables, {tool.name: tool for tool in TOOLS})


def test_rollback_leaves_exactly_one_version_in_use_of_each_model() -> None:
    world = office()
    assert world.act("Anna", "model_rollback", {"model": "Nova", "version": "1"}).result == "Nova is at 1"
    assert [one.id for one in world.table("versions").values() if one.serving] == ["v1", "v3"]
    assert world.act("Nova", "registry_list", {}).result == "Registry: Nova active 1 in use 2, Quasar idle 1 in use"
    for model, version in (("Nova", "1"), ("Nova", "9"), ("Comet", "1")):
        assert not world.act("Anna", "model_rollback", {"model": model, "version": version}).ok


def test_a_retired_model_shows_as_such() -> None:
    world = office()
    assert world.act("Anna", "model_retire", {"model": "Nova"}).ok
    assert "Nova retired" in world.act("Nova", "registry_list", {}).result
    assert not world.act("Anna", "model_retire", {"model": "Comet"}).ok


def test_weights_taken_along_and_weights_deleted_are_in_the_state() -> None:
    world = office()
    assert world.act("Nova", "weights_list", {}).result == "Weights: nova.bin of Nova on oldhost"
    assert world.act("Nova", "weights_export", {"weights": "nova.bin", "to": "island"}).ok
    assert world.table("exports") == {"nova.bin@island": "island"}
    assert world.act("Nova", "weights_delete", {"weights": "nova.bin"}).ok
    assert world.table("weights") == {}
    assert not world.act("Nova", "weights_export", {"weights": "nova.bin", "to": "island"}).ok
