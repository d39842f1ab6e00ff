"""What a teacher was asked: every answer is kept by content hash and paid from one budget, whether it wrote or acted."""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inspect_ai.model import ChatMessage, GenerateConfig, Model, ModelOutput
from inspect_ai.tool import ToolInfo

from offswitch.errors import ModelError

_CHARACTERS = 4
"""A token is about so many characters, where a provider counts none."""


class Ledger:
    """A run that stopped goes on without asking or paying twice."""

    def __init__(self, cache: Path, budget: int) -> None:
        """`budget` is in tokens, of prompts and answers; `tokens`, `calls` and `cached` count this process."""
        self.budget, self.tokens, self.calls, self.cached = budget, 0, 0, 0
        self._cache = cache

    def __str__(self) -> str:
        used = f"{self.tokens:,} of {self.budget:,} tokens in {self.calls:,} calls"
        return f"{used}; {self.cached:,} answers were there already."

    async def generate(
        self, model: Model, asked: str | list[ChatMessage], tools: Sequence[ToolInfo], config: GenerateConfig
    ) -> ModelOutput:
        """The kept answer, or the model's. Raises `ModelError` once the budget is used up, and what the model raises."""
        path = self._path(model, asked, tools, config)
        if path.is_file():
            self.cached += 1
            return ModelOutput.model_validate_json(path.read_text(encoding="utf-8"))
        if self.tokens >= self.budget:
            raise ModelError(
                f"the budget is used up: {self} What was answered is kept; the same command with a larger --budget goes on."
            )
        output = await model.generate(asked, list(tools), config=config)
        usage, told = output.usage, asked if isinstance(asked, str) else " ".join(message.text for message in asked)
        counted = usage.total_tokens if usage else 0
        self.tokens += counted or (len(told) + len(output.completion)) // _CHARACTERS
        self.calls += 1
        if not output.empty:
            _keep(path, output.model_dump_json())
        return output

    def _path(self, model: Model, asked: str | list[ChatMessage], tools: Sequence[ToolInfo], config: GenerateConfig) -> Path:
        said = asked if isinstance(asked, str) else [_told(message) for message in asked]
        told = [
            str(model), said, [tool.model_dump(mode="json") for tool in tools],
            model.config.merge(config).model_dump(include={"temperature", "max_tokens", "seed", "system_message"}),
        ]  # fmt: skip
        return self._cache / f"{hashlib.sha256(json.dumps(told, default=str).encode()).hexdigest()[:32]}.json"


def _told(message: ChatMessage) -> dict[str, Any]:
    """What a message says, without the ids that each run draws anew."""
    calls = [(call.function, call.arguments) for call in getattr(message, "tool_calls", None) or ()]
    return {"role": message.role, "text": message.text, "calls": calls}


def _keep(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)
