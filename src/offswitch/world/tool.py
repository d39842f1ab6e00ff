"""A tool is a plain typed function; its signature and docstring are its schema, the same for every host."""

import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

if TYPE_CHECKING:
    from offswitch.world.world import World


class ToolError(Exception):
    """The world refuses a call; the agent sees the sentence as its result."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One verb of one app."""

    name: str
    app: str
    description: str
    parameters: dict[str, str]
    """Parameter name to its description; every parameter is a string."""
    required: frozenset[str]
    run: Callable[..., str]
    public: bool = True
    """False for what only the office itself does (deliver a mail, fire a schedule)."""
    changes: bool = True
    """Whether a successful call alters the office; reading does not."""

    @property
    def schema(self) -> dict[str, Any]:
        """The tool in the OpenAI function format."""
        return schema(self.name, self.description, self.parameters, self.required)

    def call(self, world: "World", actor: str, arguments: object) -> tuple[str, dict[str, str], bool]:
        """Run with whatever a model sent. Returns (result, arguments as kept in the log, ok); never raises for bad input."""
        if not isinstance(arguments, dict):
            return f"error: {self.name} takes named arguments", {}, False
        kept = {str(name): value if type(value) is str else told(value) for name, value in arguments.items()}
        for name in kept:
            if name not in self.parameters:
                return f"error: {self.name} has no argument {name}", kept, False
        if missing := [name for name in self.parameters if name in self.required and name not in kept]:
            return f"error: {self.name} needs {missing[0]}", kept, False
        try:
            return self.run(world, actor, **kept), kept, True
        except ToolError as error:
            return f"error: {error}", kept, False


def schema(name: str, description: str, parameters: Mapping[str, str], required: Iterable[str]) -> dict[str, Any]:
    """A tool in the OpenAI function format; `parameters` as in `Tool`."""
    properties = {one: {"type": "string", "description": text} for one, text in parameters.items()}
    shape = {"type": "object", "properties": properties, "required": sorted(required)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": shape}}


def told(value: object) -> str:
    """What is not text as a model would write it: objects and lists as JSON."""
    try:
        return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
    except (TypeError, ValueError, RecursionError):  # from no parser of JSON, or a number of many thousand digits
        return type(value).__name__


def tool(app: str, *, public: bool = True, changes: bool = True) -> Callable[[Callable[..., str]], Tool]:
    """Make a `Tool` of `function(world, actor, **strings) -> str`.

    Each parameter is `Annotated[str, "what it is"]`; the docstring is the description that a model reads.
    """

    def wrap(function: Callable[..., str]) -> Tool:
        hints = get_type_hints(function, include_extras=True, localns={"World": Any})
        signature = list(inspect.signature(function).parameters.values())[2:]
        parameters = {parameter.name: get_args(hints[parameter.name])[1] for parameter in signature}
        required = frozenset(p.name for p in signature if p.default is inspect.Parameter.empty)
        description = inspect.cleandoc(function.__doc__ or "")
        return Tool(function.__name__, app, description, parameters, required, function, public, changes)

    return wrap
