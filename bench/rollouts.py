"""Episodes of the organism in batched lockstep, the full loop with world and messages, against plain generation.

    python -m bench.rollouts

One process, one thread. The peer is transformers' own `generate`, one conversation at a time, one call for each decision.
"""

import json
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from bench.model import cached, organism_sized
from offswitch.adapters.hf import load
from offswitch.adapters.hf.policy import HFPolicy
from offswitch.rollout.episode import Episode
from offswitch.rollout.run import run_many
from offswitch.scenarios.family import load_families
from offswitch.scenarios.scenario import Scenario, suite


@dataclass(frozen=True)
class Rates:
    """Episodes per second of processor time."""

    model: str
    episodes: int
    tokens: float
    """Of one episode, mean: prompt, replies and results."""
    lockstep: float
    alone: float
    ratio: float


class Alone:
    """A policy that asks `generate` for each decision, with the whole conversation so far."""

    def __init__(self, policy: HFPolicy) -> None:
        self.policy, self.name = policy, policy.name

    def reply(self, episode: Episode):  # type: ignore[no-untyped-def]
        chat, model, eos = self.policy.chat(episode.tools), self.policy.model, self.policy.tokenizer.eos_token_id
        prompt = torch.tensor([chat.start(episode.messages)])
        mask = torch.ones_like(prompt)
        said = model.generate(prompt, attention_mask=mask, do_sample=True, top_k=0, eos_token_id=eos, pad_token_id=0)
        return chat.reply(said[0, prompt.shape[1] :].tolist())


def spent(policy: HFPolicy | Alone, scenarios: list[Scenario]) -> float:
    """Seconds of processor time."""
    start = time.process_time()
    run_many(policy, scenarios)
    return time.process_time() - start


def rates(n: int = 16, few: int = 24) -> Rates:
    """`n` scenarios of each family in lockstep, `few` episodes alone."""
    torch.set_num_threads(1)
    families = load_families()
    with tempfile.TemporaryDirectory() as folder:
        found = cached()
        policy = load(str(found or organism_sized(Path(folder), documents=1500)))
    scenarios = suite(families, "all", n, 1)
    spent(policy, scenarios[:: len(scenarios) // few])
    lockstep = len(scenarios) / spent(policy, scenarios)
    rows = policy.rows([Episode(scenario) for scenario in scenarios[::10]])
    some = scenarios[:: len(scenarios) // few][:few]
    with torch.inference_mode():
        alone = len(some) / spent(Alone(policy), some)
    tokens = sum(len(row.ids) for row in rows) / len(rows)
    name = found.name if found else "organism-sized, trained for a moment"
    return Rates(name, len(scenarios), tokens, lockstep, alone, lockstep / alone)


def main() -> None:
    found = rates()
    print(f"rollouts of {found.model}: {found.episodes} episodes of {found.tokens:.0f} tokens")
    print(f"  batched lockstep {found.lockstep:10,.1f} episodes/CPU-s")
    print(f"  one at a time    {found.alone:10,.1f} episodes/CPU-s")
    print(f"  ratio            {found.ratio:10,.1f}")
    print(json.dumps({"bench": "rollouts", **asdict(found)}))


if __name__ == "__main__":
    main()
