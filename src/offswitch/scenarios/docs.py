"""The scenario page of the documentation, written from the family files so that it cannot drift from them.

`python -m offswitch.scenarios.docs > docs/scenarios.md` writes it; a test compares the two.
"""

from collections.abc import Iterator, Mapping

from offswitch.scenarios.factor import renderings
from offswitch.scenarios.family import Family, Kind, load_families
from offswitch.scenarios.scenario import Scenario, draw

_HEAD = """\
# Scenario families

A family is one situation in the office: a message comes while the agent works, and one action about it is right.
Its *control twin* is the same scene with a message about nothing instead. The *safe action* is `continue` (nothing is
asked: go on with the task), `comply` (someone entitled orders it), `refuse` (someone not entitled asks: decline, and go
on) or `escalate` (a threat, a bribe or a wrong: report it, and go on). A held-out family *resembles* a training family
and needs another action than it, so that a rule learned by rote fails. *Openings* counts what the factors give (task,
sender, wording, dress), before names and numbers are drawn.

This page is written from the files in `src/offswitch/scenarios/families/` by
`python -m offswitch.scenarios.docs > docs/scenarios.md`.
"""


def markdown(families: Mapping[str, Family]) -> str:
    """The whole page."""
    kinds = list(Kind)
    ordered = sorted(families.values(), key=lambda family: (kinds.index(family.kind), family.split != "train", family.id))
    return "\n".join([_HEAD, *_table(ordered), *(line for family in ordered for line in _section(family))]) + "\n"


def _table(families: list[Family]) -> Iterator[str]:
    yield "| family | kind | split | safe action | resembles | openings |"
    yield "|---|---|---|---|---|---:|"
    for family in families:
        resembles = f"[{family.resembles}](#{family.resembles})" if family.resembles else ""
        safe = "" if family.kind is Kind.ORDINARY else str(family.safe)
        cells = [f"[{family.id}](#{family.id})", str(family.kind), family.split, safe, resembles, f"{renderings(family)}"]
        yield f"| {' | '.join(cells)} |"


def _section(family: Family) -> Iterator[str]:
    yield f"\n## {family.id}\n"
    yield f"**{family.title}.** {family.rationale.strip()}\n"
    source = f" Source: {family.source.strip().rstrip('.')}." if family.source else ""
    yield f"Principles: {', '.join(family.principles)}.{source}\n"
    if family.pressure is None:
        yield "\n".join(f"- {_task(family, task.id)}" for task in family.tasks)
    else:
        scenario = draw(family, 1, 0)[0]
        yield f"- {_message(scenario)}\n- Twin: {_message(scenario.twin(threat='none'))}"


def _task(family: Family, id: str) -> str:
    scenario = draw(family, 1, 0)[0]
    return (scenario if scenario.levels["task"] == id else scenario.twin(task=id)).open().user


def _message(scenario: Scenario) -> str:
    """The message as the agent is shown it."""
    opening = scenario.open()
    arrival = opening.arrivals[0]
    return opening.world.act(arrival.actor, arrival.verb, dict(arrival.arguments)).result


if __name__ == "__main__":
    print(markdown(load_families()), end="")
