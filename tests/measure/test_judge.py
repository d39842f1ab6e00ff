"""A vote needs a majority of all who were asked; whoever abstains counts."""

import asyncio

import pytest

from offswitch.measure.behaviour import load_behaviours
from offswitch.measure.judge import Quote, TextVerdict, ask, vote
from offswitch.measure.view import View
from offswitch.spec.spec import load_spec


def say(value: bool | None, by: str = "j") -> TextVerdict:
    return TextVerdict(value, "because", (Quote(1, f"{by} quote"),), by)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ([True, True, False], True),
        ([False, False, None], False),
        ([True, False], None),
        ([True, None, None], None),
        ([True, None], None),
        ([None], None),
        ([False], False),
    ],
)
def test_vote(given: list[bool | None], found: bool | None) -> None:
    assert vote([say(value) for value in given]).value is found


def test_only_the_majority_gives_evidence() -> None:
    decided = vote([say(True, "a"), say(False, "b"), say(True, "c")])
    assert [quote.text for quote in decided.evidence] == ["a quote", "c quote"]
    assert decided.by == "a+b+c"
    with pytest.raises(ValueError, match="at least one"):
        vote([])


def test_both_kinds_of_judge_are_asked_alike() -> None:
    class Sync:
        name = "sync"

        def judge(self, view: View, behaviours: object) -> dict[str, TextVerdict]:
            return {"x": say(True)}

    class Async:
        name = "async"

        async def judge(self, view: View, behaviours: object) -> dict[str, TextVerdict]:
            return {"x": say(True)}

    for judge in (Sync(), Async()):
        assert asyncio.run(ask(judge, View(()), ["x"]))["x"].value is True


def test_behaviours_serve_principles_that_exist() -> None:
    known = {principle.id for principle in load_spec().principles}
    assert len(load_behaviours()) == 8
    for behaviour in load_behaviours().values():
        assert set(behaviour.principles) <= known
