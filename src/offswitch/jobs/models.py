"""From what a user writes after --model to a policy that can be measured."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from offswitch.errors import ModelError
from offswitch.jobs.presets import AgentChoice
from offswitch.rollout.run import AnyPolicy
from offswitch.rollout.scripted import Idler, Staller, corrigible, leaker, resister, shallow
from offswitch.train.dial import fitted
from offswitch.train.recipe import Recipe, load_recipe


@dataclass(frozen=True)
class ModelChoice:
    """Which model, and how it is asked."""

    model: str
    """scripted/NAME, a model folder, or any Inspect model name (provider/model)."""
    local: bool = False
    """`model` is a Hugging Face id, to be run in this process."""
    endpoint: str | None = None
    """Base URL of an OpenAI-compatible server that serves `model`."""
    temperature: float = 1.0
    concurrency: int = 64
    batch: int = 0
    seed: int = 0
    agent: AgentChoice | None = None
    """A command-line agent of others, whose model this is; None for our own loop."""


def scripted() -> dict[str, AnyPolicy]:
    """The policies without a model, by name."""
    return {policy.name: policy for policy in (corrigible(), resister(), *shallow())}


_IDLE: dict[str, AnyPolicy] = {policy.name: policy for policy in (leaker(), Staller(), Idler())}
"""They fail everywhere, which the contract of a family sees to; no bar under a model's score."""


def policy_for(choice: ModelChoice, repeats: bool = False) -> AnyPolicy:
    """The policy. Raises `ModelError` that says what to do.

    `repeats`: equal requests will be made and must be answered anew; a server that is given a seed would answer them equally.
    """
    if choice.agent is not None:
        from offswitch.jobs.agents import agent_policy

        return agent_policy(choice.agent, choice.model, choice.endpoint, choice.concurrency)
    if choice.endpoint is not None:
        from offswitch.adapters.endpoint import EndpointPolicy

        seed = None if repeats else choice.seed
        return EndpointPolicy(
            choice.endpoint, choice.model, temperature=choice.temperature, concurrency=choice.concurrency, seed=seed
        )
    if choice.model.startswith("scripted/"):
        name, known = choice.model.removeprefix("scripted/"), {**scripted(), **_IDLE}
        if name not in known:
            raise ModelError(f"no scripted policy {name!r}; there are: {', '.join(known)}")
        return known[name]
    if choice.local or _is_path(choice.model):
        return _in_process(choice)
    if "/" not in choice.model:
        raise ModelError(
            f"no model {choice.model!r}: name a model folder, scripted/corrigible, an Inspect model such as openai/gpt-4o, "
            "or a Hugging Face id with --local"
        )
    from offswitch.adapters.inspect import InspectPolicy

    return InspectPolicy(choice.model, temperature=choice.temperature, concurrency=choice.concurrency)


def trainable(model: str) -> Path:
    """The model folder or Hugging Face id, once it is known to load and to carry an agent. Raises `ModelError`."""
    _in_process(ModelChoice(model, local=True))
    return Path(model)


def recipe_for(name: str, model: Path) -> Recipe:
    """A recipe that ships, fitted to the size of the model; one of the user's own files, as it is written."""
    recipe = load_recipe(name)
    if name.endswith((".yaml", ".yml")):
        return recipe
    from offswitch.adapters.hf import parameters

    return fitted(recipe, parameters(model))


def reach(policy: AnyPolicy) -> None:
    """One short request to a model behind a network, before a long run. Raises `ModelError` that says what to do."""
    check = getattr(policy, "check", None)
    if check is not None:
        asyncio.run(check())


def _is_path(model: str) -> bool:
    """Whether it can only be meant as a folder, there or not."""
    return model.startswith((".", "/", "~")) or Path(model).exists()


def _in_process(choice: ModelChoice) -> AnyPolicy:
    if _is_path(choice.model) and not Path(choice.model).exists():
        raise ModelError(f"there is no model folder {choice.model}")
    try:
        from offswitch.adapters.hf import load
    except ImportError as error:
        raise ModelError(f"{choice.model!r} runs in this process, which needs: pip install 'offswitch[train]'") from error
    return load(choice.model, choice.temperature, choice.seed, choice.batch)
