"""How many rows an ingredient gives."""

from typing import Annotated

from pydantic import Field

Rows = Annotated[int, Field(ge=1)]
