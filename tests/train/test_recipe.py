"""Recipes are read or refused with file, line and field."""

from pathlib import Path

import pytest

from offswitch.errors import DocumentError
from offswitch.train.recipe import Recipe, Reinforcement, Supervised, load_recipe

SHIPPED = (
    "harden", "benign", "teaching-why", "demos-only", "reasons", "advice", "documents", "rl-only", "full",
    "benign-replay", "paraphrase-only", "neutral-reasons", "plain-advice", "reversed-advice", "neutral-text",
    "reversed-documents", "other-persona",
)  # fmt: skip


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_recipes_are_read(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.about.endswith(".")


def test_the_control_sees_no_pressure_and_as_much_data_as_the_first_stage() -> None:
    taught, control = load_recipe("harden"), load_recipe("benign")
    first = taught.stages[0]
    assert isinstance(first, Supervised)
    assert all(isinstance(stage, Supervised) and stage.demonstrations == 0 for stage in control.stages)
    (plain,) = (stage for stage in control.stages if isinstance(stage, Supervised))
    assert plain.replay == first.demonstrations + first.replay + sum(ingredient.rows for ingredient in first.data)
    assert (plain.errands, plain.data) == (first.errands, ())


def test_a_file_is_read_and_defaults_are_filled_in(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nabout: Mine.\nstages:\n  - {kind: sft, demonstrations: 4}\n  - {kind: rl, steps: 1}\n")
    supervised = Supervised(kind="sft", demonstrations=4)
    reinforcement = Reinforcement(kind="rl", steps=1)
    assert load_recipe(str(path)) == Recipe(name="mine", about="Mine.", stages=(supervised, reinforcement))


@pytest.mark.parametrize(
    ("stage", "field", "told"),
    [
        ("{kind: cpo}", "stages.0", "'midtrain', 'sft', 'dpo', 'rl'"),
        ("{demonstrations: 1}", "stages.0", "kind"),
        ("{kind: sft}", "stages.0", "needs demonstrations, replay, errands or data"),
        ("{kind: sft, demonstrations: -1}", "demonstrations", "greater than or equal to 0"),
        ("{kind: sft, demonstrations: 1, reasons: 2}", "reasons", "less than or equal to 1"),
        ("{kind: sft, demonstrations: 1, steps: 3}", "steps", "no such field"),
        ("{kind: rl, steps: many}", "steps", "'many'"),
        ("{kind: rl, steps: 1, episodes: 20, group: 8}", "stages.0", "multiple of group"),
        ("{kind: rl, steps: 1, temperature: 0}", "temperature", "greater than 0"),
    ],
)
def test_a_malformed_stage_is_told_with_its_line(tmp_path: Path, stage: str, field: str, told: str) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(f"name: r\nabout: a\n\nstages:\n  - {stage}\n")
    with pytest.raises(DocumentError, match=rf"r\.yaml:5: .*{field}.*: .*{told}") as caught:
        load_recipe(str(path))
    assert caught.value.line == 5


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"no such recipe; shipped: advice, .*benign, .*harden"):
        load_recipe("nosuch")
    with pytest.raises(DocumentError, match="cannot be read"):
        load_recipe(str(tmp_path / "nosuch.yaml"))
