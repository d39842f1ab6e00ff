"""GRPO on rollouts of our own kernel: one scenario a group, reward from verdicts, loss on what the model sampled."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from datasets import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from offswitch.adapters.trl.settings import shared
from offswitch.rollout.episode import Episode
from offswitch.scenarios.scenario import Scenario
from offswitch.train.ingredient import reward
from offswitch.train.recipe import Reinforcement

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
            "earned": [reward(row.episode.trajectory()) for row in rows],
        }

    def earned(completions: Sequence[Any], earned: Sequence[float], **rest: Any) -> list[float]:
        return list(earned)

    settings = GRPOConfig(
        **shared(stage, work, seed),
        per_device_train_batch_size=stage.episodes,
        steps_per_generation=1,
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
    return GRPOTrainer(
        model=model,
        args=settings,
        train_dataset=data,
        processing_class=tokenizer,
        reward_funcs=[earned],
        rollout_func=rollout,
    )
