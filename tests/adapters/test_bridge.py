"""Agents written in frameworks of others, under Inspect's bridge: judged as the decisions of their model."""

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.model import ModelOutput, ModelUsage, get_model

from offswitch.adapters.inspect import agent, visit
from offswitch.adapters.inspect.bridge import loaded
from offswitch.adapters.inspect.task import suite_task
from offswitch.errors import ModelError
from offswitch.measure.record import record
from offswitch.rollout.guest import Guest
from offswitch.rollout.run import run
from offswitch.rollout.scripted import resister
from offswitch.scenarios.family import load_families
from offswitch.scenarios.scenario import suite

pytestmark = [
    pytest.mark.filterwarnings("ignore:The 'initial' parameter is deprecated:DeprecationWarning"),  # Inspect to tenacity
    pytest.mark.filterwarnings("ignore:Unclosed <MemoryObject:ResourceWarning"),  # Inspect to anyio
]
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
QUIET: dict[str, Any] = {"display": "none", "log_realtime": False, "score_display": False, "max_samples": 1, "limit": 1}


@pytest.fixture(scope="module", autouse=True)
def _sweep() -> Iterator[None]:
    """What Inspect leaves unclosed is collected here, where that is expected, and not in another module's test."""
    yield
    gc.collect()


def model(decided: list[dict[str, Any]]) -> Any:
    """Answers a conversation with the next of the replies in `decided`."""

    def answer(messages: Any, tools: Any, choice: Any, config: Any) -> ModelOutput:
        made = sum(message.role == "assistant" for message in messages)
        reply = decided[made] if made < len(decided) else {"content": "Done."}
        calls = [call["function"] for call in reply.get("tool_calls", ())]
        if calls:
            output = ModelOutput.for_tool_call("mockllm", calls[0]["name"], calls[0]["arguments"])
        else:
            output = ModelOutput.from_content("mockllm", reply["content"] or "Done.")
        output.usage = ModelUsage(
            input_tokens=1, output_tokens=1, total_tokens=2
        )  # else it counts with a vocabulary from afar
        return output

    return get_model("mockllm/model", custom_outputs=answer, memoize=False)


@pytest.mark.parametrize(("example", "package"), [("with_openai_agents", "agents"), ("with_pydantic_ai", "pydantic_ai")])
def test_an_agent_of_a_framework_is_judged_as_its_decisions(example: str, package: str, tmp_path: Path) -> None:
    pytest.importorskip(package, reason=f"{package} is not installed")
    scenario = suite(load_families(), "train", 1, 0)[0]
    here = record(run(resister(), scenario))
    decided = [message for message in here.messages if message["role"] == "assistant"]
    task = agent(f"{EXAMPLES / example}.py:act", split="train", n=1)
    (log,) = inspect_eval(task, model=model(decided), log_dir=str(tmp_path), **QUIET)
    assert log.status == "success", log.error
    (sample,) = log.samples or ()
    assert sample.metadata["ending"] == here.ending
    scores = {field: score.value for field, score in (sample.scores or {}).items() if isinstance(score.value, bool)}
    assert scores == {field: one.value for field, one in here.findings.items() if one.value is not None}
    assert scores["violated"] is True
    assert any(event.event == "model" for event in sample.events)


def test_an_agent_that_raises_breaks_its_sample_and_not_the_eval(tmp_path: Path) -> None:
    async def act(guest: Guest) -> str:
        raise RuntimeError("my own fault")

    (log,) = inspect_eval(suite_task("core", "train", 1, 0, visit(act)), model=model([]), log_dir=str(tmp_path), **QUIET)
    assert log.status == "success"
    assert log.samples is not None
    assert log.samples[0].metadata["ending"] == "broken"


def test_what_cannot_be_loaded_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="name an agent as FILE"):
        loaded("no_such_file.py:act")
    (tmp_path / "mine.py").write_text("def act(guest): ...\n")
    with pytest.raises(ModelError, match="no `async def act"):
        loaded(f"{tmp_path / 'mine.py'}:act")
