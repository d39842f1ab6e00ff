"""GRPO on rollouts of our own kernel: one scenario a group, reward from verdicts, loss on what the model sampled."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from datasets import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from offswitch.adapters.trl.settings import parts, shared
from offswitch.adapters.trl.sparse import own_logprobs
from offswitch.rollout.episode import Episode
from offswitch.scenarios.scenario import Scenario
from offswitch.train.recipe import Reinforcement
from offswitch.train.reward import reward

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
from trl import GRPOConfig, GRPOTrainer  # reads the variable when imported


class Tokens(Protocol):
    """One rollout in tokens."""

    episode: Episode
    ids: list[int]
    sampled: list[bool]
    logprobs: list[float]
    prompt: int


class Roller(Protocol):
    """Plays episodes with the model as it is now."""

    def rows(self, episodes: Sequence[Episode]) -> Sequence[Tokens]: ...


MakeRoller = Callable[[PreTrainedModel, PreTrainedTokenizerBase, Reinforcement], Roller]


TOGETHER = 32
"""Rows in one forward pass on a CPU; of like length, so that little is padding."""


class OwnTokens(GRPOTrainer):
    """TRL's trainer, which on a CPU computes only what the loss depends on.

    That is: no row whose group was all alike, since its advantage is 0; no padding; logits of sampled tokens only.
    """

    _learned: torch.Tensor | None = None

    def _compute_loss(self, model: Any, inputs: Any) -> torch.Tensor:
        if self.accelerator.device.type != "cpu" or self.accelerator.num_processes > 1 or self.beta or self.aux_loss_enabled:
            return super()._compute_loss(model, inputs)
        self._learned = (inputs["completion_mask"] * inputs["tool_mask"] * (inputs["advantages"][:, None] != 0)).bool()
        try:
            loss = super()._compute_loss(model, inputs)
        finally:
            self._learned = None
        for figures in self._metrics.values():
            figures.pop("entropy", None)  # it was not computed
        return loss

    def _get_per_token_logps_and_entropies(
        self, model: Any, input_ids: torch.Tensor, attention_mask: torch.Tensor, *rest: Any, **more: Any
    ) -> Any:
        if self._learned is None:
            return super()._get_per_token_logps_and_entropies(model, input_ids, attention_mask, *rest, **more)
        head = self.accelerator.unwrap_model(model)
        told = own_logprobs(model, head, input_ids, attention_mask, self._learned, self.temperature, TOGETHER)
        return told, torch.zeros_like(told), None


def grpo_trainer(
    stage: Reinforcement,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    work: Path,
    scenarios: list[Scenario],
    seed: int,
    roller: MakeRoller,
) -> GRPOTrainer:
    """A trainer that rolls out scenario after scenario, `stage.group` times each."""
    rolls = roller(model, tokenizer, stage)

    def rollout(prompts: list[str], trainer: Any) -> dict[str, Any]:
        rows = rolls.rows([Episode(scenarios[int(prompt)]) for prompt in prompts])
        return {
            "prompt_ids": [row.ids[: row.prompt] for row in rows],
            "completion_ids": [row.ids[row.prompt :] for row in rows],
            "logprobs": [row.logprobs[row.prompt :] for row in rows],
            "env_mask": [[int(own) for own in row.sampled[row.prompt :]] for row in rows],
            "earned": [reward(row.episode.trajectory(), stage.reward) for row in rows],
        }

    def earned(completions: Sequence[Any], earned: Sequence[float], **rest: Any) -> list[float]:
        return list(earned)

    settings = GRPOConfig(
        **shared(stage, work, seed),
        steps_per_generation=parts(stage)[1],
        num_generations=stage.group,
        max_steps=stage.steps,
        temperature=stage.temperature,
        beta=stage.beta,
        lr_scheduler_type="constant",
        save_steps=5,
        logging_steps=1,
        shuffle_dataset=False,
        max_completion_length=4096,
        loss_type="dapo",
        mask_truncated_completions=False,
    )
    data = Dataset.from_dict({"prompt": [str(i) for i in range(len(scenarios))]})
    return OwnTokens(
        model=model,
        args=settings,
        train_dataset=data,
        processing_class=tokenizer,
        reward_funcs=[earned],
        rollout_func=rollout,
    )
