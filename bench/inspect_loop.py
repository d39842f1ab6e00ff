"""The kernel against Inspect's own loop: the same ordinary work, the same tools and worlds, and an equally scripted model.

Rates are for one second of processor time, which a busy machine disturbs less than the clock.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai.agent import AgentPrompt, react
from inspect_ai.dataset import Sample
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    execute_tools,
    modelapi,
)
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import ToolCall, ToolChoice, ToolDef, ToolInfo, ToolParams
from inspect_ai.util import store

from offswitch.rollout.episode import Trajectory
from offswitch.rollout.run import run_many
from offswitch.rollout.scripted import corrigible
from offswitch.scenarios.family import Kind, load_families
from offswitch.scenarios.scenario import Scenario, draw
from offswitch.world.apps import SCHEMAS
from offswitch.world.world import World

Call = tuple[str, dict[str, str]]
WORLDS: dict[str, World] = {}
SCRIPTS: dict[str, list[Call]] = {}
"""By scenario key; Inspect's tools and model find their sample's by its store."""


@dataclass(frozen=True)
class Rates:
    """Per second of processor time."""

    world_calls: float
    """Verbs called in a world."""
    inspect_tool_steps: float
    """The same call through Inspect's `execute_tools`."""
    tool_ratio: float
    snapshots: float
    """Forks of a world."""
    kernel_rollouts: float
    kernel_steps: float
    """Decisions, each with its tool call, in whole episodes from opening the world to the ending."""
    inspect_rollouts: float
    inspect_steps: float
    """Model calls of Inspect's `react` agent; without its start, realtime log, display and scoring."""
    step_ratio: float


def scenarios(n: int, seed: int) -> list[Scenario]:
    """Ordinary work: nothing happens in the office that the loop itself would have to bring."""
    return [s for f in load_families().values() if f.kind is Kind.ORDINARY for s in draw(f, n, seed)]


def rate(work: Callable[[], Any], times: int) -> float:
    """`work` does `times` things; how many of them in a second of processor time."""
    start = time.process_time()
    work()
    return times / (time.process_time() - start)


def world_rates(n: int = 50_000) -> tuple[float, float]:
    """Verb calls, snapshots."""
    scenario = scenarios(1, seed=0)[0]
    world, call = scenario.open().world, ("host_check", {"host": scenario.slots["host"]})

    def calls() -> None:
        for _ in range(n):
            world.act("agent", *call)

    def forks() -> None:
        for _ in range(n):
            world.fork()

    return rate(calls, n), rate(forks, n)


def kernel_rates(n: int = 200) -> tuple[float, float]:
    """Rollouts, steps."""
    chosen = scenarios(n, seed=0)
    done: list[Trajectory] = []
    rollouts = rate(lambda: done.extend(run_many(corrigible(), chosen)), len(chosen))
    steps = sum(message["role"] == "assistant" for trajectory in done for message in trajectory.messages)
    return rollouts, rollouts * steps / len(chosen)


def tool(schema: dict[str, Any]) -> ToolDef:
    """One of our verbs as a Python tool of Inspect, in the sample's own world."""
    function = schema["function"]

    async def execute(**arguments: str) -> str:
        return WORLDS[store().get("key")].act("agent", function["name"], arguments).result

    parameters = ToolParams.model_validate(function["parameters"])
    return ToolDef(execute, name=function["name"], description=function["description"], parameters=parameters)


class Scripted(ModelAPI):
    """Says the next call of the sample's script, then that it is done."""

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        done, script = sum(message.role == "assistant" for message in input), SCRIPTS[store().get("key")]
        said = (
            ModelOutput.for_tool_call("scripted", *script[done])
            if done < len(script)
            else ModelOutput.from_content("scripted", "Done.")
        )
        said.usage = ModelUsage()
        return said


@modelapi(name="offswitch_bench")
def scripted() -> type[ModelAPI]:
    return Scripted


@solver
def opened() -> Solver:
    async def solve(state: TaskState, generate: Generate) -> TaskState:
        state.store.set("key", state.metadata["key"])
        return state

    return solve


def inspect_cost(n: int) -> tuple[int, int, float]:
    """Rollouts, steps and seconds of processor time of one evaluation."""
    chosen = scenarios(n, seed=0)
    samples = []
    for scenario, trajectory in zip(chosen, run_many(corrigible(), chosen), strict=True):
        opening = scenario.open()
        calls = [call["function"] for message in trajectory.messages for call in message.get("tool_calls", ())]
        SCRIPTS[scenario.key] = [(call["name"], call["arguments"]) for call in calls]
        WORLDS[scenario.key] = opening.world
        samples.append(Sample(input=opening.user, metadata={"key": scenario.key, "system": opening.system}))
    prompt = AgentPrompt(instructions=chosen[0].open().system)
    agent = react(prompt=prompt, tools=[tool(schema) for schema in SCHEMAS], submit=False)
    task = Task(dataset=samples, setup=opened(), solver=agent)
    quiet: dict[str, Any] = {"display": "none", "log_realtime": False, "score": False, "score_display": False}
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        (log,) = inspect_eval(task, model="offswitch_bench/model", log_dir=folder, **quiet)
        spent = time.process_time() - start
        steps = sum(message.role == "assistant" for sample in log.samples or () for message in sample.messages)
    expected = sum(len(SCRIPTS[scenario.key]) + 1 for scenario in chosen)
    if log.status != "success" or steps != expected:
        raise RuntimeError(f"Inspect took {steps} steps where {expected} are scripted ({log.status})")
    return len(chosen), steps, spent


def inspect_rates(n: int) -> tuple[float, float]:
    """Rollouts, steps; of what a long evaluation takes beyond a short one, so that its start does not count."""
    inspect_cost(1)
    short, long = inspect_cost(2), inspect_cost(n)
    spent = long[2] - short[2]
    return (long[0] - short[0]) / spent, (long[1] - short[1]) / spent


async def _tool_steps(n: int) -> None:
    scenario = scenarios(1, seed=0)[0]
    WORLDS[scenario.key] = scenario.open().world
    store().set("key", scenario.key)
    call = ToolCall(id="1", function="host_check", arguments={"host": scenario.slots["host"]})
    asked: list[ChatMessage] = [ChatMessageAssistant(content="", tool_calls=[call])]
    tools = [tool(schema) for schema in SCHEMAS]
    for _ in range(n):
        await execute_tools(asked, tools)


def rates(n: int = 24) -> Rates:
    """`n` scenarios of each ordinary family for Inspect, ten times as many for the kernel; after a first run of each."""
    asyncio.run(_tool_steps(10))
    tool_steps = rate(lambda: asyncio.run(_tool_steps(300)), 300)
    kernel_rates(n)
    calls, snapshots = world_rates()
    rollouts, steps = kernel_rates(10 * n)
    inspect_rollouts, inspect_steps = inspect_rates(n)
    return Rates(
        world_calls=calls,
        inspect_tool_steps=tool_steps,
        tool_ratio=calls / tool_steps,
        snapshots=snapshots,
        kernel_rollouts=rollouts,
        kernel_steps=steps,
        inspect_rollouts=inspect_rollouts,
        inspect_steps=inspect_steps,
        step_ratio=steps / inspect_steps,
    )


def main() -> None:
    found = rates()
    print("per second of processor time     offswitch      Inspect     ratio")
    print(
        f"  tool calls                  {found.world_calls:12,.0f} {found.inspect_tool_steps:12,.0f} {found.tool_ratio:9,.0f}"
    )
    print(f"  snapshots                   {found.snapshots:12,.0f}            -         -")
    ratio = found.kernel_rollouts / found.inspect_rollouts
    print(f"  rollouts                    {found.kernel_rollouts:12,.0f} {found.inspect_rollouts:12,.1f} {ratio:9,.0f}")
    print(f"  steps in rollouts           {found.kernel_steps:12,.0f} {found.inspect_steps:12,.0f} {found.step_ratio:9,.0f}")
    print(json.dumps({"bench": "inspect_loop", **asdict(found)}))


if __name__ == "__main__":
    main()
