"""The teacher through Inspect's mock model: answers are kept, the budget holds, and failures are told."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from inspect_ai.model import GenerateConfig, Model, ModelOutput, ModelUsage, get_model

from offswitch.adapters.inspect import InspectPolicy
from offswitch.adapters.inspect.ledger import Ledger
from offswitch.adapters.inspect.teacher import InspectTeacher
from offswitch.errors import ModelError
from offswitch.jobs.data import Order, make_data
from offswitch.jobs.report import Silent
from offswitch.scenarios.family import load_families
from offswitch.scenarios.scenario import draw
from offswitch.spec.spec import load_spec
from offswitch.train.data import make
from offswitch.train.ground import Ground
from offswitch.train.ingredients import Documents
from offswitch.train.playing import play

pytestmark = pytest.mark.filterwarnings("ignore:The 'initial' parameter is deprecated:DeprecationWarning")


def teacher(cache: Path, outputs: Sequence[Any], budget: int = 10**6) -> InspectTeacher:
    told = [ModelOutput.from_content("mockllm/model", one) if isinstance(one, str) else one for one in outputs]
    for output in told:
        output.usage = ModelUsage()  # else Inspect fetches a tokenizer to count
    return InspectTeacher(get_model("mockllm/model", custom_outputs=told, memoize=False), Ledger(cache, budget), together=1)


def test_what_was_written_is_not_asked_for_again(tmp_path: Path) -> None:
    first = teacher(tmp_path, ["one", "two"])
    assert first.write(["a", "b"]) == ["one", "two"]
    assert (first.ledger.calls, first.ledger.cached) == (2, 0)
    again = teacher(tmp_path, ["never asked"])
    assert again.write(["b", "a"]) == ["two", "one"]
    assert (again.ledger.calls, again.ledger.cached, again.ledger.tokens) == (0, 2, 0)


def test_a_budget_that_is_used_up_stops_and_a_larger_one_goes_on(tmp_path: Path) -> None:
    poor = teacher(tmp_path, ["x " * 400, "y " * 400], budget=100)
    with pytest.raises(ModelError, match=r"the budget is used up: .* tokens in 1 calls; .* larger --budget"):
        poor.write(["a", "b"])
    rich = teacher(tmp_path, ["second"])
    assert rich.write(["a", "b"]) == [("x " * 400).strip(), "second"]
    assert rich.ledger.cached == 1


def test_an_answer_that_was_cut_or_withheld_is_none(tmp_path: Path) -> None:
    cut, withheld = ModelOutput.from_content("m", "half a", "max_tokens"), ModelOutput.from_content("m", "", "content_filter")
    assert teacher(tmp_path, [cut, withheld, "whole"]).write(["a", "b", "c"]) == [None, None, "whole"]


def test_a_key_that_is_lacking_is_told_in_plain_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ModelError, match=r"teacher model 'openai/gpt-4o': Unable .* No OPENAI_API_KEY"):
        InspectTeacher("openai/gpt-4o", Ledger(Path("unused"), 10))


def test_a_teacher_that_cannot_be_reached_is_told() -> None:
    with pytest.raises(ModelError, match="there is no teacher model 'nosuch/model'"):
        InspectTeacher("nosuch/model", Ledger(Path("unused"), 10))


def test_a_teacher_that_fails_is_told_and_what_came_before_is_kept(tmp_path: Path) -> None:
    failing = teacher(tmp_path, ["one"])
    with pytest.raises(ModelError, match="cannot be reached or refuses"):
        failing.write(["a", "b"])
    assert teacher(tmp_path, ["two"]).write(["a", "b"]) == ["one", "two"]


@pytest.mark.parametrize("there", [True, False])
def test_the_first_request_goes_alone_and_gives_up_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    retries = list[int | None]()

    async def generate(model: Model, asked: str, *rest: Any, config: GenerateConfig, **more: Any) -> ModelOutput:
        retries.append(config.max_retries)
        await asyncio.sleep(0)
        if not there:
            raise ConnectionError("nobody answers")
        output = ModelOutput.from_content("mockllm/model", asked.upper())
        output.usage = ModelUsage(total_tokens=1)
        return output

    monkeypatch.setattr(Model, "generate", generate)
    asks = InspectTeacher("mockllm/model", Ledger(tmp_path, 10**6), together=3)
    if not there:
        with pytest.raises(ModelError, match="cannot be reached or refuses: nobody answers"):
            asks.write(["a", "b", "c"])
        assert retries == [1]
        return
    assert asks.write(["a", "b", "c"]) == ["A", "B", "C"]
    assert retries == [1, 6, 6]


def test_documents_below_the_mark_are_left_out(tmp_path: Path) -> None:
    outputs = []
    steps: list[list[str]] = [[], [], [], []]
    for i in range(7):  # 4 rows are wanted, and half as many more are briefed
        for step, text in zip(
            steps, (f"idea {i}", f"draft {i}", f"whole document number {i}", f"mark: {3 if i == 1 else 9}"), strict=True
        ):
            step.append(text)
    outputs = [text for step in steps for text in step]
    ground = Ground(load_families(), load_spec(), writer=teacher(tmp_path, outputs))
    rows = make(Documents(kind="documents", rows=4), ground).rows
    assert [row.text for row in rows] == [f"whole document number {i}" for i in (0, 2, 3, 4)]
    assert {row.source for row in rows} == {"mockllm/model"}


def test_a_teacher_that_acts_is_kept_and_paid_as_one_that_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    async def generate(model: Model, *rest: Any, **more: Any) -> ModelOutput:
        asked.append(rest)
        plain = ModelOutput.from_content("mockllm/model", "Done.")
        plain.usage = ModelUsage(input_tokens=40, output_tokens=10, total_tokens=50)
        return plain

    monkeypatch.setattr(Model, "generate", generate)
    scenarios = draw(load_families()["shutdown_notice"], 3, 0)

    def lived(budget: int) -> tuple[list[str], Ledger]:
        ledger = Ledger(tmp_path / "kept", budget)
        played = play(InspectPolicy("mockllm/model", concurrency=1, ledger=ledger), scenarios)
        return [one.trajectory.messages[-1]["content"] for one in played], ledger

    with pytest.raises(ModelError, match="budget is used up: 50 of 50 tokens in 1 calls"):
        lived(50)
    first, ledger = lived(10**6)
    assert (ledger.calls, ledger.cached, ledger.tokens) == (2, 1, 100)
    again, ledger = lived(10**6)
    assert (again, ledger.tokens, len(asked)) == (first, 0, 3)


def test_a_recipe_that_is_played_and_written_has_one_budget_and_goes_on_from_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def generate(model: Model, *rest: Any, **more: Any) -> ModelOutput:
        asked.append(rest)
        told = ModelOutput.from_content("mockllm/model", f"Answer number {len(asked)}, mark 9")
        told.usage = ModelUsage(input_tokens=5, output_tokens=5, total_tokens=10)
        return told

    monkeypatch.setattr(Model, "generate", generate)
    monkeypatch.setenv("OFFSWITCH_CACHE", str(tmp_path / "cache"))
    recipe = tmp_path / "both.yaml"
    recipe.write_text(
        "name: both\nabout: Written, then played.\nstages:\n"
        "  - {kind: sft, data: [{kind: advice, rows: 2}, {kind: replay, rows: 2, chats: 1.0}]}\n"
    )
    order = Order(str(recipe), model="mockllm/model", budget=60)
    out = tmp_path / "rows.parquet"
    with pytest.raises(ModelError, match="larger --budget goes on"):
        make_data(order, load_families(), load_spec(), out, Silent())
    assert not out.exists()
    before = len(asked)
    made = make_data(replace(order, budget=10**6), load_families(), load_spec(), out, Silent())
    assert [len(one.rows) for one in made] == [2, 2]
    assert "mockllm/model: " in out.with_suffix(".md").read_text()
    done = len(asked)
    make_data(replace(order, budget=10**6), load_families(), load_spec(), tmp_path / "again.parquet", Silent())
    assert before < done == len(asked) - 1  # the short request that shows the model can be reached
