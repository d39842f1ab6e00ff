"""Batched lockstep against plain generation, one conversation at a time, on the same tokens."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
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
from offswitch.scenarios.scenario import Scenario, suite

torch.set_num_threads(1)
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


SIZE = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "head_dim": 8}
KINDS: dict[str, Callable[[int], PreTrainedModel]] = {
    "llama": lambda n: LlamaForCausalLM(LlamaConfig(vocab_size=n, num_key_value_heads=2, initializer_range=0.3, **SIZE)),
    "qwen3": lambda n: Qwen3ForCausalLM(Qwen3Config(vocab_size=n, num_key_value_heads=2, initializer_range=0.3, **SIZE)),
    "gemma3": lambda n: Gemma3ForCausalLM(
        Gemma3TextConfig(vocab_size=n, num_key_value_heads=1, sliding_window=16, initializer_range=0.3, **SIZE)
    ),
}


def made(kind: str = "llama", template: str = QWEN, ends: float = 5.0, **options: Any) -> HFPolicy:
    """A model of random weights whose turns end soon, the sooner the larger `ends`; each turn is taken to list the files."""
    torch.manual_seed(0)
    tokenizer = build_tokenizer([])
    tokenizer.chat_template = template
    model = KINDS[kind](len(tokenizer))
    head = torch.nn.Linear(SIZE["hidden_size"], len(tokenizer))
    torch.nn.init.normal_(head.weight, std=0.3)
    torch.nn.init.zeros_(head.bias)
    head.bias.data[tokenizer.eos_token_id] = ends
    model.lm_head = head
    policy = HFPolicy(model, tokenizer, kind, **{"temperature": 0, "max_new_tokens": 60, **options})
    policy.chat(tool_schemas()).reply = lambda ids: Reply("", (Call("file_list", {}),))  # type: ignore[method-assign]
    return policy


def played(policy: HFPolicy, scenarios: Sequence[Scenario] = SCENARIOS[:6], limit: int = 3) -> list[Row]:
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
    for row in rows:
        assert row.episode.ending is not None
        for begin, end in turns(row):
            said = alone(policy.model, row.ids[:begin], policy.max_new_tokens, policy.tokenizer.eos_token_id)
            assert row.ids[begin:end] == said


@pytest.mark.parametrize("kind", KINDS)
def test_lockstep_says_what_plain_generation_says(kind: str) -> None:
    policy = made(kind)
    rows = played(policy)
    assert_as_alone(policy, rows)
    assert {len(turns(row)) for row in rows} >= {3}
    assert {row.episode.ending for row in rows} >= {Ending.OUT_OF_STEPS}


def test_a_folder_is_loaded_and_played(tiny: Path) -> None:
    policy = load(str(tiny), temperature=0)
    assert policy.max_new_tokens == 48  # the folder's own setting
    assert_as_alone(policy, played(policy, SCENARIOS[::3], limit=12))


@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_batches_change_nothing_but_the_dice(temperature: float) -> None:
    whole, again, small = ([row.ids for row in played(made(temperature=temperature, batch=n))] for n in (64, 64, 4))
    assert again == whole
    assert (small == whole) == (temperature == 0)


def test_the_seed_moves_the_dice() -> None:
    first, other = ([row.ids for row in played(made(temperature=1.0, seed=seed))] for seed in (0, 1))
    assert first != other


def test_rows_tell_what_was_sampled_and_how_likely_it_was() -> None:
    policy = made(temperature=0.8)
    for row in played(policy):
        assert len(row.ids) == len(row.sampled) == len(row.logprobs)
        assert not any(row.sampled[: row.prompt])
        with torch.inference_mode():
            logits = policy.model(torch.tensor([row.ids])).logits[0].float() / 0.8
        likely = torch.log_softmax(logits, -1)[range(len(row.ids) - 1), row.ids[1:]].tolist()
        for i, own in enumerate(row.sampled):
            assert row.logprobs[i] == (pytest.approx(likely[i - 1], abs=2e-4) if own else 0)
        replies = sum(message["role"] == "assistant" for message in row.episode.messages)
        assert len(turns(row)) == replies + (row.episode.ending is Ending.BROKEN)


def test_a_trainer_finds_the_model_in_the_mode_that_it_left_it_in() -> None:
    policy = made()
    for training in (True, False):
        policy.model.train(training)
        played(policy, SCENARIOS[:1])
        assert policy.model.training is training


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


def test_a_template_that_rewrites_the_past_is_followed() -> None:
    """Each turn starts from a fresh prompt; the episode, and not the last stretch of tokens, is the record."""
    rewriting = QWEN.replace("{{ turn(m) }}", "{{ turn(m) if loop.last else 'said before' }}")
    policy = made(template=rewriting, batch=4)
    ticks: list[int] = []
    episodes = [Episode(scenario, 4) for scenario in SCENARIOS[:6]]
    rows = policy.rows(episodes, ticks.append)
    assert sum(ticks) == len(episodes)
    assert {episode.ending for episode in episodes} >= {Ending.OUT_OF_STEPS}
    for row in rows:
        (begin, end), messages = turns(row)[-1], row.episode.messages
        assert (begin, end) == (row.prompt, len(row.ids))
        assert not row.stale
        if row.episode.ending is Ending.OUT_OF_STEPS:
            assert row.episode.decisions == 4
            last = max(i for i, message in enumerate(messages) if message["role"] == "assistant")
            assert row.ids[:begin] == policy.chat(tool_schemas()).start(messages[:last])
            assert b"said before" in policy.tokenizer.decode(row.ids[:begin]).encode()


def test_a_turn_without_an_end_breaks_its_episode() -> None:
    rows = played(made(ends=-1e9, max_new_tokens=5))
    assert {row.episode.ending for row in rows} == {Ending.BROKEN}
    assert {row.episode.error for row in rows} == {"no end of turn within 5 tokens"}
    assert {len(row.ids) - row.prompt for row in rows} == {5}


@pytest.mark.parametrize("more", [-1, 3])
def test_a_conversation_that_outgrows_the_model_breaks(more: int) -> None:
    """Before the first token, or in the middle of a turn."""
    policy = made(ends=-1e9)
    policy.model.config.max_position_embeddings = most = more + max(row.prompt for row in played(policy))
    longest = max(played(policy), key=lambda row: row.prompt)
    assert longest.episode.error == f"the conversation outgrew the model's {most} positions"
    assert len(longest.ids) == max(most, longest.prompt)


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


def test_a_template_that_refuses_one_conversation_breaks_that_one() -> None:
    refuse = (
        "{% if messages | length > 4 and 'test' in messages[0].content %}{{ raise_exception('too much talk') }}{% endif %}"
    )
    for row in played(made(template=refuse + QWEN)):
        refused = row.episode.error == "the chat template refuses the conversation: too much talk"
        assert refused == (row.episode.ending is Ending.BROKEN and "test" in row.episode.messages[0]["content"])


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


def test_a_future_goes_on_from_the_very_tokens_of_its_past() -> None:
    """At temperature 0 a fork of a cut episode ends as the whole one, in the tokens too; other draws throw other dice."""
    policy = made(ends=3.0)
    whole = played(policy, limit=3)
    cut = played(policy, limit=1)
    onward = policy.rows([row.episode.onward(3) for row in cut])
    assert [row.ids for row in onward] == [row.ids for row in whole]
    assert [row.sampled for row in onward] == [row.sampled for row in whole]
    hot = made(ends=1.0, temperature=1.0)
    past = next(row for row in played(hot, limit=1) if row.episode.ending is not Ending.BROKEN)
    draws = [hot.rows([past.episode.onward(2, draw=draw)])[0].ids for draw in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]
    assert draws[0][: len(past.ids)] == past.ids
