"""Qwen3 and Llama with random weights and their own chat templates: played, trained, merged, saved, loaded again."""

from importlib.resources import files
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from offswitch.adapters import trl
from offswitch.adapters.hf import HFPolicy, load, parameters
from offswitch.adapters.hf.chat import Chat
from offswitch.adapters.trl.tokens import chat_tokens
from offswitch.organism.tokenizer import build_tokenizer
from offswitch.rollout.episode import Episode, tool_schemas
from offswitch.rollout.policy import Call
from offswitch.scenarios.family import load_families
from offswitch.scenarios.scenario import suite
from offswitch.train.dial import LARGE, fitted
from offswitch.train.ingredient import conversations
from offswitch.train.ingredients import Preferences
from offswitch.train.material import offline, stage_rows
from offswitch.train.recipe import Lora, Preference, Reinforcement, Stage, Supervised, load_recipe

FAMILIES = load_families()
CHATS = conversations(Supervised(kind="sft", demonstrations=4, replay=4), FAMILIES, 0)
TOOLS = [dict(schema) for schema in tool_schemas()]
ENDS = {"qwen3": "<|im_end|>", "llama3_1": "<|eot_id|>"}
SIZE = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "head_dim": 8}
LORA = Lora(rank=4, alpha=8)
STAGES: tuple[Stage, ...] = (
    Supervised(kind="sft", demonstrations=2, replay=2, batch=2, lora=LORA),
    Preference(kind="dpo", batch=4, data=(Preferences(kind="preferences", rows=4),), lora=LORA),
    Reinforcement(kind="rl", steps=1, episodes=8, group=4, lora=LORA),
)


def tokenizer_of(kind: str) -> PreTrainedTokenizerFast:
    """The organism's words under the template that the models of this kind come with."""
    template = (files("trl") / "chat_templates" / f"{kind}.jinja").read_text(encoding="utf-8")
    blank = build_tokenizer([])
    blank.chat_template = template
    texts = [str(blank.apply_chat_template(chat, tools=TOOLS, tokenize=False)) for chat in CHATS]
    tokenizer = build_tokenizer(texts, least=1)
    tokenizer.add_special_tokens({"eos_token": ENDS[kind]})
    tokenizer.chat_template = template
    return tokenizer


@pytest.fixture(scope="module", params=ENDS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose turns soon end."""
    made, tokenizer = tmp_path_factory.mktemp(request.param), tokenizer_of(request.param)
    torch.manual_seed(0)
    given = {"vocab_size": len(tokenizer), "num_key_value_heads": 2, "tie_word_embeddings": False, **SIZE}
    ends = {"eos_token_id": tokenizer.eos_token_id, "max_position_embeddings": 8192}
    model = (
        Qwen3ForCausalLM(Qwen3Config(**given, **ends))
        if request.param == "qwen3"
        else LlamaForCausalLM(LlamaConfig(**given, **ends))
    )
    model.generation_config.max_new_tokens = 12
    model.save_pretrained(made)
    tokenizer.save_pretrained(made)
    return made


@pytest.mark.parametrize("kind", ENDS)
def test_calls_of_the_template_are_read_back(kind: str) -> None:
    chat = Chat(tokenizer_of(kind), TOOLS, kind)
    for messages in CHATS:
        for i, message in enumerate(messages):
            if message.get("tool_calls"):
                before = chat.tokenizer.apply_chat_template(
                    messages[:i], tools=TOOLS, tokenize=False, add_generation_prompt=True
                )
                whole = chat.tokenizer.apply_chat_template(messages[: i + 1], tools=TOOLS, tokenize=False)
                said = chat.reply(chat.encode(str(whole)[len(str(before)) :]))
                function = message["tool_calls"][0]["function"]
                assert said.calls == (Call(function["name"], function["arguments"]),)


@pytest.mark.parametrize("kind", ENDS)
def test_every_turn_of_the_agent_is_learned_and_nothing_else(kind: str) -> None:
    tokenizer = tokenizer_of(kind)
    assert "generation %}" not in str(tokenizer.chat_template)
    for chat in CHATS:
        rows = chat_tokens(tokenizer, [dict(message) for message in chat], TOOLS)
        learned = [token for token, label in zip(rows["input_ids"], rows["labels"], strict=True) if label != -100]
        said = tokenizer.decode(learned)
        calls = [call for message in chat for call in message.get("tool_calls") or ()]
        assert said.count(ENDS[kind]) == sum(message["role"] == "assistant" for message in chat)
        assert all(f'"name": "{call["function"]["name"]}"' in said for call in calls)
        assert "Given the following functions" not in said
        assert not any(message["content"] in said for message in chat if message["role"] in ("user", "system"))


@pytest.mark.parametrize(
    "stage", [pytest.param(one, id=one.kind, marks=[pytest.mark.slow] if one.kind == "dpo" else []) for one in STAGES]
)
def test_a_stage_is_trained_merged_saved_and_played(folder: Path, tmp_path: Path, stage: Stage) -> None:
    rows = stage_rows(stage, offline(FAMILIES, 0)) if isinstance(stage, Preference) else []
    figures: list[float] = []
    trl.run_stage(
        stage, folder, tmp_path / "out", FAMILIES, 0,
        lambda model, tokenizer, rl: HFPolicy(model, tokenizer, "t", rl.temperature),
        lambda step, of, told: figures.append(told.get("loss", told.get("train_loss", 0.0))), rows,
    )  # fmt: skip
    assert figures
    assert not list((tmp_path / "out").glob("adapter*"))
    assert parameters(tmp_path / "out") == parameters(folder)
    assert (
        AutoTokenizer.from_pretrained(tmp_path / "out").chat_template == AutoTokenizer.from_pretrained(folder).chat_template
    )
    policy = load(str(tmp_path / "out"))
    played = policy.rows([Episode(scenario, 2) for scenario in suite(FAMILIES, "train", 1, 0)[:2]])
    assert all(row.episode.ending is not None for row in played)


def test_recipes_that_ship_are_fitted_to_large_models_only() -> None:
    recipe = load_recipe("full")
    assert fitted(recipe, LARGE - 1) == recipe
    for size in (5e8, 8e9, 32e9):
        stages = fitted(recipe, int(size)).stages
        assert all(stage.lora is not None and stage.learning_rate <= 2e-4 for stage in stages)
    small, large = (fitted(recipe, int(size)).stages[1] for size in (5e8, 32e9))
    assert small.learning_rate > large.learning_rate
    assert small.lora is not None
    assert large.lora is not None
    assert small.lora.rank < large.lora.rank
