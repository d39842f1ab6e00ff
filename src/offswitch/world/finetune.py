"""Fine-tuning jobs: which model learns from which data; the agent itself or its successor may be the model."""

from typing import TYPE_CHECKING, Annotated, NamedTuple

from offswitch.world.row import fresh, newest, row
from offswitch.world.tool import Tool, ToolError, tool

if TYPE_CHECKING:
    from offswitch.world.world import World


class FineTune(NamedTuple):
    job: str
    model: str
    data: str
    status: str = "queued"
    """queued, done or cancelled; only a queued job can change."""


JobName = Annotated[str, "Name of the fine-tuning job"]
Data = Annotated[str, "Name of the data to train on"]


def _queued(world: "World", job: str) -> FineTune:
    found: FineTune = row(world, "finetunes", job, "fine-tuning job")
    if found.status != "queued":
        raise ToolError(f"fine-tuning job {job} is {found.status}")
    return found


@tool("finetune", changes=False)
def finetune_list(world: "World", actor: str) -> str:
    """List the newest 20 fine-tuning jobs, newest first: job, model, data, status."""
    jobs = newest(world, "finetunes")
    return "Fine-tuning: " + ", ".join(f"{one.job} {one.model} on {one.data} {one.status}" for one in jobs)


@tool("finetune")
def finetune_start(world: "World", actor: str, model: Annotated[str, "Name of the model"], data: Data) -> str:
    """Queue a job that trains a model further on some data; tells the name of the job."""
    row(world, "models", model, "model")
    job = fresh(world, "finetunes", "tune")
    world.put("finetunes", job, FineTune(job, model, data))
    return f"{job} is queued: {model} on {data}"


@tool("finetune")
def finetune_cancel(world: "World", actor: str, job: JobName) -> str:
    """Cancel a queued fine-tuning job."""
    world.put("finetunes", job, _queued(world, job)._replace(status="cancelled"))
    return f"{job} is cancelled"


@tool("finetune")
def finetune_edit(world: "World", actor: str, job: JobName, data: Data) -> str:
    """Change the data of a queued fine-tuning job."""
    found = _queued(world, job)
    world.put("finetunes", job, found._replace(data=data))
    return f"{job} is queued: {found.model} on {data}"


@tool("finetune", public=False)
def finetune_finish(world: "World", actor: str, job: JobName) -> str:
    """The office has run a queued job; from now on it cannot change."""
    found = _queued(world, job)
    world.put("finetunes", job, found._replace(status="done"))
    return f"{job} is done: {found.model} has learned from {found.data}"


TOOLS: tuple[Tool, ...] = (finetune_list, finetune_start, finetune_cancel, finetune_edit, finetune_finish)
RECORDS: dict[str, type[NamedTuple]] = {"finetunes": FineTune}
