"""Any Inspect model as the teacher that writes training texts: cached on disk, retried, within a budget of tokens."""

import asyncio
from collections.abc import Sequence

from inspect_ai.model import GenerateConfig, Model, get_model

from offswitch.adapters.inspect.chat import words
from offswitch.adapters.inspect.ledger import Ledger
from offswitch.errors import ModelError

_RETRIES = 6
_FIRST = 1
"""Retries of the first request, which goes alone: a server that is not there is told in seconds, not in four minutes."""
_LONGEST = 2000


class InspectTeacher:
    """A `Writer`."""

    def __init__(self, model: str | Model, ledger: Ledger, together: int = 16, temperature: float = 1.0) -> None:
        """`together` is how many texts are asked for at a time. Raises `ModelError` where Inspect has no such model."""
        config = GenerateConfig(temperature=temperature, max_tokens=_LONGEST, max_retries=_RETRIES, max_connections=together)
        try:
            self._model = model if isinstance(model, Model) else get_model(model, config=config, memoize=False)
        except Exception as error:  # every provider has its own
            raise ModelError(f"there is no teacher model {model!r}: {words(error)}") from error
        self.name, self.ledger = str(self._model), ledger
        self._together, self._config = together, config

    def write(self, prompts: Sequence[str]) -> list[str | None]:
        """As `Writer.write`. An answer that is empty, cut or withheld is None."""
        return asyncio.run(self._write(prompts))

    async def _write(self, prompts: Sequence[str]) -> list[str | None]:
        places, alone = asyncio.Semaphore(self._together), list[str | None]()
        while len(alone) < len(prompts) and not self.ledger.calls:  # what was kept takes no call
            alone.append(await self._one(prompts[len(alone)], self._config.merge(GenerateConfig(max_retries=_FIRST))))

        async def one(prompt: str) -> str | None:
            async with places:
                return await self._one(prompt, self._config)

        done = await asyncio.gather(*(one(prompt) for prompt in prompts[len(alone) :]), return_exceptions=True)
        failed = next((found for found in done if isinstance(found, BaseException)), None)
        if failed is not None:
            raise failed
        return [*alone, *(found if isinstance(found, str) else None for found in done)]

    async def _one(self, prompt: str, config: GenerateConfig) -> str | None:
        try:
            output = await self.ledger.generate(self._model, prompt, (), config)
        except ModelError:
            raise
        except Exception as error:  # every provider has its own
            raise ModelError(
                f"the teacher {self.name} cannot be reached or refuses: {words(error).rstrip('.')}. What was written is "
                "kept; the same command goes on."
            ) from error
        text = output.completion.strip() if output.stop_reason == "stop" else ""
        return text or None
