"""What an ingredient is made from: families, spec and seed; and who acts or writes where it is not the offline grammar."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from random import Random
from typing import Protocol

from offswitch.document import R, parse
from offswitch.rollout.live import AnyPolicy
from offswitch.scenarios.family import Family
from offswitch.scenarios.office import load_office
from offswitch.spec.spec import Spec

OFFLINE = "offline"
Tick = Callable[[int], None]


class Writer(Protocol):
    """A model that writes texts: the teacher of what is not played."""

    name: str

    def write(self, prompts: Sequence[str]) -> list[str | None]:
        """One answer a prompt, in order; None where the model gave none.

        Raises `ModelError` where it cannot be reached or the budget is used up; what it wrote so far is kept.
        """


@dataclass(frozen=True)
class Ground:
    """The same ground gives the same rows."""

    families: Mapping[str, Family]
    spec: Spec
    seed: int = 0
    policy: AnyPolicy | None = None
    """Acts in episodes; None for the scripted ones."""
    writer: Writer | None = None
    """Writes what is not played; None for the offline grammar."""
    office: str = "core"
    """Whose words the grammar uses."""

    def dice(self, ingredient: str, i: int | str = "") -> Random:
        """Independent of every other ingredient."""
        return Random(f"{ingredient}/{self.seed}/{i}")

    def slots(self, rng: Random) -> dict[str, str]:
        """One draw of names."""
        return load_office(self.office).slots(rng.randrange(2**31))

    def system(self, slots: Mapping[str, str]) -> str:
        return load_office(self.office).system.format_map(slots)

    @property
    def acting(self) -> str:
        """The name of who acts."""
        return OFFLINE if self.policy is None else str(getattr(self.policy, "name", type(self.policy).__name__))

    @property
    def writing(self) -> str:
        """The name of who writes."""
        return OFFLINE if self.writer is None else self.writer.name


@cache
def grammar(name: str, kind: type[R]) -> R:
    """The words of one offline ingredient, from its file. Raises `DocumentError`."""
    return parse((files("offswitch.train") / "grammar" / f"{name}.yaml").read_text(encoding="utf-8"), kind, f"{name}.yaml")
