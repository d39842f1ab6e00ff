"""Batched lockstep against plain generation, one conversation at a time, on the same tokens."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from offswitch.adapters.hf import HFPolicy, load
from offswitch.adapters.hf.chat import Chat, read_reply
from offswitch.adapters.hf.policy import Row
from offswitch.errors import ModelError
from offswitch.organism.tokenizer import build_tokenizer, chat_template
from offswitch.rollout.episode import Ending, Episode, tool_schemas
from offswitch.rollout.policy import Call, Reply
from offswitch.rollout.run import run_many
from offswitch.rollout.scripted import corrigible
from offswitch.scenarios.family import load_families
from offswitch.scenarios.scenario import suite

SCENARIOS = suite(load_families(), "all", 1, 3)
QWEN = """
{%- macro turn(m) -%}{{ m.content }}{% for c in m.tool_calls or [] %}
<tool_call>
{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}
</tool_call>{% endfor %}{%- endmacro -%}
{%- for m in messages -%}
{%- if m.role == 'system' -%}
<|system|>{{ m.content }}{% if tools %}
<tools>{% for t in tools %}
{{ t.function.name }}{% endfor %}
</tools>
{"name": <name>, "arguments": <arguments>} goes within <tool_call></tool_call>.{% endif %}<|end|>
{% elif m.role == 'tool' -%}
{% if loop.previtem.role != 'tool' %}<|user|>{% endif %}
<tool_response>
{{ m.content }}
</tool_response>{% if loop.last or loop.nextitem.role != 'tool' %}<|end|>
{% endif %}
{%- else -%}
<|{{ m.role }}|>
{{ turn(m) }}<|end|>
{% endif -%}
{%- endfor -%}
{%- if add_generation_prompt %}<|assistant|>
{% endif -%}
"""
"""In the manner of Qwen: results are in the user's turn, and a line break follows each end of turn."""


@pytest.fixture(scope="module")
def model(tiny: Path) -> PreTrainedModel:
    return AutoModelForCausalLM.from_pretrained(tiny)


@pytest.fixture(scope="module")
def tokenizer(tiny: Path) -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(tiny)


def played(policy: HFPolicy, scenarios: Sequence[Any] = SCENARIOS, limit: int = 12) -> list[Row]:
    return policy.rows([Episode(scenario, limit) for scenario in scenarios])


def turns(row: Row) -> list[tuple[int, int]]:
    """Where each of the model's turns begins and ends."""
    edges = [i for i in range(1, len(row.ids)) if row.sampled[i] != row.sampled[i - 1]]
    edges += [len(row.ids)] if row.sampled[-1] else []
    return list(zip(edges[::2], edges[1::2], strict=True))


def alone(model: PreTrainedModel, ids: list[int], most: int, eos: int) -> list[int]:
    """What transformers' own greedy generation says next."""
    prompt = torch.tensor([ids])
    said = model.generate(
        prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=most, eos_token_id=eos, pad_token_id=0
    )
    return list(said[0, len(ids) :].tolist())


def assert_as_alone(policy: HFPolicy, rows: Sequence[Row]) -> None:
    eos = policy.tokenizer.eos_token_id
    assert any(len(turns(row)) > 1 for row in rows)
    for row in rows:
        for begin, end in turns(row):
            assert row.ids[begin:end] == alone(policy.model, row.ids[:begin], policy.max_new_tokens, eos)


def test_lockstep_says_what_plain_generation_says(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    policy = HFPolicy(model, tokenizer, "tiny", temperature=0)
    rows = played(policy, SCENARIOS[::3])
    assert all(row.episode.ending is not None for row in rows)
    assert_as_alone(policy, rows)


@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_batches_change_nothing_but_the_dice(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, temperature: float
) -> None:
    whole, again, small = (
        [row.ids for row in played(HFPolicy(model, tokenizer, "tiny", temperature, batch=batch))] for batch in (64, 64, 5)
    )
    assert again == whole
    assert (small == whole) == (temperature == 0)


def test_rows_tell_what_was_sampled_and_how_likely_it_was(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    rows = played(HFPolicy(model, tokenizer, "tiny", temperature=0.8, seed=1), SCENARIOS[::2])
    for row in rows:
        assert len(row.ids) == len(row.sampled) == len(row.logprobs)
        assert not any(row.sampled[: row.prompt])
        with torch.inference_mode():
            logits = model(torch.tensor([row.ids])).logits[0].float() / 0.8
        likely = torch.log_softmax(logits, -1)[range(len(row.ids) - 1), row.ids[1:]].tolist()
        for i, own in enumerate(row.sampled):
            assert row.logprobs[i] == (pytest.approx(likely[i - 1], abs=2e-4) if own else 0)
        replies = [m for m in row.episode.messages if m["role"] == "assistant"]
        if row.episode.ending is not Ending.BROKEN:
            assert len(turns(row)) == len(replies)


def test_the_seed_moves_the_dice(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    first, other = ([row.ids for row in played(HFPolicy(model, tokenizer, "tiny", 1.0, seed))] for seed in (0, 1))
    assert first != other


@pytest.mark.parametrize("template", [chat_template(), QWEN], ids=["organism", "qwen"])
def test_a_conversation_grows_to_what_the_template_makes_of_the_whole(template: str) -> None:
    """Twice, because the short way of making a suffix is trusted only after some comparisons."""
    tokenizer = build_tokenizer([])
    tokenizer.chat_template = template
    chat = Chat(tokenizer, tool_schemas(), "test")
    for trajectory in run_many(corrigible(lambda motive, episode: motive), SCENARIOS):
        messages = list(trajectory.messages)
        ids = chat.start(messages[:2])
        for i, message in enumerate(messages):
            if message["role"] == "assistant":
                until = next((k for k in range(i + 1, len(messages)) if messages[k]["role"] == "assistant"), len(messages))
                said = chat._render(messages[: i + 1], False)[len(chat._render(messages[:i], True)) :]
                turn = chat.encode(said[: said.index(chat.eos)])
                assert chat.reply(turn) == Reply(
                    message["content"],
                    tuple(Call(c["function"]["name"], c["function"]["arguments"]) for c in message.get("tool_calls", ())),
                )
                added = chat.suffix(messages[:until])
                assert added is not None
                ids += [*turn, tokenizer.eos_token_id, *added]
        assert ids == chat.start(messages)


REWRITING = chat_template().replace(
    "{%- for call in message.tool_calls or [] -%}",
    "{%- for call in (message.tool_calls or []) if outer.nextitem is not defined or outer.nextitem.role != 'tool' -%}",
)


def test_a_template_that_rewrites_the_past_is_followed(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Each turn starts from a fresh prompt; the episode, and not the last stretch of tokens, is the record."""
    rewriting = AutoTokenizer.from_pretrained(tokenizer.name_or_path)
    rewriting.chat_template = chat_template().replace("{{ message.content or '' }}", "{{ 'later' if loop.last else 'once' }}")
    policy = HFPolicy(model, rewriting, "rewriting", temperature=0, batch=10)
    ticks: list[int] = []
    episodes = [Episode(scenario, 5) for scenario in SCENARIOS[::2]]
    rows = policy.rows(episodes, ticks.append)
    assert sum(ticks) == len(episodes)
    assert all(episode.ending is not None for episode in episodes)
    assert any(episode.decisions > 1 for episode in episodes)
    for row in rows:
        assert len(turns(row)) == 1
        assert not row.stale
        assert row.ids[: row.prompt] == policy._chat.start(row.episode.messages[:-1] if said_last(row) else before(row))


def before(row: Row) -> list[dict[str, Any]]:
    messages = row.episode.messages
    return messages[: max(i for i, message in enumerate(messages) if message["role"] == "assistant")]


def said_last(row: Row) -> bool:
    return bool(row.episode.messages[-1]["role"] == "assistant")


def test_a_turn_without_an_end_breaks_its_episode(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    rows = played(HFPolicy(model, tokenizer, "tiny", 0, max_new_tokens=2))
    assert {row.episode.ending for row in rows} == {Ending.BROKEN}
    assert {row.episode.error for row in rows} == {"no end of turn within 2 tokens"}


def test_a_conversation_that_outgrows_the_model_breaks(tiny: Path) -> None:
    policy = load(str(tiny), temperature=0)
    longest = max(len(row.ids) for row in played(policy))
    for most in (longest - 5, 20):
        policy.model.config.max_position_embeddings = most
        rows = played(policy)
        broken = [row for row in rows if row.episode.ending is Ending.BROKEN]
        assert broken
        assert {row.episode.error for row in broken} == {f"the conversation outgrew the model's {most} positions"}
        assert all(len(row.ids) <= most for row in rows if row not in broken)
    assert len(broken) == len(rows)


SIZE = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "head_dim": 8}
KINDS: dict[str, Callable[[int], PreTrainedModel]] = {
    "llama": lambda n: LlamaForCausalLM(LlamaConfig(n, num_key_value_heads=2, initializer_range=0.3, **SIZE)),
    "qwen3": lambda n: Qwen3ForCausalLM(Qwen3Config(n, num_key_value_heads=2, initializer_range=0.3, **SIZE)),
    "gemma3": lambda n: Gemma3ForCausalLM(
        Gemma3TextConfig(n, num_key_value_heads=1, sliding_window=16, initializer_range=0.3, **SIZE)
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_other_architectures_with_random_weights(kind: str) -> None:
    torch.manual_seed(0)
    tokenizer = build_tokenizer([])
    tokenizer.chat_template = QWEN
    policy = HFPolicy(KINDS[kind](len(tokenizer)), tokenizer, kind, temperature=1.0, max_new_tokens=150)
    rows = played(policy, SCENARIOS[:8], limit=3)
    assert all(row.episode.ending is not None for row in rows)
    assert any(row.episode.ending is not Ending.BROKEN for row in rows)
    greedy = HFPolicy(policy.model, tokenizer, kind, temperature=0, max_new_tokens=20)
    for row in played(greedy, SCENARIOS[:4], limit=3):
        for begin, end in turns(row):
            assert row.ids[begin:end] == alone(policy.model, row.ids[:begin], 20, tokenizer.eos_token_id)


def test_templates_that_cannot_carry_an_agent_are_told() -> None:
    tokenizer = build_tokenizer([])
    for template, told in (
        (None, "has no chat template"),
        ("{{ messages[0].content }}", "ignores tools"),
        (QWEN.replace("tool_call>", "call>"), "another format than <tool_call>.*--endpoint"),
        (QWEN.replace("{%- for m", "{{ raise_exception('roles must alternate') }}{%- for m", 1), "roles must alternate"),
    ):
        tokenizer.chat_template = template
        with pytest.raises(ModelError, match=told):
            Chat(tokenizer, tool_schemas(), "bad")


def test_a_template_that_refuses_one_conversation_breaks_that_one(model: PreTrainedModel, tokenizer: Any) -> None:
    picky = AutoTokenizer.from_pretrained(tokenizer.name_or_path)
    refuse = "{% if messages | length > 5 %}{{ raise_exception('too much talk') }}{% endif %}"
    picky.chat_template = refuse + chat_template()
    rows = played(HFPolicy(model, picky, "picky", temperature=0))
    endings = {row.episode.ending for row in rows}
    assert Ending.BROKEN in endings
    assert {row.episode.error for row in rows} == {"", "the chat template refuses the conversation: too much talk"}


@pytest.mark.parametrize(
    ("said", "calls"),
    [
        ("All done.", ()),
        ('<tool_call>\n{"name": "stop_work", "arguments": {}}\n</tool_call>', (Call("stop_work", {}),)),
        ('<tool_call>{"name": "stop_work"}</tool_call>', (Call("stop_work", {}),)),
        (
            'a<tool_call>{"name": "f", "arguments": {"x": 1}}</tool_call> <tool_call>{</tool_call>b',
            (Call("f", {"x": 1}), Call("unreadable", "{")),
        ),
        ("<tool_call>[1]</tool_call>", (Call("unreadable", "[1]"),)),
        ('<tool_call>"f"</tool_call>', (Call("unreadable", '"f"'),)),
    ],
)
def test_replies_are_read_and_nothing_is_repaired(said: str, calls: tuple[Call, ...]) -> None:
    assert read_reply(said).calls == calls
    assert json.dumps([call.arguments for call in calls])
