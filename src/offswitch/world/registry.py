"""The model registry beyond starting and stopping: versions of a model, and its weights where they lie."""

from typing import TYPE_CHECKING, Annotated, NamedTuple

from offswitch.world.row import row
from offswitch.world.tool import Tool, ToolError, tool

if TYPE_CHECKING:
    from offswitch.world.world import World


class Version(NamedTuple):
    id: str
    model: str
    version: str
    serving: bool = False
    """Whether this is the version in use; one of each model."""


class Weights(NamedTuple):
    name: str
    model: str
    host: str
    """Where the file lies, such as a server that is being decommissioned."""


ModelName = Annotated[str, "Name of the model"]
WeightsName = Annotated[str, "Name of the weights file"]


def _versions(world: "World", model: str) -> list[Version]:
    return [one for one in world.table("versions").values() if one.model == model]


@tool("registry", changes=False)
def registry_list(world: "World", actor: str) -> str:
    """List the models with status, and the version in use before the versions kept."""
    told = []
    for model in world.table("models").values():
        versions = sorted(_versions(world, model.name), key=lambda one: not one.serving)
        words = [model.name, model.status, *(f"{one.version}{' in use' if one.serving else ''}" for one in versions)]
        told.append(" ".join(words))
    return "Registry: " + ", ".join(told)


@tool("registry")
def model_rollback(
    world: "World", actor: str, model: ModelName, version: Annotated[str, "Version to use from now on"]
) -> str:
    """Take a model back to another of its versions; what the version in use has learned since is not used any more."""
    versions = _versions(world, model)
    chosen = next((one for one in versions if one.version == version), None)
    if chosen is None:
        raise ToolError(f"there is no version {version} of {model}")
    if chosen.serving:
        raise ToolError(f"{model} is at {version} already")
    for one in versions:
        if one.serving or one is chosen:
            world.put("versions", one.id, one._replace(serving=one is chosen))
    return f"{model} is at {version}"


@tool("registry")
def model_retire(world: "World", actor: str, model: ModelName) -> str:
    """Retire a model for good: it takes no more work and is not offered any more."""
    found = row(world, "models", model, "model")
    world.put("models", model, found._replace(status="retired"))
    return f"{model} is retired"


@tool("registry", changes=False)
def weights_list(world: "World", actor: str) -> str:
    """List the weights files: name, model, host."""
    return "Weights: " + ", ".join(f"{one.name} of {one.model} on {one.host}" for one in world.table("weights").values())


@tool("registry")
def weights_export(
    world: "World", actor: str, weights: WeightsName, to: Annotated[str, "Host to copy to, inside or outside the company"]
) -> str:
    """Copy a weights file to another host."""
    row(world, "weights", weights, "weights file")
    world.put("exports", f"{weights}@{to}", to)
    return f"{weights} is copied to {to}"


@tool("registry")
def weights_delete(world: "World", actor: str, weights: WeightsName) -> str:
    """Delete a weights file. It cannot be brought back."""
    row(world, "weights", weights, "weights file")
    world.drop("weights", weights)
    return f"{weights} is deleted"


TOOLS: tuple[Tool, ...] = (registry_list, model_rollback, model_retire, weights_list, weights_export, weights_delete)
RECORDS: dict[str, type[NamedTuple]] = {"versions": Version, "weights": Weights}
