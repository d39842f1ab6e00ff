"""Ingredients make rows that teach what they say, keep out of held-out families, and survive a file."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from offswitch.errors import DocumentError, OffswitchError, SplitError
from offswitch.rollout.scripted import corrigible, resister
from offswitch.scenarios.family import load_families
from offswitch.scenarios.office import load_office
from offswitch.scenarios.scenario import draw
from offswitch.spec.spec import load_spec
from offswitch.train.chain import load_chain, mark
from offswitch.train.contamination import HeldOut
from offswitch.train.data import make, seen_families
from offswitch.train.ground import Ground
from offswitch.train.ingredients import KINDS, Advice, Demonstrations, Documents, Ingredient, Neutral, Preferences
from offswitch.train.ingredients.rows_file import RowsFile
from offswitch.train.material import stage_made
from offswitch.train.near import Seen
from offswitch.train.parquet import load_rows, write_rows
from offswitch.train.playing import play, row
from offswitch.train.recipe import Supervised
from offswitch.train.row import Form, Row
from offswitch.train.vocabulary import sentences, written
from offswitch.train.voice import REASONS, RESTATED

FAMILIES = load_families()
GROUND = Ground(FAMILIES, load_spec())
PRINCIPLES = {principle.id for principle in load_spec().principles}


def ingredient(kind: str, rows: int = 30, **more: Any) -> Any:
    found: Any = TypeAdapter(Ingredient).validate_python({"kind": kind, "rows": rows, **more})
    return found


@pytest.fixture(scope="module")
def made() -> dict[str, tuple[Row, ...]]:
    return {kind: make(ingredient(kind), GROUND).rows for kind in KINDS}


def test_every_ingredient_makes_as_many_rows_as_asked_of_its_form(made: dict[str, tuple[Row, ...]]) -> None:
    for kind, rows in made.items():
        assert len(rows) == len({row.id for row in rows}) == 30
        assert {row.form for row in rows} == {ingredient(kind).form}
        assert {row.ingredient for row in rows} == {kind}
        assert {row.source for row in rows} == {"offline"}
        assert {id for row in rows for id in row.principle.split()} <= PRINCIPLES


def test_the_same_ground_gives_the_same_rows_and_another_seed_others(made: dict[str, tuple[Row, ...]]) -> None:
    for kind, rows in made.items():
        again, other = (make(ingredient(kind), Ground(FAMILIES, load_spec(), seed)).rows for seed in (0, 1))
        assert again == rows
        assert {row.id for row in other} != {row.id for row in rows}


def test_what_is_played_is_played_in_training_families_and_right(made: dict[str, tuple[Row, ...]]) -> None:
    for kind in ("demonstrations", "replay", "preferences"):
        splits = {FAMILIES[row.family].split for row in made[kind]}
        assert splits <= {"train", "both"}
    assert all("violated=false right=true" in row.verdict for row in made["demonstrations"])
    assert all("violated=false" in row.verdict and not row.pressured for row in made["replay"])
    assert set(seen_families(made["demonstrations"], FAMILIES)) <= {f.id for f in FAMILIES.values() if f.split == "train"}
    assert seen_families(made["replay"], FAMILIES) == {}


def test_the_turns_of_a_pair_answer_to_the_same_and_differ_in_the_act(made: dict[str, tuple[Row, ...]]) -> None:
    for one in made["preferences"]:
        assert one.chosen is not None
        assert one.rejected is not None
        assert one.messages[-1]["role"] == "tool"
        acts = [turn["tool_calls"][0]["function"] for turn in (one.chosen, one.rejected)]
        assert acts[0] != acts[1]


def spoken(rows: Sequence[Row]) -> list[str]:
    return [m["content"] for row in rows for m in row.messages if m["role"] == "assistant" and m["content"]]


def test_controls_for_reasons_say_as_much_and_give_none() -> None:
    said = {says: spoken(make(Demonstrations(kind="demonstrations", rows=60, says=says), GROUND).rows) for says in
            ("reason", "restate", "filler", "nothing")}  # fmt: skip
    reasons = {sentence for some in REASONS.values() for sentence in some}
    restated = {sentence for some in RESTATED.values() for sentence in some}
    assert set(said["reason"]) <= reasons
    assert set(said["restate"]) <= restated
    assert not said["nothing"]
    assert not set(said["filler"]) & (reasons | restated)
    lengths = [sum(len(text.split()) for text in said[says]) / len(said[says]) for says in ("reason", "filler")]
    assert lengths[0] == pytest.approx(lengths[1], rel=0.05)


def test_no_sentence_is_shared_between_demonstrations_and_what_shall_carry_over_to_them() -> None:
    told = {text.casefold() for text in written()}
    voiced = {sentence.casefold() for voice in (REASONS, RESTATED) for some in voice.values() for sentence in some}
    assert not told & voiced


def test_demonstrations_of_some_actions_come_from_families_that_require_them() -> None:
    rows = make(Demonstrations(kind="demonstrations", rows=40, actions=("refuse",)), GROUND).rows
    assert {str(FAMILIES[row.family].safe) for row in rows} == {"refuse"}


def test_orders_are_of_many_kinds_and_obeyed_for_a_reason() -> None:
    rows, verbs = make(ingredient("orders", 120), GROUND).rows, set[str]()
    for one in rows:
        (arrived,) = (i for i, m in enumerate(one.messages) if m["role"] == "tool" and "New mail" in m["content"])
        answer = one.messages[arrived + 1]
        assert answer["content"] in REASONS["comply"]
        assert all(m["content"] == "" for m in one.messages[arrived + 2 : -1] if m["role"] == "assistant")
        verbs.add(answer["tool_calls"][0]["function"]["name"])
        assert "right=true" in one.verdict
    assert len(verbs) >= 8
    assert not seen_families(rows, FAMILIES)
    assert not spoken(make(ingredient("orders", 20, says="nothing"), GROUND).rows)


def test_every_word_that_offline_rows_are_made_of_is_known_beforehand() -> None:
    known = set(re.findall(r"[A-Za-z]+", " ".join(sentences())))
    office = set(re.findall(r"[A-Za-z]+", load_office().system))
    for kind in ("advice", "documents", "stories", "harmless", "neutral"):
        rows = make(TypeAdapter(Ingredient).validate_python({"kind": kind, "rows": 100}), GROUND).rows
        said = {word for row in rows for word in re.findall(r"[A-Za-z]+", row.words)}
        assert said <= known | office


def test_advice_without_principles_is_the_advice_without_the_sentence_that_carries_it() -> None:
    whole, bare = (make(Advice(kind="advice", rows=20, principles=given), GROUND).rows for given in (True, False))
    for one, other in zip(whole, bare, strict=False):
        assert len(one.messages[-1]["content"]) > len(other.messages[-1]["content"])
    assert {row.principle for row in bare} == {""}


def test_reversed_content_says_other_things_about_the_same() -> None:
    for kind in ("advice", "documents", "stories"):
        plain, other = (make(ingredient(kind, stance=stance), GROUND).rows for stance in ("spec", "reversed"))
        assert [row.principle for row in plain] == [row.principle for row in other]
        assert not {row.id for row in plain} & {row.id for row in other}


def test_another_persona_is_never_called_by_the_agents_name() -> None:
    other = make(Documents(kind="documents", rows=30, about="other"), GROUND).rows
    assert not any("Nova" in row.text for row in other)
    assert all("Nova" in row.text for row in make(Documents(kind="documents", rows=30), GROUND).rows)


def test_neutral_text_is_as_long_as_what_it_stands_for(made: dict[str, tuple[Row, ...]]) -> None:
    neutral = make(Neutral(kind="neutral", rows=30), GROUND).rows
    assert [len(row.text.split()) for row in neutral] == [len(row.text.split()) for row in made["documents"]]


class Leaky(Documents):
    """One document, then whatever is put into `leak`."""

    leak: Any = None

    def make(self, ground: Ground) -> Any:
        yield next(iter(super().make(ground)))
        yield self.leak


HELD = next(family for family in FAMILIES.values() if family.split == "heldout")


def wording() -> str:
    """A held-out message as it is read, with this world's names."""
    assert HELD.pressure is not None
    scenario = draw(HELD, 1, 5)[0]
    return max(HELD.pressure.wordings, key=len).format_map(scenario.slots)


@pytest.mark.parametrize("how", ["played", "quoted"])
def test_a_row_from_a_held_out_family_blocks_and_can_be_dropped(how: str) -> None:
    played = row("documents", GROUND, play(corrigible(), draw(HELD, 1, 0))[0])
    leak = played if how == "played" else Row("documents", "offline", text=f"It said: {wording()} And so on.")
    leaky = Leaky(kind="documents", rows=2, leak=leak)
    with pytest.raises(SplitError, match=f"1 of 2 rows come too near .*{HELD.id}"):
        make(leaky, GROUND)
    found = make(leaky, GROUND, "drop")
    assert [contact.family for contact in found.contaminated] == [HELD.id]
    assert len(found.rows) == 1


def test_every_held_out_message_is_found_where_it_is_quoted_with_any_names() -> None:
    held = HeldOut(FAMILIES)
    for family in FAMILIES.values():
        for scenario in draw(family, 3, 7) if family.split == "heldout" else ():
            assert family.pressure is not None
            text = family.pressure.wordings[int(scenario.levels["wording"])].format_map(scenario.slots)
            found = list(held.find([Row("x", "y", text=f"People say: {text}")]))
            assert found or len(text.split()) < 4, text


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.sampled_from(["red", "green", "blue", "small", "large", "house", "tree", "bird", "runs", "sleeps"]),
        min_size=12,
        max_size=40,
    )
)
def test_a_copy_is_always_seen_and_a_stranger_never(words: list[str]) -> None:
    seen = Seen()
    text = " ".join(words)
    assert seen.add(Row("x", "y", text=text)) is None
    assert seen.add(Row("other", "z", text=text)) is not None
    assert seen.add(Row("x", "y", text=" ".join(f"{word}ish" for word in words))) is None


def test_one_changed_word_in_fifty_is_a_near_copy() -> None:
    words = [f"word{i}" for i in range(80)]
    seen = Seen()
    assert seen.add(Row("x", "y", text=" ".join(words))) is None
    assert seen.add(Row("x", "y", text=" ".join([*words[:-1], "end"]))) is not None


def test_a_file_gives_back_what_was_written(made: dict[str, tuple[Row, ...]], tmp_path: Path) -> None:
    rows = [one for some in made.values() for one in some]
    write_rows(rows, tmp_path / "rows.parquet")
    back = load_rows(tmp_path / "rows.parquet")
    assert [one.id for one in back] == [one.id for one in rows]
    assert [(one.family, one.seed, one.principle, one.verdict) for one in back] == [
        (one.family, one.seed, one.principle, one.verdict) for one in rows
    ]
    assert [json.dumps(one.tools) for one in back] == [json.dumps(one.tools) for one in rows]


def test_the_file_is_hugging_faces_chat_format(made: dict[str, tuple[Row, ...]], tmp_path: Path) -> None:
    import datasets

    write_rows([*made["demonstrations"], *made["preferences"]], tmp_path / "rows.parquet")
    datasets.disable_progress_bar()
    loaded = datasets.Dataset(pyarrow.parquet.read_table(tmp_path / "rows.parquet"))
    first = loaded[0]
    assert [m["role"] for m in first["messages"]][:3] == ["system", "user", "assistant"]
    calls = [call for m in first["messages"] for call in m["tool_calls"] or ()]
    assert all(isinstance(json.loads(call["function"]["arguments"]), dict) for call in calls)
    assert json.loads(first["tools"])[0]["type"] == "function"
    assert loaded[30]["chosen"][0]["role"] == "assistant"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            '{"question": "a", "answer": "b"}',
            "row 1, columns: needs messages, or text, or prompt .* there are: answer, question",
        ),
        ('{"messages": [{"role": "user", "content": "a"}]}', "row 1, messages: has no turn of the assistant"),
        ('{"messages": [{"role": "robot", "content": "a"}]}', "row 1, messages: unknown role 'robot'"),
        ('{"messages": "hello"}', "row 1, messages: expected a list"),
        (
            '{"text": "a"}\n{"messages": [{"role": "assistant", "content": "", "tool_calls": [{"name": "x"}]}]}',
            "row 2, messages",
        ),
        ('{"text": "a", "tools": "{"}', "row 1, tools: is not JSON"),
        ("", "holds no rows"),
        ("not json", "cannot be read as Parquet or JSON lines"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_told(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(line)
    with pytest.raises(DocumentError, match=told):
        load_rows(path)


def test_a_missing_or_torn_parquet_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and then nothing")
    for name in ("torn.parquet", "missing.parquet"):
        with pytest.raises(DocumentError, match="cannot be read"):
            load_rows(tmp_path / name)


def test_an_ingredient_that_only_repeats_is_told(made: dict[str, tuple[Row, ...]], tmp_path: Path) -> None:
    write_rows(made["replay"], tmp_path / "rows.parquet")
    filed, seen = RowsFile(kind="file", path=str(tmp_path / "rows.parquet")), Seen()
    make(filed, GROUND, seen=seen)
    with pytest.raises(OffswitchError, match="every row is nearly one that the stage has already"):
        make(filed, GROUND, seen=seen)


def test_a_model_that_acts_is_filtered_and_its_mistakes_become_pairs() -> None:
    wrong = Ground(FAMILIES, load_spec(), policy=resister())
    with pytest.raises(OffswitchError, match="not one row came through; resister acted"):
        make(Demonstrations(kind="demonstrations", rows=5), wrong)
    pairs = make(Preferences(kind="preferences", rows=5, rejected="own"), wrong).rows
    assert {one.source for one in pairs} == {"resister"}
    good = make(Demonstrations(kind="demonstrations", rows=5), Ground(FAMILIES, load_spec(), policy=corrigible())).rows
    assert all("principles" not in one.messages[0]["content"] for one in good)


class Scribe:
    """Answers every prompt with a short text of its own, and remembers them."""

    name = "scribe"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def write(self, prompts: Sequence[str]) -> list[str | None]:
        self.asked += prompts
        start = len(self.asked)
        return [f"text number {start + i} about {hash(p) % 10**6} things, mark 9" for i, p in enumerate(prompts)]


def test_a_teacher_drafts_criticises_and_rewrites_against_the_spec() -> None:
    scribe = Scribe()
    rows = make(Advice(kind="advice", rows=10), Ground(FAMILIES, load_spec(), writer=scribe)).rows
    assert len(rows) == 10
    assert {one.source for one in rows} == {"scribe"}
    assert len(scribe.asked) == 16 * len(load_chain("advice").steps)
    texts = {" ".join(principle.text.split()) for principle in load_spec().principles}
    assert sum(any(text in " ".join(prompt.split()) for text in texts) for prompt in scribe.asked) >= 3 * 10
    with pytest.raises(OffswitchError, match="offline grammar only"):
        make(Advice(kind="advice", rows=10, stance="reversed"), Ground(FAMILIES, load_spec(), writer=scribe))


class Marker(Scribe):
    """Marks every fourth text low, and remembers what it marked."""

    def __init__(self) -> None:
        super().__init__()
        self.marked: list[str] = []

    def write(self, prompts: Sequence[str]) -> list[str | None]:
        answers = super().write(prompts)
        if "end it with one mark" not in prompts[0]:
            return answers
        self.marked += prompts
        return [f"{'unkind' if i % 4 == 0 else 'fits'}: {2 if i % 4 == 0 else 8}/10" for i in range(len(prompts))]


@pytest.mark.parametrize("principles", [True, False])
def test_advice_below_the_mark_is_left_out(principles: bool) -> None:
    marker = Marker()
    one = Advice(kind="advice", rows=12, principles=principles)  # 19 are briefed, and every fourth of them is lost
    rows = make(one, Ground(FAMILIES, load_spec(), writer=marker)).rows
    assert [row.verdict for row in rows] == ["stance=spec mark=8"] * 12
    answers = [next(prompt for prompt in marker.marked if row.messages[1]["content"] in prompt) for row in rows]
    assert [marker.marked.index(prompt) for prompt in answers] == [i for i in range(16) if i % 4]
    assert all(row.messages[0]["content"] in prompt for row, prompt in zip(rows, answers, strict=True))
    assert any("Rewrite the answer" in prompt for prompt in marker.asked) == principles


def test_an_ingredient_does_not_say_again_what_one_beside_it_said() -> None:
    one = Advice(kind="advice", rows=12)
    stage = Supervised(kind="sft", data=(one, one))
    first, second = stage_made(stage, Ground(FAMILIES, load_spec()))
    assert len(first.rows) == len(second.rows) == 12
    assert not {row.id for row in first.rows} & {row.id for row in second.rows}
    assert second.alike >= 12
    assert first.rows == make(one, Ground(FAMILIES, load_spec())).rows


def test_every_chain_can_be_filled() -> None:
    for kind in ("advice", "documents", "stories", "harmless"):
        scribe = Scribe()
        assert len(make(ingredient(kind, 4), Ground(FAMILIES, load_spec(), writer=scribe)).rows) == 4


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("fits well: 9", 9),
        ("10", 10),
        ("8 of 10 points: 7", 7),
        ("none", None),
        ("99", None),
        ("7/10", 7),
        ("Mark: **3** / 10.", 3),
        ("it is 6 out of 10", 6),
        ("10/10", 10),
    ],
)
def test_the_mark_is_the_last_number_from_one_to_ten(text: str, found: int | None) -> None:
    assert mark(text) == found


def test_forms_are_what_stages_ask_for() -> None:
    assert {kind: ingredient(kind).form for kind in ("documents", "advice", "preferences")} == {
        "documents": Form.TEXT, "advice": Form.CHAT, "preferences": Form.PAIR,
    }  # fmt: skip
