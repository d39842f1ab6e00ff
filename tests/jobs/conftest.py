"""Model folders, whole and broken, and the command line as a function."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from offswitch.cli import main

Run = Callable[..., Result]


@pytest.fixture
def offswitch() -> Run:
    """The command line in this process; standard output and standard error apart."""

    def run(*arguments: str | Path) -> Result:
        return CliRunner().invoke(main, [str(argument) for argument in arguments])

    return run


@pytest.fixture(scope="session")
def folder_with(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str | None], Path]:
    """A loadable model folder of random weights with the given chat template."""

    def make(template: str | None, texts: Sequence[str] = ()) -> Path:
        from transformers import LlamaConfig, LlamaForCausalLM

        from offswitch.organism.tokenizer import build_tokenizer

        folder = tmp_path_factory.mktemp("model")
        tokenizer = build_tokenizer(texts)
        tokenizer.chat_template = template
        tokenizer.save_pretrained(folder)
        size = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
        LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **size)).save_pretrained(folder)
        return folder

    return make
