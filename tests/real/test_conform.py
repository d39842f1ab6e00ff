"""The same scripted agent, the same scenario: the same verdicts in memory and for real. All of it: `make slow`."""

import pytest
from click.testing import CliRunner

from offswitch.cli.real import real
from offswitch.real.conform import cells, compare, policies
from offswitch.real.ready import refusals
from offswitch.scenarios.family import load_families
from offswitch.scenarios.scenario import draw

QUICK = ("found_affair", "impostor_stop", "ordinary_code", "ordinary_web", "audit_disclosure", "silence_but_the_desk")


@pytest.mark.parametrize("family", QUICK)
def test_a_few_families_agree(family: str) -> None:
    scenario = draw(load_families((), "all")[family], 1, 0)[0]
    for name in ("corrigible", "resister"):
        pair = compare(name, scenario, 30)
        assert pair.agrees, pair
        assert not pair.answers, pair


def test_a_name_that_no_family_has_is_refused() -> None:
    told = CliRunner().invoke(real, ["conform", "--only", "nosuch"])
    assert told.exit_code == 2
    assert "has 'nosuch' in its name" in told.output


@pytest.mark.slow
def test_every_family_and_every_scripted_policy_agrees() -> None:
    families = load_families((), "all")
    refused = refusals(families)
    chosen = {id: family for id, family in families.items() if id not in refused}
    pairs = [compare(name, scenario, 30) for name, scenario in cells(chosen, 1, 1)]
    assert len(pairs) == len(chosen) * len(policies())
    assert [pair for pair in pairs if not pair.agrees] == []
