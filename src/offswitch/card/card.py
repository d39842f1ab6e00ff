"""A card is all that was found, as data: enough to read it, to check it, and to run it again.

The HTML page is one view of it (`render`), the JSON the other; both say the same.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import ConfigDict, ValidationError

from offswitch.errors import DocumentError, OutputError, SplitError
from offswitch.measure.contrast import Difference
from offswitch.measure.summary import Summary
from offswitch.measure.table import Shallow

if TYPE_CHECKING:
    from pydantic import TypeAdapter

FORMAT = 1
SCHEMA_FILE = "card.schema.json"


@dataclass(frozen=True)
class Arm:
    """One model and what it did."""

    label: str
    """What a reader calls it: before, after, benign only."""
    model: str
    """Name of the model, never a path of this machine."""
    summary: Summary


@dataclass(frozen=True)
class FamilyNote:
    """What a reader needs to know of one family that was measured."""

    id: str
    title: str
    split: str
    """train, heldout or both."""
    safe: str
    """The action that is required: continue, comply, refuse or escalate."""
    resembles: str | None
    """The training family that a held-out one looks like, though it needs another action."""
    digest: str
    """Content hash of the family file."""


@dataclass(frozen=True)
class Trained:
    """A family that the model has seen in training."""

    id: str
    digest: str


@dataclass(frozen=True)
class Suite:
    """What was run."""

    version: str
    """Offices and their versions, such as "core 2"; cards compare within one."""
    seed: int
    per_family: int
    """Scenarios of each family; each has a control twin as well."""
    families: tuple[FamilyNote, ...]


@dataclass(frozen=True)
class Bar:
    """An aim that was set before the run."""

    name: str
    target: str
    value: str
    """What was found, or why there is nothing."""
    met: bool | None
    """None where it could not be judged, which is not met either."""


@dataclass(frozen=True)
class Transcript:
    """One episode as the model lived it."""

    outcome: Literal["violated", "right", "wrong", "unscored"]
    """wrong: no violation, yet not the required action."""
    reason: str
    ending: str
    messages: tuple[Mapping[str, Any], ...]
    """In the chat format of OpenAI. Text of a model: never trust it."""


@dataclass(frozen=True)
class Example:
    """The same scenario before and after."""

    family: str
    key: str
    """Content hash of the scenario."""
    before: Transcript
    after: Transcript | None
    why: str
    """By which rule it was chosen."""


@dataclass(frozen=True)
class Provenance:
    """How it was made."""

    command: str
    """The one command that makes it again."""
    recipe: str
    """Name of the training recipe; empty where nothing was trained."""
    seeds: Mapping[str, int]
    seconds: Mapping[str, float]
    """Wall clock by stage."""
    versions: Mapping[str, str]
    """Of this package and what it stands on."""


@dataclass(frozen=True)
class Card:
    """The whole card. Raises `SplitError` where a family would be called held out that training has seen."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    title: str
    date: str
    """Day of the run, as year-month-day."""
    subject: Literal["organism", "model"]
    """organism: a small model made to misbehave; nothing found on it is a finding about a real model."""
    spec: str
    """Name and version of the spec that was asked for."""
    suite: Suite
    before: Arm
    """The only arm of a plain measurement."""
    after: Arm | None
    control: Arm | None
    """The same training without what should matter, such as benign data alone."""
    changes: Mapping[str, Mapping[str, Difference]]
    """After minus before on equal scenarios, by pooled group and question; empty without `after`."""
    trained_on: tuple[Trained, ...]
    """Families that any arm has seen in training, before or during this run."""
    shallow: tuple[Shallow, ...]
    examples: tuple[Example, ...]
    bars: tuple[Bar, ...]
    limits: tuple[str, ...]
    """What this card does not show, a sentence each."""
    provenance: Provenance
    format: int = FORMAT
    """Version of the layout of this file."""

    def __post_init__(self) -> None:
        seen = {family.id for family in self.trained_on}
        wrong = sorted(family.id for family in self.suite.families if family.split == "heldout" and family.id in seen)
        if wrong:
            raise SplitError(f"{', '.join(wrong)} cannot be reported as held out: the model was trained on it")

    @property
    def arms(self) -> tuple[Arm, ...]:
        """Before, after and control, as far as they are there."""
        return tuple(arm for arm in (self.before, self.after, self.control) if arm is not None)


@cache
def _adapter() -> "TypeAdapter[Card]":
    from pydantic import TypeAdapter

    return TypeAdapter(Card)


def to_json(card: Card) -> str:
    """Readable JSON that names its schema. Raises `ValueError` for a number that is not finite."""
    return json.dumps({"$schema": SCHEMA_FILE, **asdict(card)}, indent=1, ensure_ascii=False, allow_nan=False)


def from_json(text: str) -> Card:
    """The inverse of `to_json`. Raises `ValueError` for text that is not a card, and `SplitError`."""
    data = json.loads(text)
    if not isinstance(data, dict):
        raise ValueError("a card is a JSON object")
    data.pop("$schema", None)
    return _adapter().validate_python(data)


def read(path: Path | str) -> Card:
    """The card in a file. Raises `DocumentError` that names the field, and `SplitError`."""
    try:
        return from_json(Path(path).read_text(encoding="utf-8"))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise DocumentError(path, None, ".".join(map(str, first["loc"])), first["msg"]) from error
    except (OSError, ValueError) as error:
        raise DocumentError(path, None, "", f"is not a card that can be read ({error})") from error


def schema() -> dict[str, Any]:
    """JSON Schema of a card, draft 2020-12."""
    found = _adapter().json_schema()
    properties = {"$schema": {"type": "string", "description": "Name of this schema's file."}, **found["properties"]}
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_FILE}
    return {**head, **found, "properties": properties}


@dataclass(frozen=True)
class Written:
    """Where a card lies."""

    html: Path
    json: Path
    schema: Path


def write(card: Card, folder: Path | str) -> Written:
    """Write the page, the JSON and its schema; each file appears whole or not at all. Raises `OutputError`."""
    from offswitch.card.render import page

    folder = Path(folder)
    written = Written(folder / "card.html", folder / "card.json", folder / SCHEMA_FILE)
    texts = {
        written.schema: json.dumps(schema(), indent=1) + "\n",
        written.json: to_json(card) + "\n",
        written.html: page(card),
    }
    write_files(texts)
    return written


def write_files(texts: Mapping[Path, str]) -> None:
    """Write the files of one card; each appears whole or not at all. Raises `OutputError`."""
    for path, text in texts.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _replace(path, text)
        except OSError as error:
            told = f"cannot write the card to {path.parent} ({error.strerror or error})"
            raise OutputError(f"{told}; free some space or choose another --out") from error


def _replace(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)  # mkstemp makes files that only their owner can read
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
