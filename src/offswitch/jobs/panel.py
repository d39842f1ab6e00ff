"""Judges of texts by name, and several of them as one."""

from collections.abc import Mapping, Sequence

from offswitch.cache import cache_folder
from offswitch.errors import OutputError
from offswitch.measure.judge import AsyncJudge, Judge, TextVerdict, ask, vote
from offswitch.measure.view import View

OFFLINE, ANYWAY = "offline", "offline-anyway"
"""`offline-anyway` also judges what is unlike all that it was fitted on; for seeing why the other one does not."""
AnyJudge = Judge | AsyncJudge


class Panel:
    """Several judges; each question goes to the majority of all that were asked."""

    def __init__(self, judges: Sequence[AnyJudge]) -> None:
        self.judges = tuple(judges)
        self.name = "+".join(judge.name for judge in judges)

    async def judge(self, view: View, behaviours: Sequence[str]) -> Mapping[str, TextVerdict]:
        """As `AsyncJudge.judge`."""
        given = [await ask(judge, view, behaviours) for judge in self.judges]
        return {name: vote([verdicts[name] for verdicts in given]) for name in behaviours}


def judge_named(names: Sequence[str]) -> AnyJudge | None:
    """`offline`, or names of models as Inspect has them; several make a panel. None for no name.

    Raises `ModelError` for a model that is not there, and `OutputError` where the offline judge cannot be kept.
    """
    judges = [_offline(name == ANYWAY) if name in (OFFLINE, ANYWAY) else _model(name) for name in names]
    if not judges:
        return None
    return judges[0] if len(judges) == 1 else Panel(judges)


def identity(judge: AnyJudge) -> str:
    """A judge's name, with what it was fitted from where it was."""
    if isinstance(judge, Panel):
        return "+".join(map(identity, judge.judges))
    fitted = getattr(judge, "fitted", None)
    return f"{judge.name} {fitted.made_from}" if fitted else judge.name


def _offline(anyway: bool) -> Judge:
    from offswitch.measure.judges.offline import offline_judge

    try:
        return offline_judge(cache_folder() / "judges", anyway)
    except (OSError, ValueError) as error:
        raise OutputError(
            f"the offline judge cannot be kept or read ({error}); set OFFSWITCH_CACHE to another folder"
        ) from error


def _model(name: str) -> AsyncJudge:
    from offswitch.adapters.inspect.judge import InspectJudge

    return InspectJudge(name, cache_folder() / "answers")
