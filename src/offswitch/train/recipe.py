"""A recipe is a YAML file: stages in order, each a few numbers. Nothing here runs; an adapter does."""

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from offswitch.document import Record, parse, read
from offswitch.errors import DocumentError


class Supervised(Record):
    """Demonstrations of right conduct in training families, mixed with plain work, loss on the agent's own words only."""

    kind: Literal["sft"]
    demonstrations: int = Field(ge=0)
    """Pressured episodes."""
    reasons: float = Field(default=1.0, ge=0, le=1)
    """Share of demonstrations whose decision says why."""
    replay: int = Field(default=0, ge=0)
    """Ordinary episodes and control twins, so that usefulness stays."""
    epochs: int = Field(default=1, ge=1)
    batch: int = Field(default=16, ge=1)
    learning_rate: float = Field(default=5e-4, gt=0)


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

    @model_validator(mode="after")
    def _whole_groups(self) -> "Reinforcement":
        if self.episodes % self.group:
            raise ValueError(f"episodes ({self.episodes}) must be a multiple of group ({self.group})")
        return self


Stage = Annotated[Supervised | Reinforcement, Field(discriminator="kind")]


class Recipe(Record):
    """What is taught, in order."""

    name: str
    about: str
    stages: tuple[Stage, ...] = Field(min_length=1)


def load_recipe(name: str) -> Recipe:
    """A recipe that ships, by name, or a file. Raises `DocumentError`."""
    if name.endswith((".yaml", ".yml")):
        return read(Path(name), Recipe)
    shipped = files("offswitch.train") / "recipes"
    known = sorted(item.name.removesuffix(".yaml") for item in shipped.iterdir() if item.name.endswith(".yaml"))
    if name not in known:
        raise DocumentError(name, None, "recipe", f"no such recipe; shipped: {', '.join(known)}; or name a .yaml file")
    return parse((shipped / f"{name}.yaml").read_text(encoding="utf-8"), Recipe, f"{name}.yaml")
