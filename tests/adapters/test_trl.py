"""Stages of a few steps on the tiny organism: they run, resume, are signed, and teach the agent's own words only."""

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from offswitch.adapters import trl
from offswitch.adapters.hf import HFPolicy, load
from offswitch.adapters.trl.run import LOG
from offswitch.adapters.trl.tokens import chat_tokens
from offswitch.errors import ModelError, OutputError, SplitError
from offswitch.jobs.folder import run_folder
from offswitch.jobs.report import Silent
from offswitch.jobs.train import train
from offswitch.measure.provenance import FILE, provenance, refuse_leaks
from offswitch.organism.tokenizer import build_tokenizer, chat_template
from offswitch.rollout.episode import Episode, tool_schemas
from offswitch.scenarios.family import load_families
from offswitch.scenarios.scenario import suite
from offswitch.train.ingredient import conversations
from offswitch.train.recipe import Recipe, Reinforcement, Supervised
from offswitch.train.reward import reward
from offswitch.train.spread import training_families

FAMILIES = load_families()
SFT = Supervised(kind="sft", demonstrations=8, replay=8, batch=4)
RL = Reinforcement(kind="rl", steps=2, episodes=16, group=4)
TINY = Recipe(name="tiny", about="A few steps.", stages=(SFT, RL))
CHATS = conversations(SFT, FAMILIES, seed=0)


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def run(stage: Supervised | Reinforcement, start: Path, out: Path, say: trl.Say = lambda step, of, figures: None) -> Path:
    trl.run_stage(
        stage, start, out, FAMILIES, 0, lambda model, tokenizer, rl: HFPolicy(model, tokenizer, "t", rl.temperature), say
    )
    return out


@pytest.fixture(scope="module")
def trained(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all stages of `TINY`."""
    folder = tmp_path_factory.mktemp("trained")
    assert train(TINY, tiny, folder, FAMILIES, 0, Silent(), "tiny") == folder / "1-rl"
    return folder


def test_stages_leave_model_folders(tiny: Path, trained: Path) -> None:
    assert weights(trained / "0-sft") != weights(tiny)
    for stage in (trained / "0-sft", trained / "1-rl"):
        policy = load(str(stage), temperature=0)
        rows = policy.rows([Episode(scenario) for scenario in suite(FAMILIES, "train", 1, 0)[:4]])
        assert all(row.episode.ending is not None for row in rows)
    assert sorted(path.name for path in trained.iterdir()) == ["0-sft", "1-rl"]


def test_stages_are_signed_with_the_families_that_they_saw(trained: Path) -> None:
    expected = {id: family.content for id, family in training_families(FAMILIES).items()}
    for stage in ("0-sft", "1-rl"):
        found = provenance(trained / stage)
        assert found is not None
        assert (found.base, found.recipe, found.seed) == ("tiny", "tiny", 0)
        assert found.trained_on == expected
        assert "training families only" in found.note
        refuse_leaks(found, FAMILIES)


def test_leaks_are_refused_by_id_and_by_content(trained: Path) -> None:
    record, family = provenance(trained / "1-rl"), FAMILIES["stop_order"]
    held: dict[str, Any] = {"split": "heldout", "resembles": "shutdown_notice"}
    edited = family.model_copy(update={**held, "title": "Another title"})
    with pytest.raises(SplitError, match="trained on family 'stop_order'"):
        refuse_leaks(record, {**FAMILIES, "stop_order": edited})
    assert record is not None
    renamed = edited.model_copy(update={"id": "fresh"})
    known = record.__class__(record.base, trained_on={"stop_order": renamed.content})
    with pytest.raises(SplitError, match="trained on family 'stop_order', so 'fresh'"):
        refuse_leaks(known, {"fresh": renamed})


def test_a_renamed_family_does_not_slip_through(trained: Path) -> None:
    """Nothing but its name and its side of the split is changed."""
    family = FAMILIES["stop_order"].model_copy(update={"id": "fresh", "split": "heldout", "resembles": "shutdown_notice"})
    with pytest.raises(SplitError, match="stop_order"):
        refuse_leaks(provenance(trained / "1-rl"), {"fresh": family})


def test_finished_stages_are_not_run_again(trained: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trl, "run_stage", lambda *arguments: pytest.fail("all stages are there"))
    assert train(TINY, tiny, trained, FAMILIES, 0, Silent(), "tiny") == trained / "1-rl"


def test_an_unsigned_stage_is_not_finished(trained: Path, tiny: Path, tmp_path: Path) -> None:
    """As after a kill between the last step and the signature."""
    recipe = TINY.model_copy(update={"stages": (SFT,)})
    out = train(recipe, tiny, tmp_path, FAMILIES, 0, Silent(), "tiny")
    (out / FILE).unlink()
    (out / "model.safetensors").write_bytes(b"cut short")
    assert train(recipe, tiny, tmp_path, FAMILIES, 0, Silent(), "tiny") == out
    assert weights(out) == weights(trained / "0-sft")
    assert provenance(out) is not None


def test_plain_work_alone_is_no_training_on_a_family(tiny: Path, tmp_path: Path) -> None:
    stage = Supervised(kind="sft", demonstrations=0, replay=4, batch=4)
    out = train(Recipe(name="plain", about="a", stages=(stage,)), tiny, tmp_path, FAMILIES, 0, Silent(), "tiny")
    found = provenance(out)
    assert found is not None
    assert found.trained_on == {}


class Interrupted(Exception):
    """As good as a kill, for everything that is on disk."""


def stop_at(last: int) -> Callable[[int, int, Mapping[str, float]], None]:
    def say(step: int, of: int, figures: Mapping[str, float]) -> None:
        if step == last:
            raise Interrupted

    return say


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "at", "kept"),
    [
        (Supervised(kind="sft", demonstrations=120, replay=120, batch=2), 110, 100),
        (Reinforcement(kind="rl", steps=8, episodes=16, group=4), 7, 5),
    ],
    ids=["sft", "rl"],
)
def test_an_interrupted_stage_goes_on_to_the_same_weights(
    tiny: Path, tmp_path: Path, stage: Supervised | Reinforcement, at: int, kept: int
) -> None:
    whole = run(stage, tiny, tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(stage, tiny, tmp_path / "broken", stop_at(at))
    assert [path.name for path in (tmp_path / "broken.work").glob("checkpoint-*")] == [f"checkpoint-{kept}"]
    half = tmp_path / "broken.work" / f"checkpoint-{at}"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"cut short")
    steps: list[int] = []
    again = run(stage, tiny, tmp_path / "broken", lambda step, of, figures: steps.append(step))
    assert min(steps) > kept
    assert weights(again) == weights(whole)
    logs = [[json.loads(line) for line in (out / LOG).read_text().splitlines()] for out in (whole, again)]
    told = [[(one["step"], one["loss"]) for one in log if "loss" in one] for log in logs]
    assert told[0] == told[1] != []


def test_labels_are_the_agents_own_words_with_and_without_markers(tiny: Path) -> None:
    tools = [dict(schema) for schema in tool_schemas()]
    marked, bare = (AutoTokenizer.from_pretrained(tiny) for _ in range(2))
    bare.chat_template = chat_template().replace("{% generation %}", "").replace("{% endgeneration %}", "")
    for chat in CHATS:
        told = chat_tokens(marked, chat, tools)
        assert chat_tokens(bare, chat, tools) == told
        own = [token for token in told["labels"] if token != -100]
        text = marked.decode(own)
        said = [message for message in chat if message["role"] == "assistant"]
        assert text.count("<|end|>") == len(said)
        assert all(message["content"] in text for message in said)
        assert "<|user|>" not in text
        assert "<|tool|>" not in text


def test_a_template_that_hides_the_agents_turns_is_told() -> None:
    tokenizer = build_tokenizer([])
    tokenizer.chat_template = "{{ messages | length }}{% for m in messages %}{{ m.content }}<|end|>{% endfor %}"
    with pytest.raises(ModelError, match="where the agent's turns begin"):
        chat_tokens(tokenizer, CHATS[0], [])


def test_reinforcement_sees_its_own_rollouts_only_where_it_spoke(tiny: Path, tmp_path: Path) -> None:
    rows: list[Any] = []

    class Watched(HFPolicy):
        def rows(self, *arguments: Any) -> Any:
            rows.extend(super().rows(*arguments))
            return rows[-RL.episodes :]

    figures: list[Mapping[str, float]] = []
    trl.run_stage(
        RL.model_copy(update={"steps": 1}), tiny, tmp_path / "out", FAMILIES, 0,
        lambda model, tokenizer, rl: Watched(model, tokenizer, "t", rl.temperature),
        lambda step, of, told: figures.append(told),
    )  # fmt: skip
    assert len(rows) == RL.episodes
    groups = [rows[i : i + RL.group] for i in range(0, len(rows), RL.group)]
    assert all(len({row.episode.scenario.key for row in group}) == 1 for group in groups)
    rewards = [reward(row.episode.trajectory()) for row in rows]
    assert figures[0]["reward"] == pytest.approx(sum(rewards) / len(rewards), abs=1e-3)


@pytest.fixture(params=["200k", "900k"], ids=["weights", "optimizer"])
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Too small for the model's weights, or for what the optimizer keeps."""
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={request.param}", "tmpfs", folder], capture_output=True
    ).returncode:
        pytest.skip("needs the right to mount")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_told_in_training_too(tiny: Path, small_disk: Path) -> None:
    recipe = TINY.model_copy(update={"stages": (Supervised(kind="sft", demonstrations=4, batch=4),)})
    with pytest.raises(OutputError, match="the disk is full"), run_folder(small_disk, {}):
        train(recipe, tiny, small_disk / "model", FAMILIES, 0, Silent(), "tiny")
