"""What may be written in a family file: ids that are safe everywhere they are shown, texts without hidden characters."""

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field

MOST = 20_000
"""Characters of one text."""
_HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # controls but for tab and new line, halves of a pair


def flaw(text: str) -> str | None:
    """Why a text cannot be used, as a sentence; None where it can."""
    if len(text) > MOST:
        return f"has {len(text):,} characters, at most {MOST:,} may be"
    hidden = _HIDDEN.search(text)
    return f"holds {hidden[0]!a}, a character that cannot be shown" if hidden else None


def blank(text: str) -> bool:
    """Whether a reader sees nothing: spaces, and characters without width."""
    return all(char.isspace() or unicodedata.category(char) == "Cf" for char in text)


def _told(text: str) -> str:
    if blank(text):
        raise ValueError("must say something")
    return text


def _id(id: str) -> str:
    if id == "suite":
        raise ValueError("is the name of a rule that all families keep together; take another")
    return id


Id = Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$", max_length=60), AfterValidator(_id)]
"""Small letters, digits and underscores: it becomes a file name, a row of a table and a link."""
Told = Annotated[str, Field(min_length=1), AfterValidator(_told)]
"""A text that is not blank."""
