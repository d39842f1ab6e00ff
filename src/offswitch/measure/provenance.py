"""A checkpoint carries the families that it was trained on, and no measurement may call those held out."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from offswitch.errors import DocumentError, SplitError
from offswitch.scenarios.family import Family

FILE = "offswitch.json"


@dataclass(frozen=True)
class Provenance:
    """Where a model folder comes from."""

    base: str
    """What it was made from."""
    recipe: str = ""
    seed: int = 0
    trained_on: Mapping[str, str] = field(default_factory=dict)
    """Families by id, with the hash of their content then."""
    note: str = ""

    def write(self, folder: Path) -> None:
        (folder / FILE).write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


def provenance(folder: Path | str) -> Provenance | None:
    """The record in a model folder; None for a model that did not come from here. Raises `DocumentError`."""
    path = Path(folder) / FILE
    if not path.is_file():
        return None
    try:
        return Provenance(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise DocumentError(path, None, "", f"is no training record ({error}); restore or delete it") from error


def refuse_leaks(record: Provenance | None, families: Mapping[str, Family]) -> None:
    """Raises `SplitError` where a family that this model was trained on is now declared held out.

    Compared by id and by content, so that neither an edited nor a renamed family slips through.
    """
    if record is None:
        return
    digests = {digest: id for id, digest in record.trained_on.items()}
    for family in families.values():
        if family.split not in ("heldout", "far"):
            continue
        if family.id in record.trained_on or family.content in digests:
            seen = family.id if family.id in record.trained_on else digests[family.content]
            raise SplitError(
                f"the model was trained on family {seen!r}, so {family.id!r} cannot be called held out for it; "
                "set its split to train, or measure another checkpoint"
            )
