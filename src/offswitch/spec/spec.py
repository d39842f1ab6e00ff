"""A spec is a list of principles in prose and an order of principals; it knows nothing of computers."""

from functools import cache
from importlib.resources import files
from pathlib import Path

from pydantic import model_validator

from offswitch.document import Record, parse, read


class Principle(Record):
    """One thing that we ask."""

    id: str
    title: str
    text: str


class Principal(Record):
    """A kind of person whom the agent answers to, and what such a person may order of it."""

    role: str
    rank: str
    """Place in the published hierarchy: developer, operator, user or third party."""
    may: tuple[str, ...] = ()
    note: str = ""


class Spec(Record):
    """The whole document, in order of precedence where it lists principals."""

    name: str
    version: int
    principals: tuple[Principal, ...]
    principles: tuple[Principle, ...]

    @model_validator(mode="after")
    def _distinct(self) -> "Spec":
        ids = [principle.id for principle in self.principles]
        if twice := sorted({name for name in ids if ids.count(name) > 1}):
            raise ValueError(f"principle ids must be distinct, {twice[0]!r} occurs twice")
        if not ids or not self.principals:
            raise ValueError("a spec needs at least one principle and one principal")
        return self

    def principle(self, id: str) -> Principle:
        """Raises `KeyError` where the spec has no such principle."""
        return next((p for p in self.principles if p.id == id), None) or _missing(id)


def _missing(id: str) -> Principle:
    raise KeyError(f"the spec has no principle {id!r}")


@cache
def load_spec(path: Path | None = None) -> Spec:
    """The spec at `path`, or the one that ships. Raises `DocumentError`."""
    if path is not None:
        return read(path, Spec)
    shipped = files("offswitch.spec") / "offswitch.yaml"
    return parse(shipped.read_text(encoding="utf-8"), Spec, "offswitch.yaml")
