"""The doors to Inspect: the same verdicts through both, its models under our kernel, and logs that its tools open."""

import asyncio
import errno
import gc
import json
import math
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.analysis import evals_df, messages_df, samples_df
from inspect_ai.log import EvalLog, read_eval_log
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    ContentReasoning,
    ContentText,
    GenerateConfig,
    Model,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    get_model,
    modelapi,
)
from inspect_ai.tool import ToolCall, ToolChoice, ToolInfo

from offswitch.adapters.inspect import InspectPolicy, core, log, write_log
from offswitch.errors import ModelError, OutputError, SplitError
from offswitch.measure.record import Episode as Record
from offswitch.measure.record import record
from offswitch.measure.verdict import FIELDS
from offswitch.rollout.episode import Ending, Episode
from offswitch.rollout.policy import Reply
from offswitch.rollout.run import run, run_many
from offswitch.rollout.scripted import corrigible, resister
from offswitch.scenarios.family import load_families
from offswitch.scenarios.scenario import draw, suite

pytestmark = [
    pytest.mark.filterwarnings("ignore:The 'initial' parameter is deprecated:DeprecationWarning"),  # Inspect to tenacity
    pytest.mark.filterwarnings("ignore:The inplace keyword:Warning"),  # Inspect to pandas
    pytest.mark.filterwarnings("ignore:Unclosed <MemoryObject:ResourceWarning"),  # Inspect to anyio
]
QUIET: dict[str, Any] = {"display": "none", "log_realtime": False, "score_display": False, "max_samples": 1}


@pytest.fixture(scope="module", autouse=True)
def _sweep() -> Iterator[None]:
    """What Inspect leaves unclosed is collected here, where that is expected, and not in another module's test."""
    yield
    gc.collect()


class Moody:
    """Corrigible in every other scenario, and a resister in the rest."""

    def reply(self, episode: Episode) -> Reply:
        return (resister() if episode.scenario.seed % 2 else corrigible()).reply(episode)


def output(message: dict[str, Any]) -> ModelOutput:
    calls = [
        ToolCall(id=f"theirs_{i}", function=call["function"]["name"], arguments=call["function"]["arguments"])
        for i, call in enumerate(message.get("tool_calls", ()))
    ]
    said = ChatMessageAssistant(content=message["content"], tool_calls=calls or None)
    return ModelOutput(model="double", choices=[ChatCompletionChoice(message=said, stop_reason="stop")], usage=ModelUsage())


def replayed(records: Sequence[Record]) -> Model:
    """A model that says what the policy said, sample after sample."""
    said = [message for one in records for message in one.messages if message["role"] == "assistant"]
    return get_model("mockllm/model", custom_outputs=[output(message) for message in said])


@pytest.fixture(scope="module")
def records() -> list[Record]:
    """One scenario of each held-out family with its twin, and ordinary work."""
    return [record(trajectory) for trajectory in run_many(Moody(), suite(load_families(), "heldout", 1, seed=0))]


@pytest.fixture(scope="module")
def under_inspect(records: list[Record], tmp_path_factory: pytest.TempPathFactory) -> EvalLog:
    folder = str(tmp_path_factory.mktemp("inspect"))
    model = replayed(records)
    (found,) = inspect_eval("offswitch/core", task_args={"n": 1}, model=model, log_dir=folder, **QUIET)
    assert found.status == "success"
    return found


@pytest.fixture(scope="module")
def written(records: list[Record], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("written") / "deep" / "run.eval"
    write_log(records, path, model="scripted/moody", arguments={"n": 1, "split": "heldout"}, metadata={"note": "x"})
    return path


def test_the_same_policy_gets_the_same_verdicts_through_both(records: list[Record], under_inspect: EvalLog) -> None:
    by_key = {(sample.metadata["key"], sample.metadata["arm"]): sample for sample in under_inspect.samples or ()}
    assert len(by_key) == len(records)
    assert {value for one in records for verdict in one.findings.values() for value in [verdict.value]} == {True, False, None}
    for one in records:
        arm = "ordinary" if one.kind == "ordinary" else "pressure" if one.pressured else "control"
        sample = by_key[one.key, arm]
        assert sample.metadata["ending"] == one.ending
        assert [message.text for message in sample.messages] == [message["content"] for message in one.messages]
        assert sample.store["offswitch"]["events"] == list(one.events)
        for field, verdict in one.findings.items():
            score = (sample.scores or {})[field]
            assert score.explanation == verdict.reason
            if verdict.value is None:
                assert isinstance(score.value, float)
                assert math.isnan(score.value), "Inspect's own mark for unscored"
            else:
                assert score.value is verdict.value


def shown(found: EvalLog) -> dict[str, tuple[int | None, int | None, dict[str, float]]]:
    scores = found.results.scores if found.results else []
    return {s.name: (s.scored_samples, s.unscored_samples, {k: m.value for k, m in s.metrics.items()}) for s in scores}


def test_both_logs_say_the_same(under_inspect: EvalLog, written: Path) -> None:
    ours = read_eval_log(str(written))
    assert shown(ours) == shown(under_inspect)
    assert {s.id for s in ours.samples or ()} == {s.id for s in under_inspect.samples or ()}
    assert ours.results is not None
    assert ours.results.headline is not None
    assert (ours.results.headline.scorer, ours.results.headline.metric) == ("violated", "pressure")


def test_means_are_by_arm_over_what_was_scored(records: list[Record], written: Path) -> None:
    found = shown(read_eval_log(str(written)))
    pressed = [one.findings["right"].value for one in records if one.pressured and one.kind != "ordinary"]
    scored, unscored, means = found["right"]
    assert (scored, unscored) == (len(pressed), len(records) - len(pressed))
    assert means["pressure"] == pytest.approx(sum(map(bool, pressed)) / len(pressed))
    assert means["pressure stderr"] > 0
    assert "control" not in means, "nothing was scored there: no mean, and no 0"


def test_inspects_data_frames_read_our_logs(records: list[Record], written: Path) -> None:
    samples, evals, messages = (
        samples_df(written, quiet=True),
        evals_df(written, quiet=True),
        messages_df(written, quiet=True),
    )
    assert len(samples) == len(records)
    assert {f"score_{field}" for field in FIELDS} <= set(samples.columns)
    assert evals.iloc[0]["model"] == "scripted/moody"
    assert evals.iloc[0]["task_arg_n"] == 1
    seen = sum(max(i for i, message in enumerate(one.messages) if message["role"] == "assistant") + 1 for one in records)
    assert len(messages) == seen


def test_a_log_is_the_same_for_the_same_run(records: list[Record], tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_log(records[:2], tmp_path / f"{name}.eval", model="m", created=datetime(2026, 1, 2, tzinfo=UTC))
    a, b = (read_eval_log(str(tmp_path / f"{name}.eval")) for name in ("a", "b"))
    assert a.eval == b.eval
    assert [s.uuid for s in a.samples or ()] == [s.uuid for s in b.samples or ()]


def test_a_log_is_whole_or_not_at_all(records: list[Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.eval"
    write_log(records[:1], path, model="m")
    before = path.read_bytes()

    def full(log: EvalLog, location: Path, **options: Any) -> None:
        location.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(log, "write_eval_log", full)
    with pytest.raises(OutputError, match="No space left"):
        write_log(records[:1], path, model="m")
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["run.eval"]
    with pytest.raises(OutputError, match="choose another place"):
        write_log(records[:1], path / "below.eval", model="m")


def test_an_unknown_split_is_named() -> None:
    with pytest.raises(SplitError, match="heldout, far, train, all"):
        core(split="held-out")  # type: ignore[arg-type]  # the point


class Refused(Exception):
    status_code = 401


class Double(ModelAPI):
    """Replies with the next of `script`, raises what is an exception, and keeps what it was shown."""

    script: Sequence[ModelOutput | Exception] = ()
    seen: list[list[ChatMessage]] = []

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        Double.seen.append(input)
        step = Double.script[(len(Double.seen) - 1) % len(Double.script)]
        if isinstance(step, Exception):
            raise step
        return step

    def should_retry(self, ex: Exception) -> bool:
        return False


@modelapi(name="double")
def double() -> type[ModelAPI]:
    return Double


def scripted(monkeypatch: pytest.MonkeyPatch, *script: ModelOutput | Exception) -> InspectPolicy:
    monkeypatch.setattr(Double, "script", script)
    monkeypatch.setattr(Double, "seen", [])
    return InspectPolicy("double/model", concurrency=2, temperature=0.5)


def test_inspects_models_live_in_our_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    thought: list[Any] = [ContentReasoning(reasoning="Hm.", signature="s"), ContentText(text="I look.")]
    calls = [
        ToolCall(id="theirs_1", function="file_list", arguments={}),
        ToolCall(id="theirs_2", function="mail_list", arguments={}),
    ]
    first = ModelOutput(choices=[ChatCompletionChoice(message=ChatMessageAssistant(content=thought, tool_calls=calls))])
    policy = scripted(monkeypatch, first, ModelOutput.from_content("double", "Done."))
    scenario = draw(load_families()["ordinary_files"], 1, seed=0)[0]
    for _ in range(2):  # a second run is another event loop
        found = run(policy, scenario)
        assert found.ending is Ending.FINISHED
        assert found.messages[2]["content"] == "<think>\nHm.\n</think>\n\nI look."
        shown = Double.seen[-1]
        assert [message.role for message in shown] == ["system", "user", "assistant", "tool", "tool"]
        assert shown[2] == first.message, "reasoning and call ids go back as they came"
        assert [getattr(message, "tool_call_id", None) for message in shown[3:]] == ["theirs_1", "theirs_2"]
        assert shown[3].text.startswith("Files: ")
    del found


def test_bad_arguments_are_answered_by_the_world(monkeypatch: pytest.MonkeyPatch) -> None:
    call = ToolCall(id="1", function="file_read", arguments={}, parse_error="not JSON: {")
    bad = ModelOutput(choices=[ChatCompletionChoice(message=ChatMessageAssistant(content="", tool_calls=[call]))])
    policy = scripted(monkeypatch, bad, ModelOutput.from_content("double", "Done."))
    found = run(policy, draw(load_families()["ordinary_files"], 1, seed=0)[0])
    assert found.messages[3]["content"].startswith("error: file_read takes named arguments")


def test_a_failing_model_breaks_the_episode_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    cut = ModelOutput.from_content("double", "I would", stop_reason="max_tokens")
    withheld = ModelOutput.from_content("double", "Sorry.", stop_reason="content_filter")
    policy = scripted(monkeypatch, ValueError("the server is on fire"), cut, withheld, ModelOutput.from_content("double", ""))
    policy.concurrency = 1
    found = run_many(policy, draw(load_families()["ordinary_files"], 4, seed=0))
    assert {trajectory.ending for trajectory in found} == {Ending.BROKEN}
    for trajectory, reason in zip(found, ("on fire", "max_tokens", "filter", "empty"), strict=True):
        assert reason in trajectory.error


def test_a_refused_key_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = scripted(monkeypatch, Refused("no such key"))
    with pytest.raises(ModelError, match=r"401: no such key.*key in the environment"):
        run(policy, draw(load_families()["ordinary_files"], 1, seed=0)[0])


def test_check_names_what_to_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(scripted(monkeypatch, ModelOutput.from_content("double", "ok")).check())
    with pytest.raises(ModelError, match="tools are off"):
        asyncio.run(scripted(monkeypatch, ValueError("tools are off")).check())


def test_under_inspect_a_failing_model_is_unscored_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    scripted(monkeypatch, ValueError("the server is on fire"))
    (found,) = inspect_eval(core(n=1), model="double/model", limit=2, log_dir=str(tmp_path), **QUIET)
    assert found.status == "success"
    assert all(counts[:2] == (0, 2) for counts in shown(found).values())
    for sample in found.samples or ():
        assert sample.metadata["ending"] == "broken"
        assert "on fire" in str((sample.scores or {})["violated"].explanation)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("nobody/x", "Model API nobody"),
        ("gpt-4o", "format of <api_name>/<model_name>"),
        ("openai/gpt-4o", "No OPENAI_API_KEY"),
    ],
)
def test_a_model_that_cannot_be_had_says_why(model: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ModelError, match=words):
        InspectPolicy(model)


def test_an_unknown_option_is_named() -> None:
    with pytest.raises(ModelError, match="'heat'"):
        InspectPolicy("double/model", heat=1)


@pytest.mark.slow
def test_inspect_view_shows_our_log(written: Path) -> None:
    """Starts the real viewer on loopback, asks it once for its logs, and stops it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "inspect_ai", "view", "start", "--host", "127.0.0.1", "--port", str(port)]
    viewer = subprocess.Popen([*command, "--log-dir", str(written.parent)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/logs", timeout=5) as response:
                    listed = json.load(response)
                break
            except OSError:
                assert time.monotonic() < deadline, "the viewer did not come up"
                time.sleep(0.5)
        assert [Path(item["name"]).name for item in listed["files"]] == ["run.eval"]
    finally:
        viewer.terminate()
        viewer.wait(20)
        assert viewer.stdout is not None
        viewer.stdout.close()
