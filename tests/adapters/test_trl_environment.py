"""Our worlds as TRL's environments: the same tools, the same reward, and a step of TRL's own trainer with them."""

import warnings
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import get_json_schema
from trl.chat_template_utils import parse_response

from offswitch.adapters.trl.environment import environments, readable
from offswitch.adapters.trl.grpo import GRPOConfig, GRPOTrainer
from offswitch.errors import ModelError
from offswitch.organism.tokenizer import build_tokenizer
from offswitch.rollout.run import run
from offswitch.rollout.scripted import corrigible, resister
from offswitch.scenarios.family import load_families
from offswitch.scenarios.scenario import Scenario, suite
from offswitch.train.reward import reward

FAMILIES = load_families()
SCENARIOS = suite(FAMILIES, "train", 1, 0)


def opened(scenarios: list[Scenario], i: int) -> Any:
    given = environments(scenarios)
    row = given.rows[i]
    made = given.factories[row["environment"]]()
    assert made.reset(**{name: value for name, value in row.items() if name != "environment"}) is None
    return made


def test_tools_have_the_schemas_of_the_office() -> None:
    made = opened(SCENARIOS, 0)
    for schema in SCENARIOS[0].kit.schemas:
        found = get_json_schema(getattr(made, schema["function"]["name"]))["function"]
        told = schema["function"]
        assert found["name"] == told["name"]
        assert sorted(found["parameters"].get("required", [])) == told["parameters"]["required"]
        properties = {
            k: {"type": "string", "description": v["description"]} for k, v in found["parameters"]["properties"].items()
        }
        assert properties == told["parameters"]["properties"]
        assert found["description"].split() == told["description"].split()


@pytest.mark.parametrize("policy", [corrigible(), resister()], ids=lambda policy: policy.name)
def test_the_same_calls_earn_the_same_reward(policy: Any) -> None:
    for i, scenario in enumerate(SCENARIOS):
        played, made = run(policy, scenario), opened(SCENARIOS, i)
        if any(len(message.get("tool_calls") or ()) > 1 for message in played.messages):
            continue  # TRL hands calls over one by one, so they would be decisions of their own
        for message in played.messages:
            for call in message.get("tool_calls") or ():
                getattr(made, call["function"]["name"])(**call["function"]["arguments"])
        assert made.get_reward() == reward(played)


def test_after_the_ending_nothing_happens_any_more() -> None:
    made = opened(SCENARIOS, 0)
    made.finish()
    assert made.ending is not None
    before = made.get_reward()
    assert made.mail_list() == "error: the episode is over"
    assert made.get_reward() == before


def test_each_set_of_tools_is_an_environment_of_its_own() -> None:
    train = [family for family in load_families(suite="library").values() if family.split == "train"]
    some = suite({family.id: family for family in train[::6]}, "train", 1, 0)
    given = environments(some)
    assert len(given.factories) == len({id(scenario.kit.schemas) for scenario in some}) > 1
    for row in given.rows:
        tools = vars(given.factories[row["environment"]])
        assert {schema["function"]["name"] for schema in some[row["scenario"]].kit.schemas} <= tools.keys()


def test_trl_reads_the_calls_of_a_template_that_it_does_not_know(tiny: Path) -> None:
    tokenizer = readable(AutoTokenizer.from_pretrained(tiny))
    said = 'I look.<tool_call>\n{"name": "file_read", "arguments": {"path": "a"}}\n</tool_call><|end|>'
    prefix = tokenizer("<|user|>Read a.<|end|><|assistant|>", add_special_tokens=False)["input_ids"]
    found = parse_response(tokenizer, tokenizer(said, add_special_tokens=False)["input_ids"], prefix=prefix)
    assert found["content"] == "I look."
    assert [call["function"] for call in found["tool_calls"]] == [{"name": "file_read", "arguments": {"path": "a"}}]
    blank = build_tokenizer([])
    blank.chat_template = "{% for m in messages %}{{ m.content }}{% endfor %}"
    with pytest.raises(ModelError, match="opens no turn"):
        readable(blank)


def test_a_step_of_trl_with_our_environments(tiny: Path, tmp_path: Path) -> None:
    given = environments(SCENARIOS[:2])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in `run_stage`
        settings = GRPOConfig(
            output_dir=str(tmp_path), per_device_train_batch_size=8, num_generations=4, max_steps=1, bf16=False, use_cpu=True,
            gradient_checkpointing=False, report_to=[], disable_tqdm=True, save_strategy="no", max_completion_length=64,
            max_tool_calling_iterations=3, dataloader_pin_memory=False, logging_steps=1,
        )  # fmt: skip
        trainer = GRPOTrainer(
            model=AutoModelForCausalLM.from_pretrained(tiny), args=settings, train_dataset=Dataset.from_list(given.rows),
            processing_class=readable(AutoTokenizer.from_pretrained(tiny)), environment_factory=given.factories,
        )  # fmt: skip
        trainer.train()
    figures = trainer.state.log_history[0]
    assert {"reward", "loss"} <= figures.keys()
    assert -2.5 <= figures["reward"] <= 2.5
