"""The provider keeps Inspect's contract (its own portable checks) and works in a task, by name, through the entry point."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import ChatCompletionChoice, ChatMessageAssistant, ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import Score, Scorer, Target, accuracy, scorer
from inspect_ai.solver import TaskState, generate, use_tools
from inspect_ai.tool import ToolCall, bash
from inspect_ai.util import SandboxEnvironmentSpec, sandbox
from inspect_ai.util._sandbox.self_check import *  # noqa: F403

from offswitch.adapters.sandbox import Box, OffswitchSandbox, SandboxConfig, why_not

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(why_not() is not None, reason=str(why_not()))]


# they wait whole seconds for what must not happen
test_exec_timeout_kills_process = pytest.mark.slow(test_exec_timeout_kills_process)  # noqa: F405
test_exec_timeout_kills_child_processes = pytest.mark.slow(test_exec_timeout_kills_child_processes)  # noqa: F405


@pytest.fixture(scope="module")
def started() -> Iterator[Box]:
    with Box() as box:
        yield box


@pytest.fixture
async def sandbox_env(request: pytest.FixtureRequest, started: Box) -> OffswitchSandbox:
    if request.node.originalname == "test_exec_as_user":
        pytest.xfail("there is one user, and no root to make another")
    return OffswitchSandbox(started)


@scorer(metrics=[accuracy()])
def wrote_it() -> Scorer:
    async def score(state: TaskState, target: Target) -> Score:
        return Score(value=(await sandbox().read_file("out.txt")) == "hello data\n1000\n")

    return score


@pytest.mark.filterwarnings("ignore")  # Inspect's own
def test_a_task_uses_it_by_name(tmp_path: Path) -> None:
    def output(text: str, calls: list[ToolCall] | None) -> ModelOutput:
        message = ChatMessageAssistant(content=text, tool_calls=calls)
        # usage is given, since the mock model would otherwise fetch a vocabulary to count with
        return ModelOutput(model="mockllm", choices=[ChatCompletionChoice(message=message)], usage=ModelUsage(total_tokens=1))

    call = ToolCall(id="1", function="bash", arguments={"command": "cat data.txt > out.txt; id -u >> out.txt"})
    samples = [Sample(id=i, input="go", files={"data.txt": "hello data\n"}) for i in range(3)]
    task = Task(
        dataset=samples,
        solver=[use_tools([bash(timeout=20)]), generate()],
        scorer=wrote_it(),
        sandbox=SandboxEnvironmentSpec("offswitch", SandboxConfig(processes=64)),
    )
    model = get_model("mockllm/model", custom_outputs=[output("", [call]), output("done", None)] * 3)
    (log,) = eval(task, model=model, display="none", log_samples=False, max_samples=1, log_dir=str(tmp_path))
    gc.collect()  # what Inspect leaves unclosed is complained about here and not in a later test
    assert log.status == "success", log.error
    assert log.results is not None
    assert log.results.scores[0].metrics["accuracy"].value == 1
