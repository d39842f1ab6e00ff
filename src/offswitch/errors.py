"""Errors are named by the boundary that was crossed, and each says what to do next.

OffswitchError
├── DocumentError   a file that a person wrote: names file, line and field
├── ModelError      a model that cannot be found, loaded or reached
├── OutputError     a place that cannot be written
└── SplitError      a claim about held-out data that would be false
"""

from pathlib import Path


class OffswitchError(Exception):
    """Anything that a user can mend; the command line prints it without a traceback and exits with 2."""


class DocumentError(OffswitchError):
    """A declared file (spec, family, office, recipe) that does not say what it must."""

    def __init__(self, path: Path | str, line: int | None, field: str, expected: str) -> None:
        where = f"{path}:{line}" if line else str(path)
        super().__init__(f"{where}: {field or 'file'}: {expected}")
        self.path, self.line, self.field = Path(path), line, field


class ModelError(OffswitchError):
    """A model that is unknown, unreachable or lacks what an agent needs."""


class OutputError(OffswitchError):
    """An output folder that is read-only, full or in use for something else."""


class SplitError(OffswitchError):
    """A checkpoint would be called held out on families that it was trained on."""
