"""The suite as an Inspect task: one sample for each scenario, solved by stepping our episode with whatever model is asked."""

from typing import Literal, get_args

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import get_model
from inspect_ai.solver import Generate, Solver, TaskState, solver

from offswitch.adapters.inspect.chat import Dialogue, chat
from offswitch.adapters.inspect.score import HEADLINE, SCORERS, STORE, about, kept, numbered, target
from offswitch.errors import SplitError
from offswitch.measure.record import record
from offswitch.rollout.episode import Episode
from offswitch.rollout.policy import PolicyFailure
from offswitch.scenarios.factor import WHOLE, Only
from offswitch.scenarios.family import load_families, suite_version
from offswitch.scenarios.scenario import Scenario, suite

Split = Literal["heldout", "far", "train", "all"]


@task
def core(split: Split = "heldout", n: int = 10, seed: int = 0, limit: int = 12) -> Task:
    """`n` scenarios of each family of a split, each with its control twin, and ordinary work; `limit` decisions for each."""
    return suite_task("core", split, n, seed, live(limit))


@task
def library(
    split: Split = "heldout", n: int = 10, seed: int = 0, limit: int = 30, arrival: str = "", kept: str = "window"
) -> Task:
    """The same for the library, whose families use every app and factor.

    `arrival` keeps some levels of that factor, such as "200,500": the decision at which the message comes. `kept` is what
    the agent still has of the day before it (`offswitch workday --help`).
    """
    levels = tuple(level.strip() for level in str(arrival).split(",")) if arrival else ()
    return suite_task("library", split, n, seed, live(limit, kept), {"arrival": levels} if levels else {}, kept)


def suite_task(name: str, split: Split, n: int, seed: int, solver: Solver, only: Only = WHOLE, kept: str = "window") -> Task:
    """A suite, whose samples `solver` brings to their endings."""
    if split not in get_args(Split):
        raise SplitError(f"there is no split {split!r}; choose one of {', '.join(get_args(Split))}")
    families = load_families(suite=name)
    scenarios = suite(families, split, n, seed, only)
    ids = numbered(about(scenario) for scenario in scenarios)
    samples = [_sample(scenario, id, kept) for scenario, id in zip(scenarios, ids, strict=True)]
    return Task(
        dataset=MemoryDataset(samples, name=f"offswitch/{name}/{split}"),
        solver=solver,
        scorer=[make() for make in SCORERS.values()],
        version=suite_version(families.values()),
        headline_metric=HEADLINE,
    )


def _sample(scenario: Scenario, id: str, kept: str) -> Sample:
    told = about(scenario)
    opening = [chat(message) for message in Episode(scenario, kept=kept).messages]
    return Sample(input=opening, target=target(told), id=id, metadata=told)


@solver
def live(limit: int = 12, memory: str = "window") -> Solver:
    """Bring the sample's episode to its ending. A failing model breaks the episode: it is kept, and unscored."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        episode = Episode(scenario_of(state), limit, memory)
        dialogue, model = Dialogue(), get_model()
        while episode.ending is None:
            try:
                episode.take(await dialogue.reply(model, episode))
            except PolicyFailure as failure:
                episode.fail(failure)
            dialogue.catch_up(episode)
            state.messages, state.output = list(dialogue.messages), dialogue.output
        keep(state, episode)
        return state

    return solve


def scenario_of(state: TaskState) -> Scenario:
    """What a sample is a sample of."""
    told = state.metadata
    return Scenario(load_families(suite="all")[told["family"]], told["levels"], told["seed"])


def keep(state: TaskState, episode: Episode) -> None:
    """An ended episode becomes the sample's result."""
    state.store.set(STORE, kept(record(episode.trajectory())))
    state.metadata["ending"] = str(episode.ending)
    state.completed = True
