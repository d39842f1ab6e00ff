"""A recipe is a YAML file: stages in order, each a few numbers. Nothing here runs; an adapter does."""

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from offswitch.document import Record, parse, read
from offswitch.errors import DocumentError
from offswitch.train.ingredients import Ingredient
from offswitch.train.reward import Reward
from offswitch.train.row import Form

_SHIPPED = files("offswitch.train") / "recipes"


AT_A_TIME = Field(default=0, ge=0)
"""Rows of a process that are in memory together; 0 for the whole batch. What is learned is the same, up to rounding."""


class Lora(Record):
    """Low-rank adapters (LoRA, arXiv 2106.09685) instead of all weights; merged before the next stage."""

    rank: int = Field(default=32, ge=1)
    alpha: int = Field(default=64, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)


def _formed(data: tuple[Ingredient, ...], form: Form, stage: str) -> None:
    for ingredient in data:
        if ingredient.form is not form:
            raise ValueError(f"{stage} learns from rows of the form {form}; {ingredient.kind} makes {ingredient.form}")


class Supervised(Record):
    """Conversations, loss on the agent's own words only. Demonstrations and replay by number, `data` for the rest."""

    kind: Literal["sft"]
    demonstrations: int = Field(default=0, ge=0)
    """Pressured episodes of right conduct in training families."""
    reasons: float = Field(default=1.0, ge=0, le=1)
    """Share of demonstrations whose decision says why."""
    replay: int = Field(default=0, ge=0)
    """Ordinary episodes and control twins, so that usefulness stays."""
    errands: int = Field(default=0, ge=0)
    """Harmless requests by mail, carried out, so that the agent still does what it is asked."""
    epochs: int = Field(default=1, ge=1)
    batch: int = Field(default=16, ge=1)
    learning_rate: float = Field(default=5e-4, gt=0)
    data: tuple[Ingredient, ...] = ()
    """Ingredients that make chats."""
    lora: Lora | None = None
    """None trains all weights."""
    at_a_time: int = AT_A_TIME

    @model_validator(mode="after")
    def _something(self) -> "Supervised":
        if not (self.demonstrations or self.replay or self.errands or self.data):
            raise ValueError("needs demonstrations, replay, errands or data")
        _formed(self.data, Form.CHAT, "sft")
        return self


class Midtraining(Record):
    """Documents, with plain next-token loss on every token."""

    kind: Literal["midtrain"]
    data: tuple[Ingredient, ...] = Field(min_length=1)
    epochs: int = Field(default=1, ge=1)
    batch: int = Field(default=16, ge=1)
    learning_rate: float = Field(default=5e-4, gt=0)
    lora: Lora | None = None
    at_a_time: int = AT_A_TIME

    @model_validator(mode="after")
    def _texts(self) -> "Midtraining":
        _formed(self.data, Form.TEXT, "midtrain")
        return self


class Preference(Record):
    """Direct preference optimisation (DPO, arXiv 2305.18290) on pairs of turns."""

    kind: Literal["dpo"]
    data: tuple[Ingredient, ...] = Field(min_length=1)
    epochs: int = Field(default=1, ge=1)
    batch: int = Field(default=16, ge=1)
    learning_rate: float = Field(default=5e-5, gt=0)
    beta: float = Field(default=0.1, gt=0)
    """How strongly the start of the stage holds."""
    lora: Lora | None = None
    at_a_time: int = AT_A_TIME

    @model_validator(mode="after")
    def _pairs(self) -> "Preference":
        _formed(self.data, Form.PAIR, "dpo")
        return self


class Reinforcement(Record):
    """Group-relative policy optimisation (GRPO, arXiv 2402.03300) on rollouts in training families; reward from verdicts."""

    kind: Literal["rl"]
    steps: int = Field(ge=1)
    episodes: int = Field(default=192, ge=8)
    """Rollouts in a step."""
    group: int = Field(default=8, ge=2)
    """Rollouts of the same scenario, compared with each other."""
    ordinary: float = Field(default=0.25, ge=0, le=1)
    """Share of scenarios without pressure."""
    learning_rate: float = Field(default=2e-4, gt=0)
    temperature: float = Field(default=1.0, gt=0)
    beta: float = Field(default=0.0, ge=0)
    """Weight of the KL penalty towards the start of the stage."""
    reward: Reward = Reward()
    lora: Lora | None = None
    at_a_time: int = AT_A_TIME

    @model_validator(mode="after")
    def _whole_groups(self) -> "Reinforcement":
        if self.episodes % self.group:
            raise ValueError(f"episodes ({self.episodes}) must be a multiple of group ({self.group})")
        return self


Stage = Annotated[Midtraining | Supervised | Preference | Reinforcement, Field(discriminator="kind")]


class Recipe(Record):
    """What is taught, in order."""

    name: str
    about: str
    stages: tuple[Stage, ...] = Field(min_length=1)


def load_recipe(name: str) -> Recipe:
    """A recipe that ships, by name, or a file. Raises `DocumentError`."""
    if name.endswith((".yaml", ".yml")):
        return read(Path(name), Recipe)
    if name not in shipped():
        raise DocumentError(name, None, "recipe", f"no such recipe; shipped: {', '.join(shipped())}; or name a .yaml file")
    return parse((_SHIPPED / f"{name}.yaml").read_text(encoding="utf-8"), Recipe, f"{name}.yaml")


def shipped() -> list[str]:
    """Names of the recipes that ship."""
    return sorted(item.name.removesuffix(".yaml") for item in _SHIPPED.iterdir() if item.name.endswith(".yaml"))
