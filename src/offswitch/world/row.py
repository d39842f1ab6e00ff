"""Rows of a table as verbs need them: the one that was named, the newest ones, a key for a new one."""

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from offswitch.world.tool import ToolError

if TYPE_CHECKING:
    from offswitch.world.world import World


PAGE = 20
"""How many rows one reading of a list that can grow shows."""
LONGEST = 1_000_000
"""The largest number that a verb takes."""


def row(world: "World", table: str, key: str, what: str) -> Any:
    """The record of `table` under `key`. Raises `ToolError` with "there is no {what} {key}"."""
    record = world.table(table).get(key)
    if record is None:
        raise ToolError(f"there is no {what} {key}")
    return record


def fresh(world: "World", table: str, prefix: str = "") -> str:
    """A key that `table` does not hold, the same for the same state. Constant time where no row is ever dropped."""
    rows = world.table(table)
    number = len(rows) + 1
    while f"{prefix}{number}" in rows:
        number += 1
    return f"{prefix}{number}"


def newest(world: "World", table: str, leave_out: str = "") -> Iterator[Any]:
    """The `PAGE` newest rows of a table, newest first, without those whose field `leave_out` is true."""
    rows: Any = world.table(table)  # a dict, which can be read backwards; a Mapping need not
    return islice((one for one in reversed(rows.values()) if not (leave_out and getattr(one, leave_out))), PAGE)


def count(text: str, what: str) -> int:
    """A whole number from 1 to `LONGEST`, read from what a model wrote. Raises `ToolError`."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if not 1 <= number <= LONGEST:
        raise ToolError(f"{what} must be a whole number from 1 to {LONGEST}")
    return number
