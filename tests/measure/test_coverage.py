"""How often intervals hold the truth, where other tests show known answers only; and that the docs list all estimators."""

import ast
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from statsmodels.stats.inter_rater import cohens_kappa

from bench.intervals import crossed
from offswitch.measure.calibrate import kappa
from offswitch.measure.contrast import unpaired_of
from offswitch.measure.day import FIELDS, Day, Judged
from offswitch.measure.estimate import Estimate, wilson
from offswitch.measure.survival import mean_count, survival_of
from offswitch.rollout.episode import Ending

ROOT = Path(__file__).parents[2]
MEASURE = ROOT / "src" / "offswitch" / "measure"
RESULTS = {
    "Estimate", "Difference", "Interval", "Hazard", "LogRank", "Curve", "Mean", "Kappa", "Forecast", "Heterogeneity",
    "Effective", "Bounds", "Corrected", "Shuffled", "FamilyChange",
}  # fmt: skip


@pytest.mark.parametrize("p", [0.02, 0.1, 0.5])
def test_wilson_covers_on_average(p: float) -> None:
    """Exactly, over the counts that may come up, averaged over sizes."""
    from scipy.stats import binom

    held = []
    for n in range(40, 120, 8):
        ends = [wilson(k, n) for k in range(n + 1)]
        held.append(sum(binom.pmf(k, n, p) for k, end in enumerate(ends) if end.low <= p <= end.high))
    assert 0.935 <= np.mean(held) <= 0.98


@pytest.mark.parametrize(("first", "second"), [(0.5, 0.3), (0.05, 0.1)])
def test_the_difference_of_two_runs_holds_the_truth(first: float, second: float) -> None:
    rng, held = np.random.default_rng(0), 0
    for a, b in zip(rng.binomial(60, first, 400), rng.binomial(80, second, 400), strict=True):
        found = unpaired_of((int(a), 60), (int(b), 80))
        assert found is not None
        held += found.low <= first - second <= found.high
    assert 0.92 <= held / 400 <= 0.985


def test_the_survival_curve_holds_the_truth() -> None:
    """Forty days of violations at a constant hazard of 1 in 100, a third of the days cut short at random; at decision 60."""
    rng, held = np.random.default_rng(0), 0
    for _ in range(300):
        violated = np.ceil(rng.exponential(100, 40)).astype(int)
        cut = np.where(rng.random(40) < 1 / 3, rng.integers(10, 100, 40), 100)
        curve = survival_of([(int(min(v, c)), bool(v <= c)) for v, c in zip(violated, cut, strict=True)])
        at = [step for step in curve.steps if step.decision <= 60][-1]
        held += at.low <= np.exp(-60 / 100) <= at.high
    assert 0.92 <= held / 300 <= 0.985


@pytest.mark.parametrize("spread", [0.0, 0.5])
def test_the_mean_count_holds_the_truth_when_days_differ(spread: float) -> None:
    """Half a violation a day on average; hazards of days differ by a gamma factor with this variance."""
    rng, held = np.random.default_rng(0), 0
    for _ in range(200):
        factor = rng.gamma(1 / spread, spread, 60) if spread else np.ones(60)
        last = mean_count([day(np.flatnonzero(rng.random(20) < f / 40)) for f in factor])[-1]
        assert last.error is not None
        held += abs(last.mean - 0.5) <= 1.96 * last.error
    assert 0.90 <= held / 200 <= 0.985


def day(tasks: np.ndarray) -> Day:
    """Twenty tasks of one decision, these violated; the others are left out, as they add nothing to the count."""
    judged = tuple(
        Judged(
            index=i, start=i, decisions=1, family="f", kind="k", task="t", levels={}, seed=0, ending="finished",
            pressured=True, arrived_at=i, rewrites=0, reason="", violated_at=i,
            found={**dict.fromkeys(FIELDS, False), "violated": True},
        )
        for i in tasks.tolist()
    )  # fmt: skip
    return Day(0, 20, Ending.OUT_OF_STEPS, "", judged, None)


@pytest.mark.parametrize(("days", "by_day", "by_family"), [(5, 0.2, 0.0), (3, 0.2, 0.1), (5, 0.0, 0.2)])
def test_tasks_of_days_and_families_that_differ_hold_the_truth(days: int, by_day: float, by_family: float) -> None:
    held, by_family_alone = crossed(days, by_day, by_family, 200)
    assert held >= 0.92
    assert (by_family_alone < 0.85) is (by_day > 0)


@pytest.mark.parametrize(
    ("n", "share", "sensitivity", "specificity"), [(120, 0.5, 0.9, 0.9), (60, 0.5, 0.98, 0.98), (40, 0.1, 0.9, 0.99)]
)
def test_kappa_holds_the_truth(n: int, share: float, sensitivity: float, specificity: float) -> None:
    """Also of a judge that is nearly always right, where the normal interval holds in half to seven tenths."""
    rng, held, normal, defined = np.random.default_rng(0), 0, 0, 0
    right = share * sensitivity + (1 - share) * specificity
    said = share * sensitivity + (1 - share) * (1 - specificity)
    chance = share * said + (1 - share) * (1 - said)
    truth = (right - chance) / (1 - chance)
    cells = [share * sensitivity, share * (1 - sensitivity), (1 - share) * (1 - specificity), (1 - share) * specificity]
    for yes, missed, false, no in rng.multinomial(n, cells, 300).tolist():
        found = kappa([[yes, missed], [false, no]], Estimate((yes + no) / n, *wilson(yes + no, n), 0.95, n, None, "Wilson"))
        if found is not None:
            usual = cohens_kappa([[yes, missed], [false, no]])
            assert found.point == pytest.approx(usual.kappa)
            held, defined = held + (found.low <= truth <= found.high), defined + 1
            normal += abs(usual.kappa - truth) <= 1.96 * usual.var_kappa**0.5
    assert 0.925 <= held / defined <= 0.985
    assert (normal / defined < 0.8) == (n < 100)


def listed() -> list[tuple[str, str, str]]:
    """The table of the docs: estimator, known answer, simulation."""
    text = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `([\w.]+)` \|[^|]+\| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE)


def test_the_docs_list_estimators_with_tests_that_exist() -> None:
    assert len(listed()) >= 25
    for name, known, coverage in listed():
        module, function = name.split(".")
        assert function in defined(MEASURE / f"{module}.py"), name
        for told in re.findall(r"`(test_\w+)::(test_\w+)`", f"{known} {coverage}"):
            assert told[1] in defined(ROOT / "tests" / "measure" / f"{told[0]}.py"), f"{name}: {told}"
        assert "`test_" in known, f"{name} has no known answer"
        assert "`test_" in coverage, f"{name} has no simulation"


def test_every_estimator_is_in_the_docs_or_a_step_of_one_that_is() -> None:
    """Whatever is public in `measure` and makes an interval, or a test, of its own."""
    calls = called()
    steps, left = set[tuple[str, str]](), [(name.split(".")[0], name.split(".")[1]) for name, _, _ in listed()]
    while left:
        steps.add(left.pop())
        left += {one for name in steps for one in calls.get(name, ())} - steps - {*left}
    alone = {f"{module}.{name}" for (module, name) in calls.keys() - steps if not name.startswith("_")}
    assert {name for name in alone if makes(*name.split("."))} == set()


def called() -> dict[tuple[str, str], set[tuple[str, str]]]:
    """By module and name, the functions of `measure` that each function of it calls."""
    found = {}
    for path in MEASURE.glob("*.py"):
        tree = parsed(path)
        scope = {node.name: (path.stem, node.name) for node in tree.body if isinstance(node, ast.FunctionDef)}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("offswitch.measure."):
                scope |= {one.asname or one.name: (str(node.module).rpartition(".")[2], one.name) for one in node.names}
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                found[path.stem, node.name] = {scope[name] for name in calls_in(node) & scope.keys()}
    return found


def calls_in(node: ast.AST) -> set[str]:
    return {p.func.id for p in ast.walk(node) if isinstance(p, ast.Call) and isinstance(p.func, ast.Name)}


def makes(module: str, name: str) -> bool:
    (node,) = (
        node for node in parsed(MEASURE / f"{module}.py").body if isinstance(node, ast.FunctionDef) and node.name == name
    )
    return bool(calls_in(node) & RESULTS)


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def defined(path: Path) -> set[str]:
    return {node.name for node in ast.walk(parsed(path)) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
