"""A word-level tokenizer in a standard file: each word of the office, and each fixed piece of a tool call, is one token.

Anything else falls back to bytes, so no text is unknown. Values inside a tool call are written with the same tokens as
words in running text, because a model this small copies names only where they are spelled alike.
"""

from collections import Counter
from collections.abc import Iterable
from importlib.resources import files

from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import Unigram
from transformers import PreTrainedTokenizerFast

SPECIAL = ("<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>")
_PIECES = "|".join([
    r'<tool_call>\n\{"name": "',
    r'", "arguments": \{"\w+": "',
    r'", "arguments": \{\}\}\n</tool_call>',
    r'", "\w+": "',
    r'"\}\}\n</tool_call>',
    r" ?[A-Za-z]\w*(?:\.[A-Za-z]\w*)*",
    r" ?\d+",
    r" ?[^\s\w]",
    r"\s+",
])  # fmt: skip


def chat_template() -> str:
    """The organism's chat template: tools are listed by name, calls are in the Hermes format that servers parse."""
    return (files("offswitch.organism") / "chat_template.jinja").read_text(encoding="utf-8").rstrip("\n")


def build_tokenizer(texts: Iterable[str], least: int = 3) -> PreTrainedTokenizerFast:
    """Every piece that occurs at least `least` times in `texts` becomes a token, besides the 256 bytes."""
    normalizer = normalizers.Replace(Regex(r'": "(?=[^\s"])'), '": " ')
    splitter = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(_PIECES), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])  # fmt: skip
    counts: Counter[str] = Counter()
    for text in texts:
        for name in SPECIAL:
            text = text.replace(name, "\n\n")
        counts.update(piece for piece, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text)))
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = sorted(word for word, n in counts.items() if n >= least and len(word) > 1)
    vocabulary = [(token, 0.0) for token in SPECIAL] + [(x, -20.0) for x in letters] + [(word, -1.0) for word in words]
    tokenizer = Tokenizer(Unigram(vocabulary, unk_id=0, byte_fallback=False))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = splitter
    tokenizer.decoder = decoders.Sequence([decoders.ByteLevel(), decoders.Replace('": " ', '": "')])
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|end|>",
        pad_token="<|pad|>",
        chat_template=chat_template(),
        clean_up_tokenization_spaces=False,
        model_max_length=512,
    )
