"""Any model that Inspect knows (OpenAI, Anthropic, Google, vLLM, ...) as a policy of our kernel."""

from pathlib import Path
from typing import Any
from weakref import finalize

from inspect_ai.model import GenerateConfig, Model, get_model

from offswitch.adapters.inspect.chat import Dialogue, tool, words
from offswitch.adapters.inspect.ledger import Ledger
from offswitch.errors import ModelError
from offswitch.rollout.episode import Episode
from offswitch.rollout.policy import Reply
from offswitch.world.apps import SCHEMAS

_RETRIES = 6  # Inspect's own default is to try for ever


class InspectPolicy:
    """An asynchronous policy. Holds one model while it is used; `close` ends its connections."""

    def __init__(self, model: str, concurrency: int = 32, ledger: Ledger | None = None, **options: Any) -> None:
        """`model` is `provider/name`; `options` are fields of Inspect's `GenerateConfig`, such as temperature or max_tokens.

        With a `ledger`, decisions are kept and paid from its budget; equal requests then have equal answers.

        Raises `ModelError` for an unknown provider or option, a missing package or a missing key.
        """
        self.name, self.concurrency = model, concurrency
        if unknown := sorted(set(options) - set(GenerateConfig.model_fields)):
            raise ModelError(
                f"Inspect has no option {unknown[0]!r}; it has {', '.join(sorted(GenerateConfig.model_fields))}."
            )
        self._config = GenerateConfig(**{"max_retries": _RETRIES, "max_connections": concurrency, **options})
        self._ledger = ledger
        self._dialogues: dict[int, Dialogue] = {}
        self._model: Model | None = self._find()

    async def reply(self, episode: Episode) -> Reply:
        """One decision. Raises `PolicyFailure` for this episode, `ModelError` for all of them."""
        self._model = self._model or self._find()
        return await self._dialogue(episode).reply(self._model, episode, self._ledger)

    async def check(self) -> None:
        """One short request, with tools, before a long run. Raises `ModelError` that says what to mend."""
        self._model = self._model or self._find()
        try:
            tools = [tool(schema) for schema in SCHEMAS]
            await self._model.generate("Say ok.", tools, config=GenerateConfig(max_retries=1))
        except Exception as error:  # each provider has its own
            raise ModelError(f"Inspect reaches no model {self.name!r} that takes tools: {words(error)}") from error
        finally:
            await self.close()  # the run that follows may live in another loop

    async def close(self) -> None:
        model, self._model = self._model, None
        if model is not None:
            await model.api.aclose()

    def _find(self) -> Model:
        try:
            return get_model(self.name, config=self._config, memoize=False)
        except Exception as error:  # each provider has its own way to say what it lacks
            here = "" if Path(self.name).exists() else f" If you mean a folder: there is no {self.name} here."
            raise ModelError(f"Inspect cannot use the model {self.name!r}: {words(error)}{here}") from error

    def _dialogue(self, episode: Episode) -> Dialogue:
        found = self._dialogues.get(id(episode))
        if found is None:
            found = self._dialogues[id(episode)] = Dialogue()
            finalize(episode, self._dialogues.pop, id(episode), None)
        return found
