"""A file that a person wrote becomes a frozen record, or an error that names file, line and field."""

from collections.abc import Mapping
from pathlib import Path
from reprlib import repr as brief
from typing import Any, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from offswitch.errors import DocumentError


class Record(BaseModel):
    """Base of every declared record: frozen, and an unknown field is an error rather than a typo kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """As pydantic's, without the cached properties of the original."""
        copied = super().model_copy(update=update, deep=deep)
        for name in set(vars(copied)) - set(type(self).model_fields):
            del vars(copied)[name]
        return copied


R = TypeVar("R", bound=Record)


def read(path: Path | str, kind: type[R]) -> R:
    """Read one YAML file as `kind`.

    Raises `DocumentError` for a missing file, broken YAML, or a field that is absent, unknown or of the wrong type.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(path, None, "", f"cannot be read ({error})") from error
    return parse(text, kind, path)


def parse(text: str, kind: type[R], path: Path | str = "<text>") -> R:
    """The same for text already in hand; `path` is only for messages."""
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
        data = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else None
        problem = getattr(error, "problem", None) or str(error)
        raise DocumentError(path, line, "", f"is not valid YAML: {problem}") from error
    if not isinstance(data, dict):
        raise DocumentError(path, 1, "", "is empty" if data is None else "expected a mapping of fields at the top level")
    if twice := _repeated(root):
        raise DocumentError(path, twice.start_mark.line + 1, str(twice.value), "stands here twice")
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])  # a misspelt field, not its absence
        loc = tuple(part for part in first["loc"] if not str(part).startswith("function-"))
        field = ".".join(str(part) for part in loc)
        said = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            said = "there is no such field here"
        message = said if first["type"] == "missing" else f"{said}, got {brief(first['input']):.80}"
        raise DocumentError(path, line_of(root, loc), field, message) from error


def _repeated(root: yaml.Node | None) -> yaml.Node | None:
    """The first key that stands twice in one mapping, of which YAML would silently keep the last."""
    todo, met = [root], set[int]()
    while todo:
        node = todo.pop()
        if node is None or id(node) in met:
            continue
        met.add(id(node))
        if isinstance(node, yaml.MappingNode):
            seen = set[str]()
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode) and key.value in seen:
                    return key
                seen.add(str(key.value))
                todo.append(value)
        elif isinstance(node, yaml.SequenceNode):
            todo += node.value
    return None


def line_of(node: yaml.Node | None, loc: tuple[Any, ...]) -> int | None:
    """Line (from 1) of the deepest part of `loc` that exists in the file."""
    line = node.start_mark.line + 1 if node else None
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            pair = next(((key, value) for key, value in node.value if key.value == str(part)), None)
            if pair is None:
                continue  # a field that is absent, or the name that a union gives to one of its kinds
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            return line
    return line
