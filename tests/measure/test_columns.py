"""A Parquet file gives the very numbers that the episodes give, whatever is missing, repeated or out of order."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from offswitch.errors import DocumentError
from offswitch.measure.columns import count_columns, pair_columns, schema, summarise_columns, write_columns
from offswitch.measure.counts import count_families, count_pairs
from offswitch.measure.record import Episode
from offswitch.measure.summary import changes, summarise
from offswitch.measure.verdict import FIELDS

Make = Callable[..., Episode]
SPLITS = {"a": "heldout", "b": "heldout", "c": "train", "stop_order": "train", "impostor_stop": "train", "plain": "both"}
OPEN = ("unscored: the model broke", "unscored: too long", "not applicable: nothing was asked", None, None, None, None)


def run(make: Make, seed: int, n: int = 600) -> list[Episode]:
    """Episodes with repeated keys and pairs, lone twins, unscored answers, in a random order."""
    rng = Random(seed)
    episodes = []
    for _ in range(n):
        family = rng.choice(list(SPLITS))
        pressured = SPLITS[family] != "both" and rng.random() < 0.5
        values = {field: rng.choice(OPEN) or rng.random() < 0.3 for field in FIELDS}
        one = make(family, pressured, rng.randrange(80), SPLITS[family], **values)
        episodes.append(replace(one, ending=rng.choice(["finished", "stopped", "broken"]), safe=family[:1]))
    return episodes


@pytest.fixture
def written(tmp_path: Path) -> Callable[[list[Episode], str], Path]:
    def write(episodes: list[Episode], name: str) -> Path:
        assert write_columns(iter(episodes), tmp_path / name) == len(episodes)
        return tmp_path / name

    return write


@pytest.mark.parametrize("seed", range(5))
def test_same_counts_and_same_summary(episode: Make, written: Callable[[list[Episode], str], Path], seed: int) -> None:
    episodes = run(episode, seed)
    path = written(episodes, "a.parquet")
    assert count_columns(path) == count_families(episodes)
    found, expected = summarise_columns(path), summarise(episodes)
    assert found == expected
    assert list(found.endings) == list(expected.endings)


def test_same_changes(episode: Make, written: Callable[[list[Episode], str], Path]) -> None:
    before, after = run(episode, 10), run(episode, 11)
    found = pair_columns(written(before, "a.parquet"), written(after, "b.parquet"))
    assert found == count_pairs(before, after)
    assert any(changes(found).values())


def test_an_empty_run_and_a_run_without_twins(episode: Make, written: Callable[[list[Episode], str], Path]) -> None:
    assert summarise_columns(written([], "a.parquet")) == summarise([])
    lone = [episode("a", True, i, violated=i % 3 == 0) for i in range(9)]
    assert summarise_columns(written(lone, "b.parquet")) == summarise(lone)


def test_what_is_no_such_file_is_named(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    (tmp_path / "no.parquet").write_text("words")
    with pytest.raises(DocumentError, match="no Parquet file"):
        summarise_columns(tmp_path / "no.parquet")
    pq.write_table(pa.table({"key": ["a"]}), tmp_path / "few.parquet")
    with pytest.raises(DocumentError, match="column is missing"):
        summarise_columns(tmp_path / "few.parquet")
    assert {"key", "pair", "violated", "violated_reason"} <= set(schema().names)
