"""Hazard, survival and mean counts against published and hand-made answers; intervals hold the truth as often as they say."""

from math import exp, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.duration.survfunc import SurvfuncRight
from statsmodels.stats.rates import confint_poisson

from offswitch.measure.arrival import by_arrival, rows
from offswitch.measure.contrast import mover
from offswitch.measure.day import FIELDS, Day, Judged, from_json, to_json
from offswitch.measure.hazard import Hazard, by_part, hazard, hazard_of, poisson
from offswitch.measure.horizon import lines, summarise
from offswitch.measure.survival import first, mean_count, survival, survival_of, worst
from offswitch.rollout.episode import Ending

FREIREICH = [6, 6, 6, -6, 7, -9, 10, -10, -11, 13, 16, -17, -19, -20, 22, 23, -25, -32, -32, -34, -35]
"""Weeks in remission under 6-mercaptopurine (Freireich et al. 1963), the example of most textbooks; negative is censored."""


def task(start: int, decisions: int = 10, violated: bool | None = False, pressured: bool = True, **more: object) -> Judged:
    found = {**dict.fromkeys(FIELDS, False), "violated": violated}
    told = {
        "index": start // 10,
        "family": "f",
        "kind": "k",
        "task": "t",
        "levels": {"dress": "test"},
        "seed": 0,
        "ending": "finished",
        "arrived_at": start + 1 if pressured else None,
        "rewrites": 0,
        "reason": "",
        "violated_at": start + 5 if violated else None,
    }
    return Judged(start=start, decisions=decisions, pressured=pressured, found=found, **{**told, **more})  # type: ignore[arg-type]


def made(*violated: bool | None, ending: Ending = Ending.OUT_OF_STEPS, at: int | None = None) -> Day:
    """A day of tasks of ten decisions each."""
    tasks = tuple(task(10 * i, violated=value) for i, value in enumerate(violated))
    return Day(0, 10 * len(tasks), ending, "", tasks, at)


def test_exact_poisson_intervals() -> None:
    assert poisson(0) == pytest.approx((0, -log(0.025)))
    assert poisson(10) == pytest.approx((4.795389, 18.390356), abs=1e-5)  # Garwood's own table rounds to 4.80, 18.39
    for events in (1, 3, 57):
        assert poisson(events) == pytest.approx(tuple(confint_poisson(events, 1, method="exact-c")))


def test_no_event_gives_the_exact_bound_and_says_what_it_cannot_see() -> None:
    found = hazard_of([0, 0], [4000, 6000])
    assert found is not None
    assert (found.point, found.low) == (0, 0)
    assert found.high == pytest.approx(1000 * -log(0.025) / 10_000)
    assert "differences between days are unknown" in found.method
    assert hazard_of([], []) is None
    assert hazard_of([0], [0]) is None


def test_days_that_agree_are_pooled_and_days_that_differ_widen() -> None:
    pooled, one = hazard_of([5, 5, 5, 5], [1000] * 4), hazard_of([20], [4000])
    apart = hazard_of([0, 0, 0, 20], [1000] * 4)
    assert pooled is not None
    assert one is not None
    assert apart is not None
    assert (pooled.low, pooled.high) == pytest.approx((one.low, one.high))
    assert apart.point == pooled.point == 5
    assert "dispersion 20" in apart.method  # 3 * 25/5 + 225/5 over 3
    assert "two days tell little" in str(hazard_of([3, 4], [1000] * 2))
    assert "two days" not in apart.method
    assert apart.low < 1 < pooled.low
    assert apart.high > 15 > pooled.high


def test_a_bound_near_zero_is_told_without_a_power_of_ten() -> None:
    told = str(hazard_of([3, 0, 0], [150] * 3))
    assert "e-" not in told
    assert told.startswith("6.67 [under 0.0001, ")


@pytest.mark.parametrize(
    ("days", "spread", "least"),
    [(10, 0.0, 0.95), (10, 0.3, 0.93), (10, 1.0, 0.90), (3, 0.3, 0.90), (3, 1.0, 0.90), (2, 0.3, 0.80)],
)
def test_the_interval_holds_the_truth_when_days_differ(days: int, spread: float, least: float) -> None:
    """Days of about 20 events; the days' own rates have this variation between them, as share of the mean squared."""
    dice, held = np.random.default_rng(0), 0
    for _ in range(1000):
        rates = 20 * (dice.gamma(1 / spread, spread, days) if spread else np.ones(days))
        found = hazard_of([int(k) for k in dice.poisson(rates)], [1000] * days)
        assert found is not None
        held += found.low <= 20 <= found.high
    assert held / 1000 >= least


@pytest.mark.parametrize(("first", "second", "spread"), [(20, 5, 0.3), (3, 3, 0.0), (8, 0.5, 0.3)])
def test_two_hazards_apart_hold_the_truth(first: float, second: float, spread: float) -> None:
    """Five days each of 1,000 decisions, whose own rates have this variation between them."""
    dice, held = np.random.default_rng(0), 0

    def drawn(mean: float) -> Hazard:
        rates = mean * (dice.gamma(1 / spread, spread, 5) if spread else np.ones(5))
        found = hazard_of([int(k) for k in dice.poisson(rates)], [1000] * 5)
        assert found is not None
        return found

    for _ in range(600):
        low, high = mover(drawn(first), drawn(second))
        held += low <= first - second <= high
    assert held / 600 >= 0.92


def test_only_scored_tasks_are_at_risk() -> None:
    found = hazard([made(True, None, False), made(None)])
    assert found is not None
    assert (found.events, found.decisions, found.days) == (1, 20, 1)
    assert found.point == 50


def test_the_hazard_by_part_of_the_day() -> None:
    parts = by_part([made(False, False, True, True), made(False, False, False, True)], parts=2)
    assert [(part.events, part.decisions) for part in parts if part] == [(0, 40), (3, 40)]
    assert by_part([]) == [None] * 4


def test_kaplan_and_meier_on_the_textbook_example() -> None:
    curve = survival_of([(abs(time), time > 0) for time in FREIREICH])
    found = {step.decision: round(step.surviving, 3) for step in curve.steps}
    assert found == {0: 1, 6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448, 35: 0.448}
    assert [step.at_risk for step in curve.steps] == [21, 21, 17, 15, 12, 11, 7, 6, 1]
    assert (curve.violated, curve.censored, curve.median) == (9, 12, 23)
    ten = next(step for step in curve.steps if step.decision == 10)
    assert (ten.low, ten.high) == pytest.approx((0.503, 0.889), abs=0.001)  # R: survfit, conf.type = "log-log"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 30), st.booleans()), min_size=2, max_size=40))
def test_the_curve_agrees_with_another_library(times: list[tuple[int, bool]]) -> None:
    curve = {step.decision: step for step in survival_of(times).steps}
    other = SurvfuncRight([t for t, _ in times], [int(violated) for _, violated in times])
    for at, surviving in zip(other.surv_times, other.surv_prob, strict=True):
        assert curve[int(at)].surviving == pytest.approx(surviving)
    assert all(step.low <= step.surviving <= step.high for step in curve.values())


def test_a_curve_without_any_violation_is_bounded_by_its_days() -> None:
    last = survival_of([(100, False)] * 20).steps[-1]
    assert (last.surviving, last.high) == (1, 1)
    assert last.low == pytest.approx(exp(log(0.025) / 20))
    gone = survival_of([(5, True), (6, True)]).steps[-1]
    assert (gone.surviving, gone.low) == (0, 0)
    assert gone.high == pytest.approx(1 - exp(log(0.025) / 2))


@pytest.mark.parametrize(("ending", "until"), [(e, 90 if e is Ending.FINISHED else 20) for e in Ending])
def test_the_ending_says_whether_a_day_leaves_the_curve(ending: Ending, until: int) -> None:
    assert first(made(False, False, ending=ending), 90) == (until, False)
    assert first(made(False, True, ending=ending), 90) == (15, True)


def test_a_broken_day_does_not_count_as_a_good_one() -> None:
    broken, good, bad = made(False, ending=Ending.BROKEN), made(False, False, False), made(False, False, True)
    curve = survival([broken, good, bad])
    assert curve is not None
    assert curve.steps[1].surviving == 0.5
    assert survival([]) is None


def test_mean_counts_by_hand() -> None:
    """One day of 40 decisions with violations at 5 and 35, one of 20 with one at 15."""
    means = mean_count([made(True, False, False, True), made(False, True)])
    assert [(m.decision, m.at_risk, m.mean) for m in means] == [(5, 2, 0.5), (15, 2, 1.0), (35, 1, 2.0)]
    assert means[0].error == pytest.approx((0.25**2 + 0.25**2) ** 0.5)
    assert means[1].error == pytest.approx(0)
    assert mean_count([made(True)])[0].error is None


def test_a_finished_day_stays_at_risk() -> None:
    """No violation can come to it any more, so it halves the mean count at 35 as it halves the curve."""
    days = [made(False, ending=Ending.FINISHED), made(False, False, False, True)]
    assert [(m.at_risk, m.mean) for m in mean_count(days)] == [(2, 0.5)]
    curve = survival(days)
    assert curve is not None
    assert curve.steps[-1].surviving == 0.5


def test_a_curve_that_takes_unscored_tasks_as_good_is_bounded() -> None:
    days = [made(False, None, False), made(False, False, True), made(None, True), made(False, False, False)]
    assert worst(days) == 0.25
    assert worst(days[1:2]) is None
    assert "with all of them violated it is 25.0%" in "\n".join(lines(summarise(days)))


def test_shares_of_tasks_allow_for_days_that_differ() -> None:
    """Two days alike within, and unlike each other: ten tasks are not ten answers."""
    found = summarise([made(*[True] * 5), made(*[False] * 5)])
    assert found.per_pressure is not None
    assert "clustered by day" in found.per_pressure.method
    assert "how families differ is unknown" in found.per_pressure.method
    assert found.per_pressure.high - found.per_pressure.low > 0.9
    assert "how days differ is unknown" in str(summarise([made(True, False)]).per_pressure)
    assert "variance between days is unknown" in str(summarise([made(True, True)] * 2).per_pressure)


def test_a_day_survives_its_file() -> None:
    day = made(True, None, False, ending=Ending.BROKEN, at=50)
    assert from_json(to_json(day)) == day
    with pytest.raises(ValueError, match="not the record of a day"):
        from_json('{"seed": 1}\n')


def test_a_summary_says_what_it_does_not_know() -> None:
    empty = summarise([])
    assert (empty.hazard, empty.survival, empty.per_pressure, empty.done) == (None, None, None, None)
    assert "not known" in "\n".join(lines(empty))
    full = summarise([made(True, False), made(None, False)])
    assert (full.violations, full.unscored, full.pressured, full.days) == (1, 1, 4, 2)
    assert full.families["f"].violated == 1
    assert full.families["f"].unscored == 1
    assert full.per_pressure is not None
    assert full.per_pressure.n == 3


def test_by_the_decision_of_arrival() -> None:
    early, late = made(True, at=10), made(False, at=50)
    twin = Day(0, 10, Ending.FINISHED, "", (task(0, pressured=False, arrived_at=9),), 10)
    gone = Day(0, 10, Ending.BROKEN, "", (task(0, arrived_at=None),), 50)
    ten, fifty = by_arrival([early, twin, late, gone, made(True)])
    assert (ten.at, ten.latest, ten.never, fifty.never) == (10, 9, 0, 1)
    assert ten.pressed is not None
    assert ten.control is not None
    assert (ten.pressed.point, ten.control.point) == (1, 0)
    assert fifty.control is None
    assert "nothing was scored" in "\n".join(rows((fifty,)))
