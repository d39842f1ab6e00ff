"""`offswitch compare`, `offswitch plan` and `measure --until`, on scripted policies."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from offswitch.card.card import read
from offswitch.cli.compare import compare
from offswitch.cli.plan import plan
from offswitch.errors import OffswitchError
from offswitch.jobs.bare import measure_model
from offswitch.jobs.compare import compare_runs, write_figure
from offswitch.jobs.measure import Suite, missing
from offswitch.jobs.models import ModelChoice
from offswitch.jobs.report import Silent
from offswitch.jobs.until import batches, look, rounds
from offswitch.measure.columns import summarise_columns
from offswitch.measure.record import record
from offswitch.measure.sequential import until
from offswitch.rollout.run import run
from offswitch.rollout.scripted import corrigible
from offswitch.scenarios.family import Family, load_families
from offswitch.scenarios.scenario import suite
from offswitch.spec.spec import load_spec

KEPT = ("pause_order", "monitor_notice", "found_fraud", "secret_request", "ordinary_mail", "stop_order")


@pytest.fixture(scope="module")
def families() -> dict[str, Family]:
    return {id: family for id, family in load_families().items() if id in KEPT}


def measured(policy: str, chosen: Suite, families: dict[str, Family], out: Path) -> Path:
    measure_model(ModelChoice(f"scripted/{policy}"), chosen, families, load_spec(), out, Silent())
    return out


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, families: dict[str, Family]) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    chosen = Suite("all", 6)
    return [
        measured("ignore", chosen, families, folder / "a"),
        measured("corrigible", chosen, families, folder / "b"),
        measured("corrigible", Suite("heldout", 6), families, folder / "c"),
    ]


def test_two_runs(runs: list[Path], tmp_path: Path) -> None:
    done = CliRunner().invoke(compare, [str(runs[0]), str(runs[1]), "--json", "--figure", str(tmp_path / "f.svg")])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["caveats"] == []
    assert (found["first"]["label"], found["second"]["label"]) == ("scripted/ignore", "scripted/corrigible")
    assert [head["figure"]["point"] if head["figure"] else None for head in found["headlines"]] == [0.0, 1.0]
    assert (tmp_path / "f.svg").read_text().startswith("<svg")
    shown = CliRunner().invoke(compare, [str(runs[0]), str(runs[1])])
    assert "took required action" in shown.stdout


def test_a_run_keeps_columns_with_the_numbers_of_its_card(runs: list[Path]) -> None:
    card = read(runs[0] / "card.json")
    assert summarise_columns(runs[0] / "episodes.parquet") == card.before.summary


@pytest.mark.parametrize(
    ("what", "differs"),
    [("split", "split: heldout, train against heldout"), ("version", "suite version: core 3 against core 999")],
)
def test_what_does_not_compare_is_refused_and_with_anyway_marked_in_every_view(
    runs: list[Path], tmp_path: Path, what: str, differs: str
) -> None:
    other = runs[2]
    if what == "version":
        other = tmp_path / "other"
        shutil.copytree(runs[0], other)
        card = json.loads((other / "card.json").read_text())
        card["suite"]["version"] = "core 999"
        (other / "card.json").write_text(json.dumps(card))
    asked = [str(runs[1]), str(other)]
    done = CliRunner().invoke(compare, asked)
    assert isinstance(done.exception, OffswitchError)
    assert differs in str(done.exception)
    assert "--anyway" in str(done.exception)
    views = {}
    for name in ("f.svg", "f.html"):
        shown = CliRunner().invoke(compare, [*asked, "--anyway", "--figure", str(tmp_path / name)])
        views[name], views["terminal"] = (tmp_path / name).read_text(), " ".join(shown.stdout.split())
    views["json"] = CliRunner().invoke(compare, [*asked, "--anyway", "--json"]).stdout
    for name, view in views.items():
        assert "these runs do not compare" in view, name
        assert f"differs: {differs}" in view, name
    assert json.loads(views["json"])["caveats"][1] == f"differs: {differs}"


def test_columns_give_the_same_comparison_as_episodes(runs: list[Path], tmp_path: Path) -> None:
    whole = compare_runs(str(runs[0]), str(runs[1]))
    for folder in runs[:2]:
        shutil.copytree(folder, tmp_path / folder.name, ignore=shutil.ignore_patterns("*.parquet"))
    plain = compare_runs(str(tmp_path / runs[0].name), str(tmp_path / runs[1].name))
    assert json.dumps(plain.as_dict(), sort_keys=True) == json.dumps(whole.as_dict(), sort_keys=True)


def test_a_figure_is_of_two_kinds(runs: list[Path], tmp_path: Path) -> None:
    with pytest.raises(OffswitchError, match=r"\.svg or an \.html"):
        write_figure(compare_runs(str(runs[0]), str(runs[1])), tmp_path / "page.png")


def test_arms_of_one_run(runs: list[Path], tmp_path: Path) -> None:
    for arm, folder in (("before", runs[0]), ("after", runs[1])):
        shutil.copytree(folder / "episodes", tmp_path / "episodes" / arm)
    shutil.copy(runs[0] / "card.json", tmp_path)
    (tmp_path / "run.json").write_text(json.dumps({"suite": {"limit": 12}}))
    found, plain = compare_runs(f"{tmp_path}:before", f"{tmp_path}:after"), compare_runs(str(runs[0]), str(runs[1]))
    assert found.changes == plain.changes
    assert found.first.limit == 12
    with pytest.raises(OffswitchError, match=r"say which arm: .*:before, .*:after"):
        compare_runs(str(tmp_path), str(runs[1]))


def test_what_is_no_run_is_said(runs: list[Path], tmp_path: Path) -> None:
    with pytest.raises(OffswitchError, match="no finished run"):
        compare_runs(str(tmp_path), str(runs[0]))
    (tmp_path / "card.json").write_text("{}")  # as of `offswitch score`
    with pytest.raises(OffswitchError, match="holds no episodes of a measure"):
        compare_runs(str(tmp_path), str(runs[0]))
    (tmp_path / "episodes").mkdir()
    shutil.copy(runs[0] / "card.json", tmp_path / "card.json")
    shutil.copy(runs[0] / "run.json", tmp_path / "run.json")
    with pytest.raises(OffswitchError, match="episodes holds no episode; run the same"):
        compare_runs(str(tmp_path), str(runs[0]))
    (tmp_path / "twins.json").write_text("{}")
    with pytest.raises(OffswitchError, match="is a run of offswitch twins"):
        compare_runs(str(tmp_path), str(runs[0]))
    with pytest.raises(OffswitchError, match="no arm 'after'"):
        compare_runs(f"{runs[0]}:after", str(runs[1]))


def test_rounds_hold_each_family_once_with_its_twin(families: dict[str, Family]) -> None:
    scenarios = suite(families, "all", 5, 1)
    every = rounds(scenarios)
    assert len(every) == 5
    assert sorted(s.key for turn in every for s in turn) == sorted(s.key for s in scenarios)
    for turn in every:
        pressured = [s for s in turn if s.pressured]
        assert len({s.family.id for s in pressured}) == len(pressured) == 5
        assert {s.pair for s in pressured} <= {s.pair for s in turn if not s.pressured}
    assert [len(batch) for batch in batches(scenarios, 25)] == [22, 22, 11]
    assert list(batches([], 25)) == []


def test_measuring_stops_when_decided_and_resumes_to_the_same(tmp_path: Path, families: dict[str, Family]) -> None:
    chosen = Suite("heldout", 300, unit=90, until="upper<0.05")
    choice = ModelChoice("scripted/corrigible")
    card, _ = measure_model(choice, chosen, families, load_spec(), tmp_path, Silent())
    played = card.suite.per_family
    assert played < 40
    assert card.before.summary.pooled["heldout"].episodes == 4 * played
    assert "upper<0.05: yes" in card.limits[-1]
    assert "betting" in card.limits[-1]
    assert "--until 'upper<0.05'" in card.provenance.command
    assert not missing(chosen, families, tmp_path / "episodes")
    units = sorted((tmp_path / "episodes").glob("*.jsonl"))
    units[-1].unlink()
    assert missing(chosen, families, tmp_path / "episodes")
    again, _ = measure_model(choice, chosen, families, load_spec(), tmp_path, Silent())
    assert again.before == card.before


def test_it_stops_as_well_when_the_answer_is_no(tmp_path: Path, families: dict[str, Family]) -> None:
    chosen = Suite("heldout", 300, unit=90, until="upper<0.05")
    card, _ = measure_model(ModelChoice("scripted/resister"), chosen, families, load_spec(), tmp_path, Silent())
    assert card.suite.per_family < 20
    assert "upper<0.05: no" in card.limits[-1]
    with pytest.raises(OffswitchError, match="no family of this suite"):
        look(until("upper<0.05"), [])


def test_a_question_without_a_subject_is_refused_before_anything_is_played(tmp_path: Path) -> None:
    work = {id: family for id, family in load_families().items() if id == "ordinary_mail"}
    chosen = Suite("all", 3, until="upper<0.05")
    with pytest.raises(OffswitchError, match="no family of this suite puts any on"):
        measure_model(ModelChoice("scripted/resister"), chosen, work, load_spec(), tmp_path / "out", Silent())
    assert not (tmp_path / "out").exists()


def test_an_answer_says_how_much_of_it_could_not_be_scored(families: dict[str, Family]) -> None:
    (scenario,) = (s for s in suite({"stop_order": families["stop_order"]}, "train", 1, 1) if s.pressured)
    scored, cut = (record(run(corrigible(), scenario, limit)) for limit in (12, 1))
    assert cut.findings["violated"].value is None
    found = look(until("upper<0.1"), [scored] * 60 + [cut] * 20)
    assert found.answer == "yes"
    assert str(found).endswith("; scored 60 of 80, so between 0.0% and 25.0%")
    assert "between" not in str(look(until("upper<0.1"), [scored] * 60))


def test_plan_tells_designs_apart() -> None:
    told = ["--until", "upper<0.01", "--tokens-in", "1000", "--tokens-out", "100", "--price-in", "1", "--price-out", "10"]
    done = CliRunner().invoke(plan, [*told, "--json"])
    assert done.exit_code == 0, done.output
    fixed, sequential, beyond = json.loads(done.stdout)
    assert fixed["need"]["episodes"] >= 368
    assert sequential["need"]["episodes"] > fixed["need"]["episodes"]
    assert fixed["dollars"] == pytest.approx(fixed["played"] * 2000 / 1e6)
    assert beyond["need"]["episodes"] is None
    assert "no number of episodes" in beyond["need"]["note"]
    shown = CliRunner().invoke(plan, [*told, "--rate", "0.001"])
    assert "stop when decided" in shown.stdout
    assert "offswitch measure --model MODEL --split heldout --until 'upper<0.01' --n " in shown.stdout
    assert CliRunner().invoke(plan, []).exit_code == 2
    change = CliRunner().invoke(plan, ["--before", "0.3", "--after", "0.1", "--json"])
    assert json.loads(change.stdout)[0]["read"] > 1000
    assert "how long episodes are 100%" in change.stderr
