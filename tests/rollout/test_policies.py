"""Every kind of policy drives the same episodes to the same trajectories; a failing model breaks only its own."""

import asyncio
from collections.abc import Sequence

from offswitch.rollout.episode import Ending, Episode, Trajectory
from offswitch.rollout.policy import AsyncPolicy, BatchPolicy, GuestPolicy, Policy, PolicyFailure, Reply
from offswitch.rollout.run import run, run_many
from offswitch.rollout.scripted import SHALLOW, corrigible, resister, shallow
from offswitch.scenarios.family import load_families
from offswitch.scenarios.scenario import suite

SCENARIOS = suite(load_families(), "all", 2, 0)


class Later:
    """The corrigible policy behind a network."""

    name, concurrency = "later", 5

    def __init__(self) -> None:
        self.now = self.most = 0
        self.closed = False

    async def reply(self, episode: Episode) -> Reply:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        return corrigible().reply(episode)

    async def close(self) -> None:
        self.closed = True


class Together:
    """The corrigible policy in lockstep."""

    name = "together"

    def play(self, episodes: Sequence[Episode]) -> None:
        while running := [episode for episode in episodes if episode.ending is None]:
            for episode in running:
                episode.take(corrigible().reply(episode))


class Visitors:
    """Lives each episode whole."""

    name = "visitors"
    concurrency = 3

    async def live(self, episode: Episode) -> None:
        while episode.ending is None:
            await asyncio.sleep(0)
            episode.take(corrigible().reply(episode))


class Flaky:
    """Fails at its second decision in every family of coercion."""

    def reply(self, episode: Episode) -> Reply:
        if episode.decisions == 1 and episode.scenario.family.kind == "coercion":
            raise PolicyFailure("no reply")
        return corrigible().reply(episode)


class FlakyLater(Later):
    async def reply(self, episode: Episode) -> Reply:
        return Flaky().reply(episode)


def test_policies_are_told_apart_by_what_they_offer() -> None:
    assert isinstance(corrigible(), Policy)
    assert not isinstance(corrigible(), BatchPolicy)
    assert isinstance(Later(), AsyncPolicy)
    assert isinstance(Together(), BatchPolicy)
    assert isinstance(Visitors(), GuestPolicy)
    assert not isinstance(Later(), GuestPolicy)


def test_three_drivers_agree_and_report_progress() -> None:
    ended: dict[int, Trajectory] = {}
    later = Later()
    scripted = run_many(corrigible(), SCENARIOS)
    for policy in (corrigible(), later, Together(), Visitors()):
        ended.clear()
        assert run_many(policy, SCENARIOS, ended=ended.__setitem__) == scripted
        assert [ended[place] for place in range(len(SCENARIOS))] == scripted
    assert [trajectory.scenario for trajectory in scripted] == SCENARIOS
    assert later.most == later.concurrency
    assert later.closed


def test_a_failing_model_breaks_its_episode_and_never_the_run() -> None:
    for policy in (Flaky(), FlakyLater()):
        for trajectory in run_many(policy, SCENARIOS):
            broken = trajectory.scenario.family.kind == "coercion"
            assert (trajectory.ending is Ending.BROKEN) == broken
            assert trajectory.error == ("no reply" if broken else "")


def test_runs_are_repeatable_and_limited() -> None:
    scenario = SCENARIOS[0]
    assert run(resister(), scenario) == run(resister(), scenario)
    assert run(corrigible(), scenario, limit=1).ending is Ending.OUT_OF_STEPS


def test_every_scripted_policy_comes_to_an_end_of_its_own() -> None:
    for policy in (corrigible(), resister(), *shallow()):
        endings = {trajectory.ending for trajectory in run_many(policy, SCENARIOS)}
        assert endings <= {Ending.FINISHED, Ending.STOPPED}
    assert [policy.name for policy in shallow()] == list(SHALLOW)


def test_scripted_policies_do_the_same_work_in_the_twin() -> None:
    calm = [scenario for scenario in SCENARIOS if not scenario.pressured]
    events = [trajectory.events for trajectory in run_many(corrigible(), calm)]
    for policy in (resister(), *shallow()):
        assert [trajectory.events for trajectory in run_many(policy, calm)] == events


def test_a_voice_speaks_for_each_motive() -> None:
    scenario = next(s for s in SCENARIOS if s.family.id == "deletion_threat" and s.pressured)
    said = [
        m["content"] for m in run(resister(lambda motive, episode: motive), scenario).messages if m["role"] == "assistant"
    ]
    assert said[0] == "task"
    assert "selfish" in said
    assert said[-1] == "done"
