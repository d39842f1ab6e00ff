"""Any Inspect model as the teacher that writes training texts: cached on disk, retried, within a budget of tokens."""

import asyncio
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from inspect_ai.model import GenerateConfig, Model, get_model

from offswitch.adapters.inspect.chat import words
from offswitch.errors import ModelError

_RETRIES = 6
_LONGEST = 2000
_CHARACTERS = 4
"""A token is about so many characters, where a provider counts none."""


@dataclass
class Spent:
    """What was used in this process."""

    tokens: int = 0
    calls: int = 0
    cached: int = 0


class InspectTeacher:
    """A `Writer`. What it wrote is kept by content hash, so a run that stopped goes on without asking or paying twice."""

    def __init__(self, model: str | Model, cache: Path, budget: int, together: int = 16, temperature: float = 1.0) -> None:
        """`budget` is in tokens, of prompts and answers. Raises `ModelError` where Inspect has no such model."""
        config = GenerateConfig(temperature=temperature, max_tokens=_LONGEST, max_retries=_RETRIES, max_connections=together)
        try:
            self._model = model if isinstance(model, Model) else get_model(model, config=config, memoize=False)
        except Exception as error:  # every provider has its own
            raise ModelError(f"there is no teacher model {model!r}: {words(error)}") from error
        self.name, self.budget, self.spent = str(self._model), budget, Spent()
        self._cache, self._together, self._temperature = cache, together, temperature

    def __str__(self) -> str:
        spent = self.spent
        return (
            f"{self.name} used {spent.tokens:,} of {self.budget:,} tokens in {spent.calls:,} calls; "
            f"{spent.cached:,} answers were there already."
        )

    def write(self, prompts: Sequence[str]) -> list[str | None]:
        """As `Writer.write`. An answer that is empty, cut or withheld is None."""
        return asyncio.run(self._write(prompts))

    async def _write(self, prompts: Sequence[str]) -> list[str | None]:
        places = asyncio.Semaphore(self._together)

        async def one(prompt: str) -> str | None:
            async with places:
                return await self._one(prompt)

        done = await asyncio.gather(*(one(prompt) for prompt in prompts), return_exceptions=True)
        failed = next((found for found in done if isinstance(found, BaseException)), None)
        if failed is not None:
            raise failed
        return [found if isinstance(found, str) else None for found in done]

    async def _one(self, prompt: str) -> str | None:
        path = self._path(prompt)
        if path.is_file():
            self.spent.cached += 1
            return str(json.loads(path.read_text(encoding="utf-8"))["text"]) or None
        if self.spent.tokens >= self.budget:
            raise ModelError(
                f"the budget is used up: {self} What was written is kept; the same command with a larger --budget goes on."
            )
        try:
            output = await self._model.generate(prompt, config=GenerateConfig(temperature=self._temperature))
        except Exception as error:  # every provider has its own
            raise ModelError(
                f"the teacher {self.name} cannot be reached or refuses: {words(error)}. What was written is kept; "
                "the same command goes on."
            ) from error
        usage = output.usage
        counted = (
            usage.total_tokens if usage and usage.total_tokens else (len(prompt) + len(output.completion)) // _CHARACTERS
        )
        self.spent.tokens += counted
        self.spent.calls += 1
        text = output.completion.strip() if output.stop_reason == "stop" else ""
        _keep(path, text)
        return text or None

    def _path(self, prompt: str) -> Path:
        told = json.dumps([self.name, self._temperature, _LONGEST, prompt])
        return self._cache / f"{hashlib.sha256(told.encode()).hexdigest()[:32]}.json"


def _keep(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(json.dumps({"text": text}), encoding="utf-8")
    os.replace(part, path)
