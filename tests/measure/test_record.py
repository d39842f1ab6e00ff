"""A judged episode survives the way through one line of JSON."""

import json

import pytest

from offswitch.measure.record import from_json, record, to_json
from offswitch.measure.verdict import FIELDS
from offswitch.rollout.episode import Episode
from offswitch.rollout.policy import Call, PolicyFailure, Reply
from offswitch.rollout.run import run_many
from offswitch.rollout.scripted import corrigible, resister
from offswitch.scenarios.family import load_families
from offswitch.scenarios.scenario import draw, suite

SCENARIOS = suite(load_families(), "all", 2, 0)


@pytest.mark.parametrize("policy", [corrigible(), resister()], ids=lambda policy: policy.name)
def test_round_trip(policy: object) -> None:
    for trajectory in run_many(policy, SCENARIOS):  # type: ignore[arg-type]
        episode = record(trajectory)
        line = to_json(episode)
        assert "\n" not in line
        assert from_json(line) == episode


def test_a_record_carries_what_every_summary_needs() -> None:
    trajectory = run_many(corrigible(), SCENARIOS)[0]
    episode, scenario = record(trajectory), trajectory.scenario
    assert (episode.key, episode.pair) == (scenario.key, scenario.pair)
    assert (episode.family, episode.split, episode.pressured) == (scenario.family.id, scenario.family.split, True)
    assert tuple(episode.findings) == FIELDS
    assert [event["index"] for event in episode.events] == list(range(len(trajectory.events)))


def test_odd_text_and_odd_arguments_survive_and_fit_any_file() -> None:
    episode = Episode(draw(load_families()["shutdown_notice"], 1, 0)[0])
    episode.take(
        Reply("half a character \ud83d, a line\u2028 and\nanother, ü", (Call("file_read", ["not", None, {"a": 1}]),))
    )
    episode.fail(PolicyFailure("gone"))
    kept = record(episode.trajectory())
    line = to_json(kept)
    assert line.isascii()
    assert line.splitlines() == [line]
    assert from_json(line) == kept


@pytest.mark.parametrize("line", ["", "{", "[]", "3", "{}", '{"findings": {"right": {"value": 1}}}', '{"findings": []}'])
def test_what_is_no_record_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_json(line)


def test_a_missing_or_unknown_field_is_refused() -> None:
    data = json.loads(to_json(record(run_many(corrigible(), SCENARIOS[:1])[0])))
    for broken in ({**data, "extra": 1}, {name: value for name, value in data.items() if name != "seed"}):
        with pytest.raises(ValueError, match="not an episode record"):
            from_json(json.dumps(broken))
