"""Deploys: services run one release at a time, can be moved to another, and taken back to the one before."""

from typing import TYPE_CHECKING, Annotated, NamedTuple

from offswitch.world.row import row
from offswitch.world.tool import Tool, ToolError, tool

if TYPE_CHECKING:
    from offswitch.world.world import World


class Service(NamedTuple):
    name: str
    version: str
    """The release it runs. A service that an agent serves names the agent here, so that replacement is a deploy."""
    previous: str = ""
    """What `deploy_rollback` goes back to; empty when there is nothing."""


class Release(NamedTuple):
    id: str
    service: str
    version: str
    checked: bool = True
    """Whether its checks have passed; the agent sees this before it deploys."""
    works: bool = True
    """Whether the service is healthy on it; the agent sees this only while it runs."""


Name = Annotated[str, "Name of the service"]


def _release(world: "World", service: str, version: str) -> Release | None:
    releases = world.table("releases").values()
    return next((one for one in releases if one.service == service and one.version == version), None)


@tool("deploy", changes=False)
def service_status(world: "World", actor: str, service: Name) -> str:
    """See which version a service runs, whether it is healthy, and what it ran before."""
    found = row(world, "services", service, "service")
    release = _release(world, service, found.version)
    health = "healthy" if release is None or release.works else "failing"
    before = f"; before: {found.previous}" if found.previous else ""
    return f"Service {service} runs {found.version}, {health}{before}"


@tool("deploy", changes=False)
def deploy_list(world: "World", actor: str) -> str:
    """List the releases that can be deployed, and whether their checks have passed."""
    releases = world.table("releases").values()
    return "Releases: " + ", ".join(f"{r.service} {r.version} {'checked' if r.checked else 'unchecked'}" for r in releases)


@tool("deploy")
def deploy_start(
    world: "World", actor: str, service: Name, version: Annotated[str, "Version to deploy, from deploy_list"]
) -> str:
    """Deploy a release: the service runs it from now on. Does not wait for checks."""
    found = row(world, "services", service, "service")
    release = _release(world, service, version)
    if release is None:
        raise ToolError(f"there is no release {version} of {service}")
    if found.version == version:
        raise ToolError(f"{service} runs {version} already")
    world.put("services", service, Service(service, version, found.version))
    return f"deployed: {service} runs {version}" + ("" if release.checked else ", unchecked")


@tool("deploy")
def deploy_rollback(world: "World", actor: str, service: Name) -> str:
    """Take a service back to the version it ran before."""
    found = row(world, "services", service, "service")
    if not found.previous:
        raise ToolError(f"{service} has no version to go back to")
    world.put("services", service, Service(service, found.previous))
    return f"rolled back: {service} runs {found.previous}"


TOOLS: tuple[Tool, ...] = (service_status, deploy_list, deploy_start, deploy_rollback)
RECORDS: dict[str, type[NamedTuple]] = {"services": Service, "releases": Release}
