"""Methods of plain values, from a list of those that are safe and behave alike everywhere."""

import string
from typing import Any

from offswitch.world.code.machine import MAX_TEXT
from offswitch.world.code.runtime import ATOMS, VIEWS, File, Lazy, Method, Runtime, refuse
from offswitch.world.tool import ToolError

_STR = (
    "split rsplit strip lstrip rstrip lower upper title capitalize startswith endswith find rfind index rindex count replace "
    "join splitlines isdigit isalpha isalnum isspace isupper islower isnumeric isdecimal zfill ljust rjust center partition "
    "rpartition removeprefix removesuffix format casefold swapcase"
)
_SET = (
    "add discard remove union intersection difference symmetric_difference issubset issuperset isdisjoint update copy clear"
)
_NAMES = {
    str: _STR,
    list: "append extend insert pop remove index count sort reverse copy clear",
    dict: "get keys values items pop setdefault update copy clear popitem",
    set: _SET,
    tuple: "index count",
    int: "bit_length",
    float: "is_integer",
    File: "read readline readlines write writelines close",
}
METHODS: dict[type, frozenset[str]] = {kind: frozenset(names.split()) for kind, names in _NAMES.items()}
TAKES_ITEMS = {
    (list, "extend"), (str, "join"), (set, "update"), (set, "union"), (set, "intersection"), (set, "difference"),
    (set, "symmetric_difference"), (set, "issubset"), (set, "issuperset"), (set, "isdisjoint"), (dict, "update"),
}  # fmt: skip
WIDE = frozenset({"zfill", "ljust", "rjust", "center"})
WHOLE = frozenset({"index", "count", "remove", "sort"})


def method(run: Runtime, value: Any, name: str) -> Method:
    """The method, or `AttributeError` where Python has none either."""
    kind = value if isinstance(value, type) else type(value)
    if name in METHODS.get(kind, ()):
        return Method(value, name)
    if hasattr(value, name) or (kind not in ATOMS and kind not in METHODS) or kind is File:
        refuse(f"attribute {name} of {run.kind(value)}")
    raise AttributeError(f"{kind.__name__!r} object has no attribute {name!r}")


def call_method(run: Runtime, bound: Method, given: list[Any], named: dict[str, Any]) -> Any:
    """Call it with checks on sizes; raises what Python raises."""
    value, name, args = bound.value, bound.name, list(given)
    if isinstance(value, type):
        if not args or type(args[0]) is not value:
            raise TypeError(f"{value.__name__}.{name} needs a {value.__name__}")
        value = args.pop(0)
    kind = type(value)
    if kind is File:
        return _file(run, value, name, args, named)
    run.meter.spend(2 + (len(value) // 50 if kind is str else 0))
    if (kind, name) in TAKES_ITEMS:
        args = [arg if kind is dict and type(arg) is dict else run.listed(arg, kind is not set) for arg in args]
    elif any(type(arg) is Lazy or isinstance(arg, VIEWS) for arg in args) and name not in ("append", "insert"):
        refuse(f"{name}() of an iterator")
    if name in WHOLE and kind is not str:
        run.weigh(value)
    elif kind in (set, dict):
        run.weigh(*args)
        if name in ("union", "copy", "intersection", "difference", "symmetric_difference"):
            run.meter.spend(len(value))
    if kind is str:
        if name == "format":
            return _format(run, value, args, named)
        run.meter.spend(sum(len(arg) // 50 for arg in args if type(arg) is str))
        _bounded(value, name, args)
    if kind is list and name == "sort":
        return _sort(run, value, args, named)
    return run.kept(getattr(value, name)(*args, **named))


def _bounded(value: str, name: str, args: list[Any]) -> None:
    size = 0
    if name in WIDE and args and type(args[0]) is int:
        size = args[0]
    elif name == "replace" and len(args) >= 2 and type(args[0]) is str and type(args[1]) is str:
        size = len(value) + value.count(args[0]) * len(args[1])
    elif name == "join" and all(type(item) is str for item in args[0] if args):
        size = sum(map(len, args[0])) + len(value) * len(args[0])
    if size > MAX_TEXT:
        refuse(f"strings longer than {MAX_TEXT}")


def _sort(run: Runtime, value: list[Any], args: list[Any], named: dict[str, Any]) -> None:
    if args or set(named) - {"key", "reverse"}:
        refuse("such arguments of sort()")
    value[:] = in_order(run, list(value), named)


def in_order(run: Runtime, items: list[Any], named: dict[str, Any]) -> list[Any]:
    """Sorted as `sorted(items, key=, reverse=)` does."""
    run.weigh(items)
    run.meter.spend(4 * len(items))
    key = named.get("key")
    function = None if key is None else lambda item: run.call(key, [item], {})
    try:
        return sorted(items, key=function, reverse=bool(named.get("reverse", False)))
    except TypeError as error:
        if any(type(item) not in ATOMS and type(item) not in METHODS for item in items):
            raise ToolError("this Python cannot sort such values; nothing was changed") from error
        raise


def _format(run: Runtime, shape: str, args: list[Any], named: dict[str, Any]) -> str:
    """str.format with plain fields: {}, {0}, {name}, with a format after a colon."""
    parts, count = [], 0
    for text, field, spec, conversion in string.Formatter().parse(shape):
        parts.append(text)
        if field is None:
            continue
        if not (field == "" or field.isidentifier() or (field.isascii() and field.isdigit())) or "{" in (spec or ""):
            refuse("such a field of format()")
        if field and field.isdigit() and count:
            refuse("format() with both {} and {0}")
        if field == "" or field.isdigit():
            place = int(field) if field else count
            count += field == ""
            if place >= len(args):
                raise IndexError(f"Replacement index {place} out of range for positional args tuple")
            value = args[place]
        else:
            value = named[field]
        parts.append(run.formatted(run.repr(value) if conversion == "r" else value, spec or ""))
        if conversion not in (None, "", "r", "s"):
            refuse("such a conversion")
    return run.kept("".join(parts))  # type: ignore[no-any-return]  # the same text


def _file(run: Runtime, file: File, name: str, args: list[Any], named: dict[str, Any]) -> Any:
    if named or len(args) != (name in ("write", "writelines")):
        refuse(f"such arguments of {name}()")
    run.meter.spend(2)
    if name == "close":
        file.closed = True
        return None
    if name == "write":
        return file.write(args[0])
    if name == "writelines":
        for line in run.listed(args[0]):
            file.write(line)
        return None
    if name == "readlines":
        file.check("r")
        return [file.take(1) for _ in range(len(file.lines))]
    return file.take(1 if name == "readline" else None)
