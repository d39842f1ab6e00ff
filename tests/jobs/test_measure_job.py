"""Measuring in units: nothing is played twice, nothing is lost or doubled, and what failed is counted as not scored."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from offswitch.errors import OutputError
from offswitch.jobs import bare
from offswitch.jobs.measure import Suite, measure, missing
from offswitch.jobs.models import ModelChoice
from offswitch.jobs.report import Silent
from offswitch.measure.summary import summarise
from offswitch.measure.table import render
from offswitch.rollout.episode import Episode
from offswitch.rollout.policy import PolicyFailure, Reply
from offswitch.rollout.scripted import corrigible
from offswitch.scenarios.family import load_families
from offswitch.spec.spec import load_spec

FAMILIES = load_families()
SUITE = Suite(n=1, unit=10)


class Counting:
    """The corrigible policy, and how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def reply(self, episode: Episode) -> Reply:
        self.asked += 1
        return corrigible().reply(episode)


def test_finished_units_are_read_and_not_played(tmp_path: Path) -> None:
    policy = Counting()
    assert missing(SUITE, FAMILIES, tmp_path)
    first = measure(policy, SUITE, FAMILIES, tmp_path, Silent(), "")
    assert [episode.key for episode in first] == [scenario.key for scenario in SUITE.scenarios(FAMILIES)]
    assert not missing(SUITE, FAMILIES, tmp_path)
    asked, policy.asked = policy.asked, 0
    assert measure(policy, SUITE, FAMILIES, tmp_path, Silent(), "") == first
    assert policy.asked == 0
    (tmp_path / "0001.jsonl").unlink()
    assert missing(SUITE, FAMILIES, tmp_path)
    assert measure(policy, SUITE, FAMILIES, tmp_path, Silent(), "") == first
    assert 0 < policy.asked < asked


class Away(Counting):
    """Breaks the episodes of a family."""

    def __init__(self, family: str) -> None:
        super().__init__()
        self.family = family

    def reply(self, episode: Episode) -> Reply:
        if episode.scenario.family.id == self.family:
            raise PolicyFailure("the server is away")
        return super().reply(episode)


def test_what_broke_is_played_again_when_asked_for_and_nothing_else(tmp_path: Path) -> None:
    whole = measure(corrigible(), SUITE, FAMILIES, tmp_path / "whole", Silent(), "")
    first = measure(Away("stop_order"), SUITE, FAMILIES, tmp_path / "run", Silent(), "")
    broken = [one.key for one in first if one.ending == "broken"]
    assert len(broken) == 2
    assert measure(Away(""), SUITE, FAMILIES, tmp_path / "run", Silent(), "") == first
    later = Away("")
    assert measure(later, SUITE, FAMILIES, tmp_path / "run", Silent(), "", again=True) == whole
    said = [message for one in whole if one.key in broken for message in one.messages if message["role"] == "assistant"]
    assert later.asked == len(said)
    assert measure(Away(""), SUITE, FAMILIES, tmp_path / "run", Silent(), "") == whole


def test_a_run_says_what_broke_and_how_to_play_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    report = Silent()
    monkeypatch.setattr(report, "say", said.append)
    chosen = Suite(n=1, only=("stop_order", "ordinary_mail"))
    asked = ModelChoice("scripted/ignore"), chosen, FAMILIES, load_spec(), tmp_path, report
    monkeypatch.setattr(bare, "policy_for", lambda choice: Away("stop_order"))
    bare.measure_model(*asked)
    assert said == ["2 of 3 episodes broke; --again plays them again, and no other"]
    monkeypatch.setattr(bare, "policy_for", lambda choice: Away(""))
    card, _ = bare.measure_model(*asked, again=True)
    assert len(said) == 1
    assert card.before.summary.rate("train", "right")
    with ZipFile(tmp_path / "episodes.eval") as log:
        assert b"the server is away" not in b"".join(log.read(name) for name in log.namelist())


def test_a_sealed_run_is_not_played_again(tmp_path: Path) -> None:
    chosen = Suite(tier="real")
    with pytest.raises(OutputError, match="sealed"):
        bare.measure_model(ModelChoice("scripted/ignore"), chosen, FAMILIES, load_spec(), tmp_path, Silent(), again=True)


def test_the_size_of_units_changes_nothing(tmp_path: Path) -> None:
    large = measure(corrigible(), Suite(n=1), FAMILIES, tmp_path / "large", Silent(), "")
    small = measure(corrigible(), Suite(n=1, unit=1), FAMILIES, tmp_path / "small", Silent(), "")
    assert small == large


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda text: text[:-40], "is damaged"),
        (lambda text: "[1]\n" + text, "is damaged"),
        (lambda text: text[text.index("\n") + 1 :], "other scenarios"),
        (lambda text: text + text, "other scenarios"),
    ],
    ids=["cut short", "no episode", "one lost", "doubled"],
)
def test_a_damaged_unit_is_told(tmp_path: Path, damage: Callable[[str], str], told: str) -> None:
    measure(corrigible(), SUITE, FAMILIES, tmp_path, Silent(), "")
    unit = tmp_path / "0000.jsonl"
    unit.write_text(damage(unit.read_text()))
    with pytest.raises(OutputError, match=rf"0000\.jsonl .*{told}.*delete it"):
        measure(corrigible(), SUITE, FAMILIES, tmp_path, Silent(), "")


class Distant(Counting):
    """Behind a network that can be asked whether it is there."""

    name, concurrency, checks = "distant", 4, 0

    async def check(self) -> None:
        self.checks += 1

    async def reply(self, episode: Episode) -> Reply:  # type: ignore[override]
        return super().reply(episode)


def test_a_server_is_asked_before_a_run_and_not_to_show_a_finished_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = Distant()
    monkeypatch.setattr(bare, "policy_for", lambda choice: policy)
    arguments = (ModelChoice("distant/model"), Suite("heldout", n=1), FAMILIES, load_spec(None), tmp_path, Silent())
    card, _ = bare.measure_model(*arguments)
    asked = policy.asked
    assert asked
    again, _ = bare.measure_model(*arguments)
    assert (policy.checks, policy.asked) == (1, asked)
    assert again == card


class Failing:
    """Gives no reply at its second decision in the held-out families."""

    def reply(self, episode: Episode) -> Reply:
        if episode.decisions == 1 and episode.scenario.family.split == "heldout":
            raise PolicyFailure("no reply")
        return corrigible().reply(episode)


def test_a_failing_model_gives_unscored_episodes_and_coverage(tmp_path: Path) -> None:
    from rich.console import Console

    summary = summarise(measure(Failing(), SUITE, FAMILIES, tmp_path, Silent(), ""))
    heldout = summary.pooled["heldout"].cells["right"]
    assert heldout.rate is None
    assert heldout.why.startswith("unscored")
    assert heldout.bounds is not None
    assert (heldout.bounds.low, heldout.bounds.high) == (0, 1)
    assert heldout.bounds.coverage == 0
    assert sum(heldout.unscored.values()) == summary.pooled["heldout"].episodes
    assert all("no reply" in reason for reason in heldout.unscored)
    scored = summary.rate("train", "right")
    assert scored is not None
    assert scored.point == 1
    shown, all_of = StringIO(), summary.pooled["heldout"].episodes
    Console(width=110, file=shown).print(render(summary))
    assert f"none of {all_of} episodes was scored ({all_of}: no reply)." in " ".join(shown.getvalue().split())


def test_kills_at_random_moments_lose_and_double_nothing(tmp_path: Path, killed: Callable[..., list[Any]]) -> None:
    modules = ("offswitch.jobs.bare", "offswitch.adapters.inspect", "offswitch.card.render", "statsmodels.stats.proportion")
    command = ("measure", "--model", "scripted/corrigible", "--split", "heldout", "--n", "1", "--unit", "2")
    whole, *runs = killed(tmp_path, 20, 0.6, modules, command)
    assert whole.keys == [scenario.key for scenario in Suite("heldout", n=1).scenarios(FAMILIES)]
    for run in runs:
        assert (run.card, run.units) == (whole.card, whole.units)
        assert not list(run.folder.rglob("*.part"))
        with ZipFile(run.folder / "episodes.eval") as log:
            assert sum(name.startswith("samples/") for name in log.namelist()) == len(whole.keys)
