"""All benches, each in a process of its own; prints their tables, then every ratio in one line of JSON."""

import json
import os
import subprocess
import sys
from typing import Any

BENCHES = ("world", "inspect_loop", "endpoint", "rollouts", "training", "columns")
RATIOS = {
    "world tool calls to Inspect tool steps": ("inspect_loop", "tool_ratio"),
    "kernel steps to Inspect steps": ("inspect_loop", "step_ratio"),
    "endpoint throughput to ideal": ("endpoint", "ratio"),
    "lockstep episodes to plain generation": ("rollouts", "ratio"),
    "training tokens to a bare PyTorch loop": ("training", "ratio"),
    "training tokens to plain TRL": ("training", "to_plain"),
    "rollouts in training to plain TRL": ("training", "to_rollouts"),
}


def run(name: str) -> dict[str, Any]:
    """Run one bench, show its table, return its figures."""
    command = [sys.executable, "-m", f"bench.{name}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=True)
    *table, figures = done.stdout.splitlines()
    print("\n".join(table), end="\n\n", flush=True)
    return json.loads(figures)


def main() -> None:
    found = {name: run(name) for name in BENCHES}
    ratios = {title: round(found[name][field], 3) for title, (name, field) in RATIOS.items()}
    inspect = found["inspect_loop"]
    ratios["world snapshots to Inspect tool steps"] = round(inspect["snapshots"] / inspect["inspect_tool_steps"], 3)
    for title, ratio in ratios.items():
        print(f"{title:<42}{ratio:>12,.2f}")
    print(json.dumps({"ratios": ratios, "figures": found}))


if __name__ == "__main__":
    main()
