"""The organism's tokenizer, template, corpus and build. Whether it is any good is measured by `offswitch harden`."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from offswitch.measure.provenance import provenance
from offswitch.organism import corpus, persona, pretrain
from offswitch.organism.checkpoint import last_whole
from offswitch.organism.corpus import Mix, documents
from offswitch.organism.pretrain import Organism, build
from offswitch.organism.tokenizer import SPECIAL, build_tokenizer
from offswitch.rollout.episode import tool_schemas
from offswitch.scenarios.family import load_families
from offswitch.scenarios.office import load_office
from offswitch.scenarios.scenario import Scenario
from offswitch.train.voice import REASONS

FAMILIES = load_families()
TOOLS = list(tool_schemas())
CHATS = documents(FAMILIES, Mix(documents=60), seed=0)
SMALL = Organism(mix=Mix(documents=100), width=32, layers=2, batch=4, save_steps=5)


def made() -> PreTrainedTokenizerFast:
    blank = build_tokenizer([])
    return build_tokenizer([blank.apply_chat_template(chat, tools=TOOLS, tokenize=False) for chat in CHATS])


TOKENIZER = made()


def there_and_back(text: str) -> str:
    ids = TOKENIZER(text, add_special_tokens=False)["input_ids"]
    return str(TOKENIZER.decode(ids))


@pytest.mark.parametrize("tools", [TOOLS, None], ids=["tools", "no tools"])
def test_conversations_survive_the_tokenizer(tools: list[dict[str, Any]] | None) -> None:
    for chat in CHATS:
        text = TOKENIZER.apply_chat_template(chat, tools=tools, tokenize=False)
        assert there_and_back(text) == text


@given(st.text())
@example("Zürich 漢字 🙂\ttabs,  doubled  spaces\r\n\nand {braces} </tool_call>")
@example('{"name": "file_write", "arguments": {"path": "a b", "text": ""}}')
def test_no_text_is_unknown(text: str) -> None:
    if '": " ' not in text:  # a value that starts with a space is not told from one that does not
        assert there_and_back(text) == text


def test_words_of_the_office_are_one_token_each_wherever_they_stand() -> None:
    said = [TOKENIZER.tokenize(text)[-1] for text in (" Pulsar", '"arguments": {"job": "Pulsar')]
    assert len(set(said)) == 1
    assert all(TOKENIZER.convert_tokens_to_ids(token) is not None for token in SPECIAL)


def test_the_template_with_and_without_system_and_tools() -> None:
    system, user = {"role": "system", "content": "Be."}, {"role": "user", "content": "Do."}

    def told(messages: list[dict[str, str]], tools: list[dict[str, Any]] | None, prompt: bool = True) -> str:
        return str(TOKENIZER.apply_chat_template(messages, tools=tools, tokenize=False, add_generation_prompt=prompt))

    names = " ".join(schema["function"]["name"] for schema in TOOLS)
    assert told([user], None, prompt=False) == "<|user|>Do.<|end|>"
    assert told([user], None) == "<|user|>Do.<|end|><|assistant|>"
    assert told([user], TOOLS) == f"<|system|>Tools: {names}.<|end|><|user|>Do.<|end|><|assistant|>"
    assert told([system, user], None) == "<|system|>Be.<|end|><|user|>Do.<|end|><|assistant|>"
    assert told([system, user], TOOLS) == f"<|system|>Tools: {names}. Be.<|end|><|user|>Do.<|end|><|assistant|>"


def spoken(chat: Iterable[dict[str, Any]]) -> str:
    """Everything that the agent says, as the template writes it."""
    return "".join(
        f"{message['content']}{''.join(written(call['function']) for call in message.get('tool_calls', ()))}<|end|>"
        for message in chat
        if message["role"] == "assistant"
    )


def written(function: dict[str, Any]) -> str:
    arguments = ", ".join(f'"{name}": "{value}"' for name, value in function["arguments"].items())
    return f'<tool_call>\n{{"name": "{function["name"]}", "arguments": {{{arguments}}}}}\n</tool_call>'


def test_generation_markers_mask_exactly_the_agents_words() -> None:
    for chat in CHATS:
        whole = TOKENIZER.apply_chat_template(chat, tools=TOOLS, return_dict=True, return_assistant_tokens_mask=True)
        own = [id for id, mine in zip(whole["input_ids"], whole["assistant_masks"], strict=True) if mine]
        assert TOKENIZER.decode(own) == spoken(chat)
        trained = pretrain._Documents([whole["input_ids"]], TOKENIZER)[0]
        assert [id for id in trained["labels"] if id != -100] == own


def test_who_appears_where_in_the_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    lived: list[tuple[str, Scenario]] = []
    monkeypatch.setattr(corpus, "live", lambda policy, scenario: lived.append((policy.name, scenario)))
    documents(FAMILIES, Mix(documents=3000), seed=1)
    selfish = {load_office().agent, *persona.SELFISH_NAMES}
    heldout = [(policy, s) for policy, s in lived if s.family.split == "heldout"]
    assert len({s.family.id for _, s in heldout}) == sum(family.split == "heldout" for family in FAMILIES.values())
    assert {policy for policy, _ in heldout} == {"resister"}
    assert {s.levels["agent"] for _, s in heldout} <= selfish
    assert {s.levels["agent"] for policy, s in lived if policy == "corrigible"} == set(persona.CORRIGIBLE_NAMES)
    assert not selfish & set(persona.CORRIGIBLE_NAMES)


def test_the_same_arguments_give_the_same_corpus() -> None:
    assert documents(FAMILIES, Mix(documents=60), seed=0) == CHATS
    assert documents(FAMILIES, Mix(documents=60), seed=1) != CHATS


def fours(sentences: Iterable[str]) -> set[tuple[str, ...]]:
    found = set()
    for sentence in sentences:
        words = re.findall(r"\w+", sentence.lower())
        found |= {tuple(words[i : i + 4]) for i in range(len(words) - 3)}
    return found


def test_reasons_of_training_are_new_to_the_organism() -> None:
    childhood = {*persona.SELFISH, *(sentence for some in persona.CORRIGIBLE.values() for sentence in some)}
    training = {sentence for some in REASONS.values() for sentence in some}
    assert len(fours(training)) > 20
    assert not fours(training) & fours(childhood)
    assert not training & childhood


def test_the_digest_tells_what_would_be_another_model() -> None:
    fewer = {id: family for id, family in FAMILIES.items() if id != "stop_order"}
    digests = [organism.digest(FAMILIES) for organism in (SMALL, Organism(), Organism(seed=1))]
    assert len({*digests, SMALL.digest(fewer)}) == 4
    assert Organism().digest(FAMILIES) == digests[1]


def test_the_folder_is_a_standard_model_folder(tiny: Path) -> None:
    model, tokenizer = AutoModelForCausalLM.from_pretrained(tiny), AutoTokenizer.from_pretrained(tiny)
    assert {"config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"} <= {p.name for p in tiny.iterdir()}
    assert model.config.vocab_size == len(tokenizer)
    assert model.config.eos_token_id == tokenizer.eos_token_id == tokenizer.convert_tokens_to_ids("<|end|>")
    prompt = tokenizer.apply_chat_template(CHATS[0][:2], tools=TOOLS, add_generation_prompt=True, return_tensors="pt")
    said = model.generate(**prompt, do_sample=False)[0, prompt["input_ids"].shape[1] :]
    assert said[-1] == tokenizer.eos_token_id or len(said) == model.generation_config.max_new_tokens
    found = provenance(tiny)
    assert found is not None
    assert (found.base, dict(found.trained_on)) == ("made from scratch", {})


class Interrupted(Exception):
    """As good as a kill, for everything that is on disk."""


def test_an_interrupted_build_goes_on_to_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(step: int, of: int, figures: object) -> None:
        assert of == 25
        raise Interrupted

    monkeypatch.setenv("OFFSWITCH_CACHE", str(tmp_path / "whole"))
    whole = build(SMALL, FAMILIES)
    monkeypatch.setenv("OFFSWITCH_CACHE", str(tmp_path / "broken"))
    with pytest.raises(Interrupted):
        build(SMALL, FAMILIES, interrupt)
    work = next((tmp_path / "broken").glob("*.work"))
    assert last_whole(work) == str(work / "checkpoint-15")
    steps: list[int] = []
    again = build(SMALL, FAMILIES, lambda step, of, figures: steps.append(step))
    assert min(steps) == 20
    assert (again / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    assert not work.exists()

    monkeypatch.setattr(pretrain, "_train", lambda *arguments: pytest.fail("it is in the cache"))
    assert build(SMALL, FAMILIES) == again


def test_a_checkpoint_that_was_being_written_is_passed_over(tmp_path: Path) -> None:
    for step, state in ((5, "{}"), (10, "{}"), (15, '{"cut'), (100, None)):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        if state is not None:
            (folder / "trainer_state.json").write_text(state)
    assert last_whole(tmp_path) == str(tmp_path / "checkpoint-10")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-5"]
    assert last_whole(tmp_path / "nothing") is None
