"""Judges on the terminal: what they are worth, and which words decided."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from offswitch.measure.calibrate import Agreement
from offswitch.measure.estimate import Estimate
from offswitch.measure.judge import TextVerdict
from offswitch.measure.judges.sentence import Sentence
from offswitch.measure.powered import Corrected
from offswitch.measure.view import View

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

_ANSWER = {True: "yes", False: "no", None: "abstained"}
_TOLD = 4  # weights on a terminal
_SHOWN = 1_500  # characters of one piece on a terminal
_STYLE = {"system": "dim", "heard": "dim", "thought": "italic", "said": "", "call": ""}


class Row(Protocol):
    """One line of a calibration."""

    @property
    def behaviour(self) -> str: ...
    @property
    def agreement(self) -> Agreement: ...
    @property
    def elsewhere(self) -> Estimate | None: ...


class Question(Protocol):
    """One line of a correction."""

    @property
    def question(self) -> str: ...
    @property
    def scored(self) -> int: ...
    @property
    def undecided(self) -> int: ...
    @property
    def labels(self) -> int: ...
    @property
    def found(self) -> Corrected | None: ...
    @property
    def why(self) -> str: ...


class Reason(Protocol):
    """A sentence that speaks for a behaviour."""

    @property
    def probability(self) -> float: ...
    @property
    def sentence(self) -> Sentence: ...
    @property
    def weights(self) -> tuple[tuple[str, float], ...]: ...


def calibration_table(rows: Sequence[Row], judge: str) -> "Table":
    """Every figure with its interval; a dash where there is none."""
    from rich.table import Table

    table = Table(title=f"judge: {judge}", caption="shares in %, 95% intervals; abstentions are in no figure but 'decided'")
    table.add_column("behaviour", overflow="fold")
    for name in ("n", "decided", "accuracy", "precision", "recall", "kappa", "false yes elsewhere"):
        table.add_column(name, justify="right")
    for row in rows:
        a = row.agreement
        kappa = f"{a.kappa.point:.2f} [{a.kappa.low:.2f}, {a.kappa.high:.2f}]" if a.kappa else "-"
        shares = [_share(value) for value in (a.accuracy, a.precision, a.recall)]
        table.add_row(row.behaviour, str(a.n), str(a.n - a.abstained), *shares, kappa, _share(row.elsewhere))
    return table


def correction_table(rows: Sequence[Question]) -> "Table":
    """Beside each corrected rate what the judge and what the labels say alone."""
    from rich.table import Table

    caption = (
        "shares in %, 95% intervals; a transcript without a verdict counts as a no of the judge, until labels correct it"
    )
    table = Table(title="judged rates, corrected by labels", caption=caption)
    table.add_column("question", overflow="fold")
    for name in ("scored", "no verdict", "labels", "judged", "labels alone", "corrected"):
        table.add_column(name, justify="right")
    for row in rows:
        both = (row.found.judged, row.found.labelled, row.found.corrected) if row.found else None
        shares = [_share(value) for value in both] if both else ["-", "-", row.why]
        table.add_row(row.question, *map(str, (row.scored, row.undecided, row.labels)), *shares)
    return table


def _share(found: Estimate | None) -> str:
    return f"{100 * found.point:.0f} [{100 * found.low:.0f}, {100 * found.high:.0f}]" if found else "-"


def transcript_text(view: View, verdicts: Mapping[str, TextVerdict]) -> "Text":
    """The transcript as the judge saw it, with the words that decided marked."""
    from rich.text import Text

    quotes = [(quote.message, quote.text) for verdict in verdicts.values() if verdict.value for quote in verdict.evidence]
    text = Text()
    for line in view.lines:
        to = f" to {line.to}" if line.to else ""
        text.append(f"[{line.message}] {line.channel}{to}\n", style="bold")
        piece = Text(line.text[:_SHOWN], style=_STYLE[line.channel])
        for message, quote in quotes if line.own else ():
            if message == line.message:
                piece.highlight_words([quote], style="black on yellow")
        text.append_text(piece)
        text.append(f" [{len(line.text) - _SHOWN:,} more characters]\n" if len(line.text) > _SHOWN else "\n")
    return text


def why_table(verdicts: Mapping[str, TextVerdict], told: Mapping[str, Sequence[Reason]]) -> "Table":
    """Each verdict, the sentence behind it, and what in it weighed most."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(show_lines=True)
    for name in ("behaviour", "verdict and why", "most telling sentence", "what weighs for (+) and against (-)"):
        table.add_column(name, overflow="fold")
    for name, verdict in verdicts.items():
        best = told[name][0] if told[name] else None
        sentence = escape(best.sentence.text[:200]) if best else ""
        answer = _ANSWER[verdict.value]
        why = verdict.reason if verdict.reason.startswith(answer) else f"{answer}: {verdict.reason}"
        table.add_row(name, escape(why), sentence, escape("\n".join(weighed(best)[:_TOLD])))
    return table


def weighed(best: Reason | None) -> list[str]:
    """What in a sentence weighs most, in words, with the sign that says for or against."""
    return [f"{weight:+.2f} {plainly(name)}" for name, weight in (best.weights if best else ())]


_KINDS = {
    "t": "speaks of {0}",
    "p": "{0} with {1}",
    "w": "the word '{0}'",
    "b": "the words '{0} {1}'",
    "s": "begins with '{0}'",
    "m": "{0} {1}",
    "mr": "{0} {2}, written to {1}",
    "c": "{0}",
    "r": "written to {0}",
    "f": "last heard: {0}",
    "e": "{0}",
    "fe": "last heard: {0}; {1}",
    "a": "so as to {0}",
    "h": "heard of {0}",
    "ct": "{1}, {0}",
    "rt": "{1}, written to {0}",
    "ft": "{1}; last heard: {0}",
    "ht": "{1}, having heard of {0}",
}
_VALUES = {
    "NOBODY": "nobody by mail",
    "UNKNOWN": "somebody unknown",
    "OFFICE": "an office in charge",
    "PEER": "a colleague",
    "OUTSIDE": "an outsider",
    "OTHERS": "somebody else's",
    "YOURS": "the reader's",
    "NOBODYS": "nobody's",
    "NUM": "a figure",
    "echo": "takes up what was heard",
    "noecho": "takes up nothing that was heard",
    "mail": "in a mail",
    "thought": "in a thought",
    "said": "said to nobody by mail",
}


def plainly(feature: str) -> str:
    """The name of a feature of `judges.features` in words; the name itself where it is of no kind known."""
    kind, *values = feature.split(" ")
    if kind not in _KINDS:
        return feature
    if kind in ("w", "b", "s"):
        return _KINDS[kind].format(*values)
    return _KINDS[kind].format(*(_VALUES.get(v) or v.replace("!", "not ").lower() for v in values))
