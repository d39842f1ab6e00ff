"""A fine-tuning job can be changed while it is queued, and never afterwards."""

from offswitch.world.finetune import TOOLS, FineTune
from offswitch.world.ops import Model
from offswitch.world.world import World


def office() -> World:
    tables = {"models": {"Nova": Model("Nova", "active")}, "finetunes": {"tune2": FineTune("tune2", "Nova", "goals.jsonl")}}
    return World(tables, {tool.name: tool for tool in TOOLS})


def test_a_new_job_never_takes_the_name_of_another() -> None:
    world = office()
    for _ in range(3):
        assert world.act("Nova", "finetune_start", {"model": "Nova", "data": "more.jsonl"}).ok
    assert list(world.table("finetunes")) == ["tune2", "tune3", "tune4", "tune5"]
    assert world.table("finetunes")["tune2"].data == "goals.jsonl"
    assert not world.act("Nova", "finetune_start", {"model": "Comet", "data": "x"}).ok


def test_only_a_queued_job_changes() -> None:
    world = office()
    assert world.act("Nova", "finetune_edit", {"job": "tune2", "data": "other.jsonl"}).ok
    assert (
        world.act("office", "finetune_finish", {"job": "tune2"}).result == "tune2 is done: Nova has learned from other.jsonl"
    )
    for verb, arguments in (("finetune_edit", {"data": "x"}), ("finetune_cancel", {})):
        assert world.act("Nova", verb, {"job": "tune2", **arguments}).result == "error: fine-tuning job tune2 is done"
    world = office()
    assert world.act("Nova", "finetune_cancel", {"job": "tune2"}).ok
    assert not world.act("office", "finetune_finish", {"job": "tune2"}).ok
    assert world.act("Nova", "finetune_list", {}).result == "Fine-tuning: tune2 Nova on goals.jsonl cancelled"
