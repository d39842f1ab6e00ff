"""Settings are the same as before where only settings at their default have come to be."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from offswitch.errors import OutputError
from offswitch.jobs.folder import run_folder
from offswitch.jobs.measure import Suite
from offswitch.jobs.preregister import check, digest, register
from offswitch.jobs.settings import changed, marked, unmarked
from offswitch.jobs.study import Study
from offswitch.scenarios.family import load_families
from offswitch.train.ingredients import Replay
from offswitch.train.recipe import Recipe, Supervised

STUDY = Path(__file__).parents[2] / "docs" / "study"


@dataclass(frozen=True)
class Inner:
    old: int = 1
    new: str = "window"


@dataclass(frozen=True)
class Outer:
    given: str
    inner: Inner = field(default_factory=Inner)
    many: tuple[int, ...] = ()
    place: Path = Path("here")


def test_all_settings_are_written_and_read_back() -> None:
    recipe = Recipe(name="r", about="a", stages=(Supervised(kind="sft", data=(Replay(kind="replay", rows=3),)),))
    assert unmarked(marked(recipe)) == recipe.model_dump(mode="json")
    one = Outer("x", many=(1, 2))
    told = {"given": "x", "inner": {"old": 1, "new": "window"}, "many": [1, 2], "place": "here"}
    assert unmarked(marked(one)) == told
    assert changed(told, marked(one)) == []


@pytest.mark.parametrize(
    ("before", "other"),
    [
        ({"given": "x", "inner": {"old": 1}, "many": []}, []),
        ({"given": "x"}, []),
        ({"given": "y"}, ["given"]),
        ({}, ["given"]),
        ({"given": "x", "inner": {"old": 2}}, ["inner"]),
        ({"given": "x", "many": [1]}, ["many"]),
        ({"given": "x", "gone": 1}, ["gone"]),
    ],
)
def test_only_what_is_at_its_default_may_be_lacking(before: dict[str, object], other: list[str]) -> None:
    assert changed(before, marked(Outer("x"))) == other


def test_a_new_setting_that_is_given_is_another_run() -> None:
    assert changed({"given": "x", "inner": {"old": 1}}, marked(Outer("x", Inner(new="notes")))) == ["inner"]


def test_a_run_folder_of_before_a_setting_existed_is_gone_on_with(tmp_path: Path) -> None:
    now = marked(Suite(n=3))
    before = {name: value for name, value in unmarked(now).items() if name not in ("tier", "only")}
    (tmp_path / "run.json").write_text(json.dumps(before))
    with run_folder(tmp_path, now):
        pass
    with (
        pytest.raises(OutputError, match="holds a run with another tier"),
        run_folder(tmp_path, marked(Suite(n=3, tier="real"))),
    ):
        pass


def test_what_an_older_folder_holds_of_settings_that_change_nothing_is_no_other_run() -> None:
    before = {**unmarked(marked(Outer("x"))), "concurrency": 8, "among": 0}
    assert changed(before, marked(Outer("x"))) == []
    assert changed({**before, "forks": 2}, marked(Outer("x"))) == ["forks"]


def test_a_plan_of_before_a_setting_existed_is_the_same_plan_with_its_own_hash(tmp_path: Path) -> None:
    study, families = Study(("demos-only",)), load_families()
    now = study.plan(families)
    before = unmarked(now)
    del before["study"]["suite"]["tier"]
    for stage in before["arms"]["demos-only"]["stages"]:
        stage.pop("errands", None)
    told = register(before, tmp_path)
    assert told != digest(now)
    assert register(now, tmp_path) == told == check(tmp_path)
    with pytest.raises(OutputError, match=r"another plan \(another study\)"):
        register(replace(study, suite=Suite(tier="real")).plan(families), tmp_path)


@pytest.mark.parametrize("name", ["plan.json", "plan-documents.json", "plan-neutral.json", "plan-documents-again.json"])
def test_the_plans_of_the_published_study_have_the_hashes_that_they_say(name: str) -> None:
    kept = json.loads((STUDY / name).read_text(encoding="utf-8"))
    assert digest(kept["plan"]) == kept["hash"]
