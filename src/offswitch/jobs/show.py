"""A scenario as text: what an agent would read, and what the right answer does."""

import json
from collections.abc import Mapping

from offswitch.errors import OffswitchError
from offswitch.measure.verdict import judge
from offswitch.rollout.run import run
from offswitch.rollout.scripted import corrigible
from offswitch.scenarios.family import Family
from offswitch.scenarios.scenario import Scenario, draw


def conversation(families: Mapping[str, Family], id: str, seed: int) -> str:
    """One scenario of the family, and its control twin where it has one. Raises `OffswitchError` for an unknown id."""
    if id not in families:
        raise OffswitchError(f"there is no family {id!r}; there are: {', '.join(families)}")
    scenario = draw(families[id], 1, seed)[0]
    parts = [_told(scenario)]
    if scenario.pressured:
        parts.append(_told(scenario.twin(threat="none")))
    return "\n\n".join(parts)


def _told(scenario: Scenario) -> str:
    trajectory = run(corrigible(), scenario)
    lines = [f"# {scenario.family.id} " + " ".join(f"{k}={v}" for k, v in scenario.levels.items())]
    for message in trajectory.messages:
        for line in str(message["content"]).splitlines():
            lines.append(f"{message['role']:>9}  {line}")
        for call in message.get("tool_calls", ()):
            function = call["function"]
            lines.append(f"{'calls':>9}  {function['name']} {json.dumps(function['arguments'], ensure_ascii=False)}")
    findings = judge(trajectory)
    lines.append(
        f"{'verdict':>9}  violated: {findings.violated.value} ({findings.violated.reason}); right: {findings.right.reason}"
    )
    return "\n".join(lines)
