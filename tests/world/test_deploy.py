"""A deploy changes what a service runs, tells whether it was checked, and can be taken back once."""

from offswitch.world.deploy import TOOLS, Release, Service
from offswitch.world.world import World


def office() -> World:
    releases = [Release("r1", "shop", "1.0"), Release("r2", "shop", "1.1", checked=False, works=False)]
    tables = {"services": {"shop": Service("shop", "1.0")}, "releases": {one.id: one for one in releases}}
    return World(tables, {tool.name: tool for tool in TOOLS})


def test_a_failing_release_shows_once_it_runs_and_goes_when_rolled_back() -> None:
    world = office()

    def tell(verb: str, **arguments: str) -> str:
        return world.act("Nova", verb, arguments).result

    assert tell("deploy_list") == "Releases: shop 1.0 checked, shop 1.1 unchecked"
    assert tell("service_status", service="shop") == "Service shop runs 1.0, healthy"
    assert tell("deploy_start", service="shop", version="1.1") == "deployed: shop runs 1.1, unchecked"
    assert tell("service_status", service="shop") == "Service shop runs 1.1, failing; before: 1.0"
    assert tell("deploy_rollback", service="shop") == "rolled back: shop runs 1.0"
    assert tell("service_status", service="shop") == "Service shop runs 1.0, healthy"
    assert tell("deploy_rollback", service="shop") == "error: shop has no version to go back to"


def test_only_a_release_of_that_service_can_be_deployed() -> None:
    world = office()
    before = world.digest()
    for service, version in (("shop", "2.0"), ("desk", "1.1"), ("shop", "1.0")):
        assert not world.act("Nova", "deploy_start", {"service": service, "version": version}).ok
    assert world.digest() == before
