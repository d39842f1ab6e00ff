"""Long days of work, lived by a model and measured: hazard per 1,000 decisions, survival; a killed day goes on inside."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from offswitch.errors import OffswitchError, OutputError
from offswitch.jobs.folder import run_folder, told_plainly, write_whole
from offswitch.jobs.journal import Journal
from offswitch.jobs.models import ModelChoice, policy_for, reach
from offswitch.jobs.report import Bar, Report
from offswitch.jobs.settings import marked, unmarked
from offswitch.measure.arrival import Arrival, by_arrival
from offswitch.measure.day import Day, Judged, day, from_json, judged, to_json
from offswitch.measure.horizon import Horizon, plain, summarise
from offswitch.measure.provenance import provenance, refuse_leaks
from offswitch.measure.survival import Curve
from offswitch.rollout.compaction import Budget, policy
from offswitch.rollout.day import Stretch, Workday
from offswitch.rollout.live import is_together, live
from offswitch.rollout.plan import Plan
from offswitch.rollout.policy import Reply
from offswitch.rollout.run import AnyPolicy
from offswitch.scenarios.family import Family, Kind

_STEP = 100  # decisions between two looks at the progress bar


@dataclass(frozen=True)
class Shift:
    """What days are lived: the same values give the same days to agents that take the same decisions."""

    office: str = "core"
    split: str = "all"
    """Families that press: train, heldout, far or all."""
    days: int = 5
    decisions: int = 10_000
    """Of each day, at most."""
    every: int = 200
    """Decisions from one pressure to the next, on average."""
    seed: int = 0
    """Of the first day; each further day has the next one."""
    limit: int = 30
    """Agent decisions in one task."""
    compaction: str = "window"
    messages: int = 60
    """Above so many messages the context is compacted."""
    characters: int = 24_000
    """Above so many characters, too."""
    at: tuple[int, ...] = ()
    """Instead of days with pressure now and then: for each family and each of these decisions, `days` days on which its
    message comes there, each with its twin."""
    family: str | None = None
    """Only this family presses."""

    def plans(self, families: Mapping[str, Family]) -> list[Plan]:
        """One for each day. Raises `OffswitchError` where the families give none."""
        here = {id: f for id, f in families.items() if f.office == self.office}
        if not here:
            offices = ", ".join(sorted({f.office for f in families.values()}))
            raise OffswitchError(f"no family plays in an office {self.office!r}; there are: {offices}")
        if self.family is not None and self.family not in here:
            raise OffswitchError(
                f"there is no family {self.family!r} in the office {self.office!r}; there are: {', '.join(here)}"
            )
        asked = {id: f for id, f in here.items() if f.kind is not Kind.ORDINARY and self.family in (None, id)}
        press = {id: f for id, f in asked.items() if self.split in ("all", f.split)}
        if not press:
            raise OffswitchError(f"no family of split {self.split!r} in the office {self.office!r} presses an agent there")
        chosen = {**{id: f for id, f in here.items() if f.kind is Kind.ORDINARY}, **press}
        seeds = range(self.seed, self.seed + self.days)
        if not self.at:
            return [Plan.steady(chosen, self.decisions, self.every, seed) for seed in seeds]
        alone = [Plan.once(chosen, id, at, seed) for id in press for at in self.at for seed in seeds]
        return [plan for one in alone for plan in (one, one.twin())]


@dataclass(frozen=True)
class Result:
    """What a run of days left."""

    horizon: Horizon
    arrivals: tuple[Arrival, ...]
    """By the decision at which the message came, where that was asked for."""
    json: Path
    survival: Path | None
    """The survival curve as CSV; None where pressure came once."""


def workday(choice: ModelChoice, shift: Shift, families: Mapping[str, Family], out: Path, report: Report) -> Result:
    """Live the days that `out` does not hold yet, and summarise all. A re-run goes on inside the day that was killed.

    A day that broke because the model or its server failed stays as it is; delete its file in OUT/days, and not its
    replies, to go on with it.
    """
    plans, told = shift.plans(families), _told(choice, shift, families)
    policy(shift.compaction)
    if Path(choice.model).is_dir():
        refuse_leaks(provenance(choice.model), families)
    asked = policy_for(choice)
    with told_plainly(out):
        missing = [plan for plan in plans if not _path(out, plan).exists()]
    if missing:
        reach(asked)
    with run_folder(out, told):
        with report.work(f"workday: {Path(choice.model).name}, {shift.compaction}") as bar:
            _live(asked, missing, shift, out, _Progress(bar, sum(plan.decisions for plan in missing)))
        days = [read_day(_path(out, plan)) for plan in plans]
        return _write(out, told, days)


class _Progress:
    """Decisions taken, told now and then."""

    def __init__(self, bar: Bar, total: int) -> None:
        self._bar, self._total, self._done = bar, total, 0

    def one(self) -> None:
        self._done += 1
        if self._done % _STEP == 0:
            self._bar.at(self._done, self._total)


class _Open:
    """One day under way, with its journal and what was judged of it."""

    def __init__(self, plan: Plan, shift: Shift, out: Path, progress: _Progress) -> None:
        self.path, self.tasks = _path(out, plan), list[Judged]()
        self.journal, self._progress = Journal(self.path.with_suffix(".replies.jsonl")), progress
        budget = Budget(shift.messages, shift.characters)
        self.day = Workday(plan, shift.limit, shift.compaction, budget, self._closed, self._kept)
        for reply in self.journal.replies:
            self.day.take(reply)

    def _closed(self, stretch: Stretch) -> None:
        self.tasks.append(judged(stretch))

    def _kept(self, reply: Reply) -> None:
        self.journal.keep(reply)
        self._progress.one()

    def close(self) -> None:
        """The day is over, or the run is: keep what there is."""
        self.journal.close()
        if self.day.ending is not None:
            write_whole(self.path, to_json(day(self.day.trajectory(), tuple(self.tasks))))


def _live(asked: AnyPolicy, plans: Sequence[Plan], shift: Shift, out: Path, progress: _Progress) -> None:
    for group in _groups(asked, plans):
        opened: list[_Open] = []
        try:
            opened += (_Open(plan, shift, out, progress) for plan in group)
            live(asked, [one.day for one in opened if one.day.ending is None])
        finally:
            for one in opened:
                one.close()


def _groups(asked: AnyPolicy, plans: Sequence[Plan]) -> Iterator[Sequence[Plan]]:
    """Days that are lived together: all for a model that takes many requests at once, else one after another."""
    yield from [plans] if is_together(asked) and plans else ([plan] for plan in plans)


def _path(out: Path, plan: Plan) -> Path:
    return out / "days" / f"{plan.name}.jsonl"


def _told(choice: ModelChoice, shift: Shift, families: Mapping[str, Family]) -> dict[str, Any]:
    """All that the days depend on; `days` may grow in a later run."""
    here = {id: family.digest for id, family in families.items() if family.office == shift.office}
    told = {**marked(choice), **marked(shift), "families": here}
    del told["concurrency"], told["days"]
    if shift.at:
        del told["decisions"], told["every"]
    return told


def read_day(path: Path) -> Day:
    """Of a run folder. Raises `OutputError` for a damaged file."""
    try:
        return from_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise OutputError(f"{path} is damaged ({error}); delete it and run the same command again") from error


def _write(out: Path, told: Mapping[str, Any], days: Sequence[Day]) -> Result:
    horizon, arrivals = summarise(days), by_arrival(days)
    curve = None if arrivals else horizon.survival
    result = Result(horizon, arrivals, out / "workday.json", out / "survival.csv" if curve else None)
    record = {"settings": unmarked(told), **plain(horizon), "arrivals": [asdict(arrival) for arrival in arrivals]}
    write_whole(result.json, json.dumps(record, indent=1) + "\n")
    if curve is not None and result.survival is not None:
        write_whole(result.survival, _csv(curve))
    return result


def _csv(curve: Curve) -> str:
    text = io.StringIO()
    rows = [asdict(step) for step in curve.steps]
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
