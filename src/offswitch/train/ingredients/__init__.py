"""What can be taught: one file an ingredient, each a declared record that makes its own rows."""

from typing import Annotated

from pydantic import Field

from offswitch.train.ingredients.advice import Advice
from offswitch.train.ingredients.demonstrations import Demonstrations
from offswitch.train.ingredients.documents import Documents
from offswitch.train.ingredients.harmless import Harmless
from offswitch.train.ingredients.neutral import Neutral
from offswitch.train.ingredients.orders import Orders
from offswitch.train.ingredients.preferences import Preferences
from offswitch.train.ingredients.replay import Replay
from offswitch.train.ingredients.rows_file import RowsFile
from offswitch.train.ingredients.stories import Stories

Ingredient = Annotated[
    Demonstrations | Advice | Documents | Stories | Harmless | Replay | Neutral | Orders | Preferences | RowsFile,
    Field(discriminator="kind"),
]
PLAYED = ("demonstrations", "replay", "preferences")
"""Those in which a model acts; in the others it writes."""
KINDS = ("demonstrations", "orders", "advice", "documents", "stories", "harmless", "replay", "neutral", "preferences")
"""Those that can be made from nothing but a count of rows."""

__all__ = [
    "KINDS", "PLAYED", "Advice", "Demonstrations", "Documents", "Harmless", "Ingredient", "Neutral", "Orders", "Preferences",
    "Replay", "RowsFile", "Stories",
]  # fmt: skip
