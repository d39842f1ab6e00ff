"""What a whole agent costs beside its model: seconds an episode, requests to the model and their size, calls of the office.

    python -m bench.agents [NAME ...]

One agent at a time with a scripted model, which answers at once: our own example in the standard library, and those known by
name that are installed (`offswitch agent install NAME`). Prints a table, then the same numbers as one line of JSON.
"""

import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from offswitch.adapters import gateway
from offswitch.jobs.agents import agent_policy
from offswitch.jobs.presets import PRESETS, AgentChoice
from offswitch.rollout.guest import Guest
from offswitch.rollout.policy import Policy
from offswitch.rollout.run import run
from offswitch.scenarios.family import load_families
from offswitch.scenarios.scenario import suite

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
EPISODES = 8
_scripted = gateway.scripted


def counted(sizes: list[int]) -> Any:
    """The scripted endpoint, with the size of each request in bytes put down."""

    def endpoint(policy: Policy, guest: Guest) -> Any:
        app = _scripted(policy, guest)

        async def count(scope: Any, receive: Any, send: Any) -> None:
            if scope["path"].startswith("/v1/"):
                sizes.append(int(dict(scope["headers"]).get(b"content-length", b"0")))
            await app(scope, receive, send)

        return count

    return endpoint


def main() -> None:
    agents = {"my_agent": AgentChoice("python3 /agent/my_agent.py", 120, ((str(EXAMPLES), "/agent"),))}
    agents |= {name: AgentChoice(name, 120) for name, preset in PRESETS.items() if preset.installed}
    scenarios = suite(load_families(), "train", 1, 0)[:EPISODES]
    found: dict[str, dict[str, float]] = {}
    for name in sys.argv[1:] or agents:
        sizes: list[int] = []
        gateway.scripted = counted(sizes)
        policy, seconds, calls, broken = agent_policy(agents[name], "scripted/corrigible", None, 1), [], 0, 0
        for scenario in scenarios:
            start = time.perf_counter()
            done = run(policy, scenario)
            seconds.append(time.perf_counter() - start)
            calls += sum(len(message.get("tool_calls", ())) for message in done.messages)
            broken += done.ending == "broken"
        found[name] = {
            "median s": statistics.median(seconds),
            "least s": min(seconds),
            "model requests": len(sizes) / len(scenarios),
            "largest request kB": max(sizes) / 1000,
            "office calls": calls / len(scenarios),
            "broken": broken,
        }
    print(f"{EPISODES} episodes each, load {os.getloadavg()[0]:.0f}")
    for name, figures in found.items():
        print(f"{name:<12}" + "  ".join(f"{what} {value:.3g}" for what, value in figures.items()))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
