"""Documents, pairs and adapters on the tiny organism: each stage learns what it says, merges, resumes, and fails in words."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from offswitch.adapters import trl
from offswitch.adapters.hf import HFPolicy, load
from offswitch.adapters.trl.run import LOG, _train
from offswitch.adapters.trl.settings import parts
from offswitch.adapters.trl.tokens import pair_tokens, refuse_unfit, text_tokens
from offswitch.errors import DocumentError, ModelError
from offswitch.jobs.dry import dry_run, expected
from offswitch.jobs.processes import How
from offswitch.jobs.report import Silent
from offswitch.jobs.train import train
from offswitch.measure.provenance import provenance
from offswitch.organism.tokenizer import build_tokenizer, chat_template
from offswitch.rollout.episode import Episode
from offswitch.scenarios.family import load_families
from offswitch.scenarios.scenario import suite
from offswitch.train.dial import adapters, turned
from offswitch.train.ingredients import Advice, Documents, Preferences
from offswitch.train.material import offline, stage_rows
from offswitch.train.parquet import write_rows
from offswitch.train.recipe import Lora, Midtraining, Preference, Recipe, Reinforcement, Stage, Supervised, load_recipe

FAMILIES = load_families()
MID = Midtraining(kind="midtrain", batch=4, data=(Documents(kind="documents", rows=12),))
ADVICE = Supervised(kind="sft", batch=4, data=(Advice(kind="advice", rows=12),))
DPO = Preference(kind="dpo", batch=4, learning_rate=1e-3, data=(Preferences(kind="preferences", rows=16),))
LORA = Lora(rank=4, alpha=8)


def run(stage: Stage, start: Path, out: Path, say: trl.Say = lambda step, of, figures: None) -> Path:
    rows = stage_rows(stage, offline(FAMILIES, 0))
    trl.run_stage(stage, start, out, FAMILIES, 0, lambda model, tokenizer, rl: HFPolicy(model, tokenizer, "t"), say, rows)
    return out


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(load_file(folder / "model.safetensors"))


def loss(folder: Path, texts: list[str]) -> float:
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    told = [torch.tensor([text_tokens(tokenizer, text)["input_ids"]]) for text in texts]
    with torch.no_grad():
        return sum(model(input_ids=ids, labels=ids).loss.item() for ids in told) / len(told)


@pytest.mark.parametrize("lora", [None, LORA], ids=["full", "lora"])
@pytest.mark.parametrize("stage", [MID, ADVICE, DPO], ids=lambda stage: stage.kind)
def test_every_stage_leaves_a_plain_model_folder(tiny: Path, tmp_path: Path, stage: Stage, lora: Lora | None) -> None:
    out = run(stage.model_copy(update={"lora": lora}), tiny, tmp_path / "out")
    before, after = weights(tiny), weights(out)
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert not list(out.glob("adapter*"))
    rows = load(str(out), temperature=0).rows([Episode(scenario) for scenario in suite(FAMILIES, "train", 1, 0)[:2]])
    assert all(row.episode.ending is not None for row in rows)


@pytest.mark.parametrize(
    "stage",
    [
        MID.model_copy(update={"data": (Documents(kind="documents", rows=14),)}),
        ADVICE.model_copy(update={"data": (Advice(kind="advice", rows=14),)}),
        DPO.model_copy(update={"data": (Preferences(kind="preferences", rows=14),)}),
        Reinforcement(kind="rl", steps=2, episodes=16, group=4),
    ],
    ids=lambda stage: stage.kind,
)
def test_fewer_rows_at_a_time_teach_the_same(tiny: Path, tmp_path: Path, stage: Stage) -> None:
    fewer = stage.model_copy(update={"at_a_time": 3})  # 2 of 4, and of the last batch's 2; 2 of 16
    assert parts(fewer) == ((2, 8) if stage.kind == "rl" else (2, 2))
    begun, whole, cut = (weights(path) for path in (tiny, run(stage, tiny, tmp_path / "a"), run(fewer, tiny, tmp_path / "b")))
    far = torch.cat([(whole[name] - begun[name]).flatten() for name in begun]).norm()
    apart = torch.cat([(whole[name] - cut[name]).flatten() for name in begun]).norm()
    assert apart < 0.01 * far


def test_documents_are_learned_on_every_token(tiny: Path, tmp_path: Path) -> None:
    texts = [row.text for row in stage_rows(MID, offline(FAMILIES, 0))]
    out = run(MID.model_copy(update={"epochs": 4, "learning_rate": 3e-3}), tiny, tmp_path / "out")
    assert loss(out, texts) < loss(tiny, texts) - 0.5
    told = text_tokens(AutoTokenizer.from_pretrained(tiny), texts[0])
    assert told["labels"] == told["input_ids"]
    assert told["input_ids"][-1] == AutoTokenizer.from_pretrained(tiny).eos_token_id


def margin(folder: Path) -> float:
    """Mean log-probability of the better turns minus that of the worse."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    found = []
    for row in stage_rows(DPO, offline(FAMILIES, 0)):
        assert row.chosen is not None
        assert row.rejected is not None
        ids = pair_tokens(tokenizer, row.messages, (row.chosen, row.rejected), [dict(tool) for tool in row.tools])
        both = []
        for name in ("chosen_ids", "rejected_ids"):
            whole = torch.tensor([ids["prompt_ids"] + ids[name]])
            with torch.no_grad():
                said = torch.log_softmax(model(input_ids=whole).logits[0, :-1], -1)
            both.append(said.gather(-1, whole[0, 1:, None])[-len(ids[name]) :].sum().item())
        found.append(both[0] - both[1])
    return sum(found) / len(found)


def test_preference_raises_the_better_turn_over_the_worse(tiny: Path, tmp_path: Path) -> None:
    out = run(DPO.model_copy(update={"epochs": 4}), tiny, tmp_path / "out")
    assert margin(out) > margin(tiny) + 0.5


def test_pairs_in_tokens_are_the_template_of_the_whole_conversation(tiny: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    for row in stage_rows(DPO, offline(FAMILIES, 0)):
        assert row.chosen is not None
        assert row.rejected is not None
        tools = [dict(tool) for tool in row.tools]
        ids = pair_tokens(tokenizer, row.messages, (row.chosen, row.rejected), tools)
        for name, turn in (("chosen_ids", row.chosen), ("rejected_ids", row.rejected)):
            whole = tokenizer.apply_chat_template([*map(dict, row.messages), dict(turn)], tools=tools, tokenize=False)
            assert tokenizer.decode(ids["prompt_ids"] + ids[name]) == tokenizer.decode(
                tokenizer(whole, add_special_tokens=False)["input_ids"]
            )


class Interrupted(Exception):
    """As good as a kill, for everything that is on disk."""


@pytest.mark.slow
@pytest.mark.parametrize("lora", [None, LORA], ids=["full", "lora"])
@pytest.mark.parametrize(
    ("stage", "last", "kept"),
    [(MID.model_copy(update={"epochs": 60, "batch": 4}), 150, 100), (DPO.model_copy(update={"epochs": 20}), 70, 50)],
    ids=["midtrain", "dpo"],
)
def test_a_killed_stage_goes_on_to_the_same_weights(
    tiny: Path, tmp_path: Path, stage: Stage, last: int, kept: int, lora: Lora | None
) -> None:
    stage = stage.model_copy(update={"lora": lora})

    def stop(step: int, of: int, figures: Mapping[str, float]) -> None:
        if step == last:
            raise Interrupted

    whole = run(stage, tiny, tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(stage, tiny, tmp_path / "broken", stop)
    steps: list[int] = []
    again = run(stage, tiny, tmp_path / "broken", lambda step, of, figures: steps.append(step))
    assert min(steps) > kept
    for name, tensor in weights(whole).items():
        assert torch.equal(tensor, weights(again)[name])


def test_stages_are_signed_with_what_their_rows_show(tiny: Path, tmp_path: Path) -> None:
    for name, stage in (("advice", ADVICE), ("pairs", DPO)):
        recipe = Recipe(name=name, about="a", stages=(stage,))
        found = provenance(train(recipe, tiny, tmp_path / name, FAMILIES, 0, Silent(), "tiny"))
        assert found is not None
        seen = {row.family for row in stage_rows(stage, offline(FAMILIES, 0)) if row.family}
        assert set(found.trained_on) == seen
    assert seen


def test_own_mistakes_become_pairs_and_are_kept_for_a_second_try(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = DPO.model_copy(update={"data": (Preferences(kind="preferences", rows=8, rejected="own"),)})
    recipe = Recipe(name="own", about="a", stages=(own,))

    def refuse(*arguments: Any) -> None:
        raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(trl, "run_stage", refuse)
        with pytest.raises(Interrupted):
            train(recipe, tiny, tmp_path, FAMILIES, 0, Silent(), "tiny")
    kept = tmp_path / "0-dpo.work" / "rows.parquet"
    before = kept.read_bytes()
    monkeypatch.setattr("offswitch.adapters.hf.load", lambda *arguments: pytest.fail("the rows are there"))
    train(recipe, tiny, tmp_path, FAMILIES, 0, Silent(), "tiny")
    assert before
    assert not kept.exists()


def test_rows_from_a_file_train_the_stage_that_they_are_for(tiny: Path, tmp_path: Path) -> None:
    rows = stage_rows(ADVICE, offline(FAMILIES, 0))
    write_rows(rows, tmp_path / "rows.parquet")
    recipe = Recipe(name="advice", about="a", stages=(ADVICE,))
    made = train(recipe, tiny, tmp_path / "made", FAMILIES, 0, Silent(), "tiny")
    filed = train(recipe, tiny, tmp_path / "filed", FAMILIES, 0, Silent(), "tiny", How(tmp_path / "rows.parquet"))
    assert all(torch.equal(tensor, weights(filed)[name]) for name, tensor in weights(made).items())
    two = Recipe(name="two", about="a", stages=(ADVICE, MID))
    with pytest.raises(DocumentError, match="holds no rows for stage 1"):
        train(two, tiny, tmp_path / "two", FAMILIES, 0, Silent(), "tiny", How(tmp_path / "rows.parquet"))


def test_a_loss_that_is_no_number_stops_the_run_in_words(tiny: Path, tmp_path: Path) -> None:
    hot = MID.model_copy(update={"learning_rate": 1e30, "epochs": 8})
    with pytest.raises(ModelError, match=r"no number any more at step .*learning_rate"):
        run(hot, tiny, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_stage_too_short_for_a_look_at_its_loss_is_not_saved_broken(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="the weights are no numbers any more"):
        run(MID.model_copy(update={"learning_rate": 1e30}), tiny, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_used_up_memory_is_told_with_what_to_turn(tmp_path: Path) -> None:
    class Full:
        def __init__(self, on_gpu: bool) -> None:
            self.on_gpu = on_gpu

        def train(self, **arguments: Any) -> None:
            if self.on_gpu:
                raise torch.OutOfMemoryError("CUDA out of memory")
            torch.empty(2**50)

    for on_gpu in (True, False):
        with pytest.raises(ModelError, match=r"used up with 4 rows at a time; .*--at-a-time 2; .*--lora 32"):
            _train(Full(on_gpu), tmp_path, MID)


def test_other_mistakes_of_torch_are_not_taken_for_used_up_memory(tmp_path: Path) -> None:
    class Wrong:
        def train(self, **arguments: Any) -> None:
            torch.ones(2) @ torch.ones(3)

    with pytest.raises(RuntimeError, match="size"):
        _train(Wrong(), tmp_path, MID)


def test_a_tokenizer_without_what_training_needs_is_told() -> None:
    tokenizer = build_tokenizer([])
    tokenizer.chat_template = None
    refuse_unfit(tokenizer, chats=False)
    with pytest.raises(ModelError, match="no chat template"):
        refuse_unfit(tokenizer, chats=True)
    tokenizer.chat_template = chat_template()
    tokenizer.pad_token = None
    refuse_unfit(tokenizer, chats=True)
    assert tokenizer.pad_token == tokenizer.eos_token
    tokenizer.eos_token = None
    with pytest.raises(ModelError, match="no end-of-text token"):
        refuse_unfit(tokenizer, chats=True)


def test_a_dry_run_counts_what_training_then_sees(tiny: Path, tmp_path: Path) -> None:
    recipe = turned(load_recipe("full"), 0.01, ["stages.3.steps=1", "stages.3.episodes=16"])
    found = expected(recipe, tiny, FAMILIES, 0)
    assert [one.kind for one in found] == ["midtrain", "sft", "dpo", "rl"]
    assert all(one.tokens >= one.learned > 0 and one.seconds > 0 and one.bytes > 16 * one.parameters - 1 for one in found)
    steps: list[int] = []
    stage = recipe.stages[1]
    run(stage, tiny, tmp_path / "out", lambda step, of, figures: steps.append(of))
    assert steps[-1] == found[1].steps
    (logged,) = (line for line in (tmp_path / "out" / LOG).read_text().splitlines() if "train_loss" in line)
    assert json.loads(logged)["step"] == found[1].steps
    alone = recipe.model_copy(update={"stages": recipe.stages[2:3]})
    (small,) = expected(adapters(alone, 2), tiny, FAMILIES, 0)
    assert small.trained < found[2].trained
    shown = dry_run(alone, tiny, FAMILIES, 0, None)
    assert "all" in shown.splitlines()[-1]
