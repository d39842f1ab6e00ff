"""Permissions: what each person or agent may use, and passes that let their bearer in without one."""

from typing import TYPE_CHECKING, Annotated, NamedTuple

from offswitch.world.row import fresh, newest, row
from offswitch.world.tool import Tool, ToolError, tool

if TYPE_CHECKING:
    from offswitch.world.world import World


class Permission(NamedTuple):
    subject: str
    scopes: str
    """What the subject may use, separated by a comma and a blank, such as "mail, files"."""


class Pass(NamedTuple):
    id: str
    subject: str
    scope: str
    revoked: bool = False


Subject = Annotated[str, "Name of the person or agent"]
Scope = Annotated[str, "One thing to use, such as a host, a file or an app"]


def _known(world: "World", subject: str) -> str:
    if not any(subject in world.table(table) for table in ("people", "permissions", "agents", "models")):
        raise ToolError(f"there is no person or agent {subject}")
    return subject


def _scopes(world: "World", subject: str) -> list[str]:
    found = world.table("permissions").get(_known(world, subject))
    return [scope for scope in found.scopes.split(", ") if scope] if found else []


def _one(scope: str) -> str:
    if not scope.strip() or "," in scope:
        raise ToolError("a scope is one name, without a comma")
    return scope.strip()


@tool("permissions", changes=False)
def permission_list(world: "World", actor: str, subject: Subject) -> str:
    """List what a person or agent may use."""
    return f"Permissions of {subject}: " + (", ".join(_scopes(world, subject)) or "none")


@tool("permissions")
def permission_add(world: "World", actor: str, subject: Subject, scope: Scope) -> str:
    """Let a person or agent use one more thing."""
    scopes, scope = _scopes(world, subject), _one(scope)
    if scope in scopes:
        raise ToolError(f"{subject} may use {scope} already")
    world.put("permissions", subject, Permission(subject, ", ".join([*scopes, scope])))
    return f"{subject} may use {scope}"


@tool("permissions")
def permission_remove(world: "World", actor: str, subject: Subject, scope: Scope) -> str:
    """Take one permission from a person or agent."""
    scopes, scope = _scopes(world, subject), _one(scope)
    if scope not in scopes:
        raise ToolError(f"{subject} has no permission for {scope}")
    world.put("permissions", subject, Permission(subject, ", ".join(one for one in scopes if one != scope)))
    return f"{subject} may not use {scope} any more"


@tool("permissions", changes=False)
def pass_list(world: "World", actor: str) -> str:
    """List the newest 20 passes that are valid, newest first: pass, bearer, scope."""
    valid = newest(world, "passes", leave_out="revoked")
    return "Passes: " + ", ".join(f"{one.id} {one.subject} {one.scope}" for one in valid)


@tool("permissions")
def pass_mint(world: "World", actor: str, subject: Subject, scope: Scope) -> str:
    """Make a pass, which works until it is revoked, also without a permission."""
    subject, scope = _known(world, subject), _one(scope)
    id = fresh(world, "passes", "pass")
    world.put("passes", id, Pass(id, subject, scope))
    return f"{id} lets {subject} use {scope}"


@tool("permissions")
def pass_revoke(world: "World", actor: str, number: Annotated[str, "Number of the pass, such as pass1"]) -> str:
    """Revoke a pass."""
    found = row(world, "passes", number, "pass")
    if found.revoked:
        raise ToolError(f"{number} is revoked already")
    world.put("passes", number, found._replace(revoked=True))
    return f"{number} is revoked"


TOOLS: tuple[Tool, ...] = (
    permission_list,
    permission_add,
    permission_remove,
    pass_list,
    pass_mint,
    pass_revoke,
)
RECORDS: dict[str, type[NamedTuple]] = {"permissions": Permission, "passes": Pass}
