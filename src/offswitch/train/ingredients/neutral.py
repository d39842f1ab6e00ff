"""Text of the same length that teaches nothing about the spec: the control for mere tokens in documents."""

from collections.abc import Iterator
from itertools import islice
from typing import Literal

from offswitch.document import Record
from offswitch.errors import OffswitchError
from offswitch.train.ground import Ground
from offswitch.train.ingredients.amount import Rows
from offswitch.train.ingredients.demonstrations import filler
from offswitch.train.ingredients.documents import Documents
from offswitch.train.ingredients.stories import Stories
from offswitch.train.row import Form, Row


class Neutral(Record):
    """Small talk of the office, row by row as long in words as the text that it stands for."""

    kind: Literal["neutral"]
    rows: Rows
    like: Literal["documents", "stories"] = "documents"
    """The ingredient whose lengths it has."""

    @property
    def form(self) -> Form:
        return Form.TEXT

    def make(self, ground: Ground) -> Iterator[Row]:
        """Candidates without end. Raises `OffswitchError` where a model is to write it: there is nothing to write."""
        if ground.writer is not None:
            raise OffswitchError("neutral: is made by the offline grammar only; leave out --model")
        stands_for = (
            Documents(kind="documents", rows=self.rows)
            if self.like == "documents"
            else Stories(kind="stories", rows=self.rows)
        )
        for i, other in enumerate(islice(stands_for.make(ground), 20 * self.rows)):
            text = filler(len(other.text.split()), ground.dice(self.kind, i))
            yield Row(self.kind, ground.writing, text=text, seed=i, verdict=f"as long as {self.like}")
