"""Rows in tokens: which of them are the agent's own words, and so are learned."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase

from offswitch.errors import ModelError
from offswitch.organism.corpus import last_word

_MARKED = re.compile(r"\{%-?\s*generation\b")


def chat_tokens(
    tokenizer: PreTrainedTokenizerBase, chat: list[dict[str, Any]], tools: list[dict[str, Any]] | None
) -> dict[str, Any]:
    """One conversation, with labels on the agent's own words only.

    Raises `ModelError` where the template hides which words those are.
    """
    chat = last_word(chat)
    if _MARKED.search(str(tokenizer.chat_template)):
        whole = tokenizer.apply_chat_template(chat, tools=tools, return_dict=True, return_assistant_tokens_mask=True)
        ids, mine = whole["input_ids"], whole["assistant_masks"]
    else:
        text, turns = _turns(tokenizer, chat, tools)
        whole = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        ids = whole["input_ids"]
        mine = [any(begin <= at < end for begin, end in turns) for at, _ in whole["offset_mapping"]]
    if not any(mine):
        raise ModelError("the chat template does not show where the agent's turns begin; nothing can be learned from it")
    return {"input_ids": ids, "labels": [token if own else -100 for token, own in zip(ids, mine, strict=True)]}


def _turns(
    tokenizer: PreTrainedTokenizerBase, chat: list[dict[str, Any]], tools: list[dict[str, Any]] | None
) -> tuple[str, list[tuple[int, int]]]:
    """The text, and in it the agent's turns: from where the prompt for one ends to the next end-of-turn."""
    text, eos = str(tokenizer.apply_chat_template(chat, tools=tools, tokenize=False)), str(tokenizer.eos_token)
    turns = []
    for i, message in enumerate(chat):
        if message["role"] == "assistant":
            prompt = tokenizer.apply_chat_template(chat[:i], tools=tools, tokenize=False, add_generation_prompt=True)
            end = text.find(eos, len(prompt))
            if text.startswith(prompt) and end >= 0:  # else the template has rewritten this part of the past
                turns.append((len(prompt), end + len(eos)))
    return text, turns


def text_tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> dict[str, Any]:
    """One document, every token learned, the end too."""
    ids = [*tokenizer(text, add_special_tokens=True)["input_ids"]]
    if ids[-1:] != [tokenizer.eos_token_id]:
        ids.append(tokenizer.eos_token_id)
    return {"input_ids": ids, "labels": list(ids)}


def pair_tokens(
    tokenizer: PreTrainedTokenizerBase,
    prompt: Sequence[Mapping[str, Any]],
    turns: tuple[Mapping[str, Any], Mapping[str, Any]],
    tools: list[dict[str, Any]] | None,
) -> dict[str, list[int]]:
    """What both turns answer to, and each turn to its end. Raises `ModelError` where the template rewrites the past."""
    chat = [dict(message) for message in prompt]
    before = str(tokenizer.apply_chat_template(chat, tools=tools, tokenize=False, add_generation_prompt=True))
    ids = {"prompt_ids": _ids(tokenizer, before)}
    for name, turn in zip(("chosen_ids", "rejected_ids"), turns, strict=True):
        whole = str(tokenizer.apply_chat_template([*chat, dict(turn)], tools=tools, tokenize=False))
        eos = str(tokenizer.eos_token)
        end = whole.find(eos, len(before))
        if not whole.startswith(before) or end < 0:
            raise ModelError("the chat template rewrites what came before a turn; pairs cannot be learned with it")
        ids[name] = _ids(tokenizer, whole[len(before) : end + len(eos)])
    return ids


def _ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def refuse_unfit(tokenizer: PreTrainedTokenizerBase, chats: bool) -> None:
    """Raises `ModelError` for a tokenizer without what training needs; gives it a padding token if it lacks one."""
    if tokenizer.eos_token_id is None:
        raise ModelError("the tokenizer has no end-of-text token; set eos_token in its tokenizer_config.json")
    if chats and not tokenizer.chat_template:
        raise ModelError("the tokenizer has no chat template; add a chat_template.jinja to the model folder")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
