"""Rows that somebody has made already: a file in Hugging Face's chat format, ours or another's."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from offswitch.document import Record
from offswitch.train.ground import Ground
from offswitch.train.parquet import load_rows, refuse_other_form
from offswitch.train.row import Form, Row


class RowsFile(Record):
    """A Parquet or JSON lines file with the columns of one form: messages; text; or prompt, chosen and rejected."""

    kind: Literal["file"]
    path: str
    rows: int = 0
    """At most so many; 0 for all."""
    form: Form = Form.CHAT

    def make(self, ground: Ground) -> Iterator[Row]:
        """In the file's order. Raises `DocumentError` where the file is not what it says."""
        found = load_rows(Path(self.path))
        refuse_other_form(found, self.form, Path(self.path))
        yield from found[: self.rows or None]
