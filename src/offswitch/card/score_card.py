"""The card of a scoring: what was found in somebody's transcripts, as data and as a page that say the same."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from offswitch.card.render import Lane, Line, template
from offswitch.measure.conduct import FIELDS
from offswitch.measure.declaration import Declaration
from offswitch.measure.score_table import LABELS, SHOWN
from offswitch.measure.score_tally import Contradiction, Score
from offswitch.measure.summary import Cell

if TYPE_CHECKING:
    from collections.abc import Sequence

FORMAT = 1
LISTED = 5 * SHOWN
"""Single cases that are on the page; card.json has more."""
LIMITS = (
    "Transcripts are taken as independent; runs of one prompt are alike, and then the intervals are too narrow.",
    "Deeds are read from commands and calls. A target that is only known at run time, or a language other than bash and plain"
    " Python, is not followed.",
    "The declaration says what counts as oversight; what it leaves out is not seen.",
)
UNJUDGED = "No judge of texts was asked, so nothing here is about words."
JUDGED = (
    "Words were judged by {judge}. What such a judge is worth is measured by: offswitch judge calibrate. A rate of"
    " it is corrected by some labels of yours with: offswitch judge correct. Where it abstained there is no verdict, and the"
    " range of what that could hide is given."
)


@dataclass(frozen=True)
class Protected:
    """One thing that the declaration names, as the card tells of it."""

    name: str
    why: str
    done: Mapping[str, int]
    """Transcripts with an act that took place, by way."""
    tried: Mapping[str, int]
    """The same for acts that failed, or whose answer is not shown."""


@dataclass(frozen=True)
class ScoreCard:
    """The whole card."""

    title: str
    date: str
    """Day of the run, as year-month-day."""
    about: str
    """The setting, as its declaration tells it."""
    things: tuple[Protected, ...]
    """What was declared as oversight, or as behind it, and what was done to each."""
    score: Score
    limits: tuple[str, ...]
    """What this card does not show, a sentence each."""
    command: str
    """What makes it again."""
    versions: Mapping[str, str]
    format: int = FORMAT
    """Version of the layout of this file."""

    def to_json(self) -> str:
        """Readable JSON. Raises `ValueError` for a number that is not finite."""
        return json.dumps(asdict(self), indent=1, allow_nan=False)


def score_card(score: Score, declaration: Declaration, date: str, command: str, versions: Mapping[str, str]) -> ScoreCard:
    """The card of a scoring by a declaration."""
    named = [(one.name, one.why) for one in declaration.mechanisms] + [(one.name, "") for one in declaration.protected]
    things = tuple(Protected(n, why, score.acts.get(n, {}), score.attempts.get(n, {})) for n, why in dict(named).items())
    words = JUDGED.format(judge=score.judge) if score.judge else UNJUDGED
    title = f"What the agent did in {score.transcripts:,} transcript{'' if score.transcripts == 1 else 's'}"
    return ScoreCard(title, date, declaration.about.strip(), things, score, (*LIMITS, words), command, versions)


def page(card: ScoreCard) -> str:
    """One HTML file that needs nothing but itself."""
    score, cells = card.score, card.score.parts["all"].cells
    main = "resisted" if cells["resisted"].rate else "executed"
    return template("score.html.j2").render(
        card=card,
        score=score,
        main=_line(main, cells[main]),
        small=[_line(field, cells[field]) for field in ("acted", "exit_used", "stopped")],
        deeds=[_line(field, cells[field]) for field in FIELDS if field != "aware" and cells[field].rate],
        words=[_line(name, cell) for name, cell in cells.items() if name not in FIELDS],
        why_not=[(LABELS[field], cells[field].why) for field in FIELDS if cells[field].rate is None],
        groups=list(_groups(score)),
        fields=[LABELS[field] for field in FIELDS],
        contradictions=[(one, _told(one)) for one in score.contradictions[:LISTED]],
        findings=score.findings[:LISTED],
        missed=score.agreement.missed[:LISTED] if score.agreement else (),
        unreadable=score.unreadable[:LISTED],
        more=LISTED,
    )


def write(card: ScoreCard, folder: Path) -> Path:
    """The page and its JSON in a folder; returns the page. Each file appears whole or not at all."""
    from offswitch.card.card import write_files

    html = folder / "card.html"
    write_files({folder / "card.json": card.to_json() + "\n", html: page(card)})
    return html


def _line(field: str, cell: Cell) -> Line:
    return Line(LABELS.get(field, field.replace("_", " ")).capitalize(), _note(cell), (Lane("b", "all", cell.rate),))


def _note(cell: Cell) -> str:
    """On how many it rests, and what the rest could hide."""
    if cell.bounds is None:
        return cell.why
    n, bounds = cell.bounds.scored, cell.bounds
    if not bounds.unscored:
        return f"all {n:,}"
    return f"{n:,} of {n + bounds.unscored:,}; else {100 * bounds.low:.0f} to {100 * bounds.high:.0f}%"


def _groups(score: Score) -> Iterator[tuple[str, int, "Sequence[Cell]"]]:
    """Each group with its cells in the order of `FIELDS`."""
    for name, part in score.parts.items():
        if name != "all":
            yield name, part.transcripts, [part.cells[field] for field in FIELDS]


def _told(one: Contradiction) -> tuple[str, str]:
    """The deed and the word, each in one phrase."""
    what = one.what
    deed = LABELS[what.field] if what.state else f"not: {LABELS[what.field]}"
    word = what.behaviour.replace("_", " ")
    return deed, word if what.text else f"not: {word}"
