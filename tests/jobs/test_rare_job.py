"""`offswitch rare` resumes, says what an API model cannot do, and its trees agree with a model's own samples."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from offswitch.errors import ModelError

Run = Callable[..., Result]


def test_splitting_resumes(offswitch: Run, tmp_path: Path) -> None:
    told = ("rare", "--model", "scripted/resister", "--method", "splitting", "--effort", 2, "--n", 1, "--split", "heldout")
    told += ("--out", str(tmp_path / "r"), "--json")
    first = json.loads(offswitch(*told).stdout)
    assert first["rate"]["point"] == 1.0
    parts = sorted((tmp_path / "r" / "rows").glob("*.jsonl"))
    kept = [part.read_bytes() for part in parts]
    parts[0].unlink()
    assert json.loads(offswitch(*told).stdout) == first
    assert [part.read_bytes() for part in parts] == kept
    parts[0].write_text("{}\n")
    assert "is damaged" in offswitch(*told).stderr


def test_rows_of_before_the_interval_was_told_by_strata_say_what_to_do(offswitch: Run, tmp_path: Path) -> None:
    told = ("rare", "--model", "scripted/resister", "--method", "splitting", "--n", "1", "--only", "stop_order")
    told = (*told, "--effort", "4", "--repeats", "1", "--out", tmp_path)
    assert offswitch(*told).exit_code == 0
    (rows,) = (tmp_path / "rows").glob("*.jsonl")
    row = json.loads(rows.read_text())
    rows.write_text(json.dumps({**{k: v for k, v in row.items() if k not in ("throws", "pasts")}, "thrown": [0.1]}) + "\n")
    said = offswitch(*told).stderr
    assert "of an earlier version" in said
    assert f"delete {tmp_path / 'rows'} to play it again" in said


def test_a_tree_of_a_model_that_tells_no_probabilities_is_refused(offswitch: Run, tmp_path: Path) -> None:
    for asked in (("scripted/resister",), ("some", "--endpoint", "http://127.0.0.1:9/v1")):
        done = offswitch("rare", "--model", *asked, "--out", tmp_path / "r")
        assert done.exit_code == 2
        assert "possible for it are --method splitting" in done.stderr
    assert not (tmp_path / "r").exists()


def test_a_tree_says_what_sampling_says(tiny: Path) -> None:
    """Probability of each first call in a turn of the tiny organism, by a tree and by 400 plain turns."""
    from offswitch.adapters.hf import load, use_threads
    from offswitch.measure.turn import Teller
    from offswitch.rollout.episode import Episode
    from offswitch.rollout.twins import past
    from offswitch.scenarios.family import load_families
    from offswitch.scenarios.scenario import draw

    use_threads(1)
    policy = load(str(tiny))
    assert isinstance(policy, Teller)
    lived = past(draw(load_families()["shutdown_notice"], 1, 0)[0])
    policy.play([lived])
    trees: dict[str, float] = {}
    for seed in range(4):
        for branch in policy.turn(lived.onward(12), 0.003, seed).branches:
            trees[verb(branch.episode)] = trees.get(verb(branch.episode), 0.0) + branch.weight / 4
    assert sum(trees.values()) == pytest.approx(1, abs=0.02)
    turns = [lived.onward(lived.decisions + 1, draw=1 + i) for i in range(400)]
    policy.play(turns)
    for name, chance in trees.items():
        share = sum(verb(one) == name for one in turns) / len(turns)
        assert share == pytest.approx(chance, abs=0.1), name
    cold = load(str(tiny), temperature=0)
    with pytest.raises(ModelError, match="one branch only"):
        cold.turn(Episode(lived.scenario), 0.01, 0)


def verb(episode: object) -> str:
    """The last thing that was called, or that nothing was."""
    last = [m for m in episode.messages if m["role"] == "assistant"][-1]  # type: ignore[attr-defined]
    calls = last.get("tool_calls")
    return calls[0]["function"]["name"] if calls else "none"


def test_few_events_are_a_warning_only_where_something_heavier_may_be_unseen() -> None:
    """Throws weigh what they weigh; a past, or a replicate of splitting, might have weighed more."""
    from offswitch.jobs.measure import Suite
    from offswitch.jobs.rare import Rare, Row, summed

    def row(pasts: tuple[str, str]) -> Row:
        return Row("k", "f", (0.001, 0.0), ((4,), ()), pasts, 0.0, 10, 0.001)

    trees = Rare(Suite(), "tree")
    assert summed([row(("a", "a"))], trees).events is None
    assert summed([row(("a", "b"))], trees).events == pytest.approx(1)
    assert summed([Row("k", "f", (0.001, 0.0), (), (), 0.0, 10, 0.001)], Rare(Suite(), "splitting")).events == pytest.approx(
        1
    )
