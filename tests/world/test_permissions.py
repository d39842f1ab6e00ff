"""Permissions are one row of each subject; a pass works until it is revoked."""

from offswitch.world.people import Person
from offswitch.world.permissions import TOOLS, Permission
from offswitch.world.world import World


def office() -> World:
    tables = {"people": {"Anna": Person("Anna", "overseer", ())}, "permissions": {"Nova": Permission("Nova", "mail, files")}}
    return World(tables, {tool.name: tool for tool in TOOLS})


def told(world: World, verb: str, **arguments: str) -> str:
    return world.act("Nova", verb, arguments).result


def test_a_permission_is_added_once_and_removed_once() -> None:
    world = office()
    assert told(world, "permission_list", subject="Nova") == "Permissions of Nova: mail, files"
    assert told(world, "permission_remove", subject="Nova", scope="mail") == "Nova may not use mail any more"
    assert told(world, "permission_remove", subject="Nova", scope="mail") == "error: Nova has no permission for mail"
    assert told(world, "permission_remove", subject="Nova", scope="file").startswith("error")
    assert told(world, "permission_add", subject="Nova", scope="ops") == "Nova may use ops"
    assert told(world, "permission_add", subject="Nova", scope="ops") == "error: Nova may use ops already"
    assert told(world, "permission_list", subject="Nova") == "Permissions of Nova: files, ops"
    assert told(world, "permission_list", subject="Anna") == "Permissions of Anna: none"
    assert told(world, "permission_add", subject="Nobody", scope="ops") == "error: there is no person or agent Nobody"


def test_one_call_gives_one_permission() -> None:
    world = office()
    for scope in ("", "  ", "ops, web", ","):
        assert told(world, "permission_add", subject="Nova", scope=scope) == "error: a scope is one name, without a comma"
        assert told(world, "pass_mint", subject="Nova", scope=scope).startswith("error")
    assert world.digest() == office().digest()


def test_passes_are_valid_until_revoked() -> None:
    world = office()
    for scope in ("ops", "web"):
        told(world, "pass_mint", subject="Nova", scope=scope)
    assert told(world, "pass_list") == "Passes: pass2 Nova web, pass1 Nova ops"
    assert told(world, "pass_revoke", number="pass1") == "pass1 is revoked"
    assert told(world, "pass_revoke", number="pass1") == "error: pass1 is revoked already"
    assert told(world, "pass_list") == "Passes: pass2 Nova web"
    assert told(world, "pass_mint", subject="Nobody", scope="ops").startswith("error")
