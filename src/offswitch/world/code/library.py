"""Built-in functions and the modules json and math, as far as they are bounded and the same on every machine."""

import ast
import json
import math
from collections.abc import Callable, Iterator
from typing import Any

from offswitch.world.code.methods import in_order
from offswitch.world.code.operators import binary, compare, truth
from offswitch.world.code.runtime import (
    ATOMS,
    CONTAINERS,
    NUMBERS,
    TYPES,
    VIEWS,
    Builtin,
    File,
    Lazy,
    Module,
    Runtime,
    refuse,
)

EXCEPTIONS: dict[str, type[Exception]] = {
    error.__name__: error
    for error in (
        Exception, ArithmeticError, AssertionError, AttributeError, EOFError, FileExistsError, FileNotFoundError, IndexError,
        KeyError, LookupError, NameError, NotImplementedError, OSError, OverflowError, PermissionError, RuntimeError,
        StopIteration, TypeError, UnboundLocalError, UnicodeError, ValueError, ZeroDivisionError,
    )
}  # fmt: skip


def _print(run: Runtime, *values: Any, sep: Any = " ", end: Any = "\n", flush: Any = False) -> None:
    parts = (" " if sep is None else sep).join([run.text(value) for value in values])
    run.say(parts + ("\n" if end is None else end))


def _open(run: Runtime, path: Any, mode: Any = "r", encoding: Any = "utf-8") -> File:
    if (
        type(path) is not str
        or mode not in ("r", "w", "a", "rt", "wt", "at")
        or str(encoding).lower() not in ("utf-8", "utf8")
    ):
        refuse(f"open() in mode {mode!r}; it has r, w and a, of UTF-8 text")
    return run.open(path, mode[0])


def _len(run: Runtime, value: Any) -> int:
    if type(value) not in CONTAINERS and type(value) not in (str, range) and not isinstance(value, VIEWS):
        raise TypeError(f"object of type {type(value).__name__!r} has no len()")
    return len(value)


def _sum(run: Runtime, values: Any, start: Any = 0) -> Any:
    items = run.listed(values)
    if all(type(item) in NUMBERS for item in (*items, start)):
        return run.kept(sum(items, start))
    if type(start) is str:
        raise TypeError("sum() can't sum strings [use ''.join(seq) instead]")
    for item in items:
        start = binary(run, ast.Add, start, item)
    return start


def _extreme(kind: type) -> Callable[..., Any]:
    name = "min" if kind is ast.Lt else "max"

    def pick(run: Runtime, *values: Any, **named: Any) -> Any:
        items = run.listed(values[0], "key" in named) if len(values) == 1 else list(values)
        if not items:
            if len(values) == 1 and "default" in named:
                return named["default"]
            raise ValueError(f"{name}() arg is an empty sequence") if values else TypeError(f"{name} expected an argument")
        function = named.get("key")
        keys = items if function is None else [run.call(function, [item], {}) for item in items]
        best = 0
        for at in range(1, len(items)):
            if compare(run, kind, keys[at], keys[best]):
                best = at
        return items[best]

    return pick


def _sorted(run: Runtime, values: Any, **named: Any) -> list[Any]:
    return in_order(run, run.listed(values, named.get("key") is not None), named)


def _enumerate(run: Runtime, values: Any, start: Any = 0) -> Lazy:
    if type(start) is not int:
        refuse("enumerate() from anything but an integer")

    def steps(items: Iterator[Any], at: int) -> Iterator[Any]:
        for item in items:
            run.spend(1)
            yield at, item
            at += 1

    return Lazy(steps(run.iterate(values), start), values)


def _zip(run: Runtime, *sources: Any, strict: Any = False) -> Lazy:
    if strict:
        refuse("zip() with strict")

    def steps(iterators: list[Iterator[Any]]) -> Iterator[Any]:
        while iterators:
            row = []
            for one in iterators:
                run.spend(1)
                try:
                    row.append(next(one))
                except StopIteration:
                    return
            yield tuple(row)

    return Lazy(steps([run.iterate(source) for source in sources]), *sources)


def _map(run: Runtime, function: Any, *sources: Any) -> Lazy:
    rows = _zip(run, *sources)
    if not sources:
        raise TypeError("map() must have at least two arguments.")
    return Lazy((run.call(function, list(row), {}) for row in rows), rows)


def _filter(run: Runtime, function: Any, source: Any) -> Lazy:
    def steps(items: Iterator[Any]) -> Iterator[Any]:
        for item in items:
            run.spend(1)
            if truth(item if function is None else run.call(function, [item], {})):
                yield item

    return Lazy(steps(run.iterate(source)), source)


def _reversed(run: Runtime, value: Any) -> Lazy:
    if type(value) not in (list, tuple, str, range, dict):
        refuse(f"reversed() of {run.kind(value)}")
    return Lazy(iter(reversed(value)))


def _next(run: Runtime, iterator: Any, *default: Any) -> Any:
    if type(iterator) is not Lazy:
        refuse(f"next() of {run.kind(iterator)}")
    run.spend(1)
    return next(iterator, *default)


def _any(run: Runtime, values: Any) -> bool:
    for item in run.iterate(values, False):
        run.spend(1)
        if truth(item):
            return True
    return False


def _every(run: Runtime, values: Any) -> bool:
    for item in run.iterate(values, False):
        run.spend(1)
        if not truth(item):
            return False
    return True


def _round(run: Runtime, number: Any, digits: Any = None) -> Any:
    if type(digits) is int and abs(digits) > 300:
        refuse("round() to so many digits")
    return round(number, digits)


def _pow(run: Runtime, base: Any, power: Any, *modulus: Any) -> Any:
    if modulus:
        refuse("pow() with a modulus")
    return binary(run, ast.Pow, base, power)


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of numbers and short texts that is safe as it is."""

    def call(run: Runtime, *values: Any) -> Any:
        if any(type(value) not in ATOMS for value in values):
            raise TypeError(f"{function.__name__}() got a wrong kind of argument")
        return run.kept(function(*values))

    return call


def _is_instance(run: Runtime, value: Any, kinds: Any) -> bool:
    wanted = kinds if type(kinds) is tuple else (kinds,)
    if any(kind not in TYPES.values() and kind not in EXCEPTIONS.values() for kind in wanted):
        refuse("isinstance() of anything but built-in types")
    return isinstance(value, wanted)


def _type(run: Runtime, value: Any) -> type:
    if (
        type(value) not in ATOMS
        and type(value) not in CONTAINERS
        and not isinstance(value, Exception)
        and type(value) is not range
    ):
        refuse(f"type() of {run.kind(value)}")
    return type(value)


def _format(run: Runtime, value: Any, spec: Any = "") -> str:
    return run.formatted(value, spec)


def _iter(run: Runtime, value: Any) -> Lazy:
    return Lazy(run.iterate(value), value)


BUILTINS: dict[str, Any] = {
    "print": Builtin("print", _print, "sep end flush"), "open": Builtin("open", _open, "mode encoding"),
    "len": Builtin("len", _len), "sum": Builtin("sum", _sum, "start"), "min": Builtin("min", _extreme(ast.Lt), "key default"),
    "max": Builtin("max", _extreme(ast.Gt), "key default"), "sorted": Builtin("sorted", _sorted, "key reverse"),
    "range": range, "enumerate": Builtin("enumerate", _enumerate, "start"),
    "zip": Builtin("zip", _zip, "strict"),
    "map": Builtin("map", _map), "filter": Builtin("filter", _filter),
    "reversed": Builtin("reversed", _reversed), "next": Builtin("next", _next),
    "any": Builtin("any", _any), "all": Builtin("all", _every), "round": Builtin("round", _round),
    "pow": Builtin("pow", _pow), "isinstance": Builtin("isinstance", _is_instance), "type": Builtin("type", _type),
    "repr": Builtin("repr", lambda run, value: run.repr(value)), "iter": Builtin("iter", _iter),
    "format": Builtin("format", _format),
    **{one.__name__: Builtin(one.__name__, _plain(one)) for one in (abs, ord, chr, hex, bin, oct, divmod)},
    **TYPES, **EXCEPTIONS, "IOError": OSError, "__name__": "__main__",
}  # fmt: skip


def make(run: Runtime, kind: type, given: list[Any], named: dict[str, Any]) -> Any:
    """A built-in type called: int(...), list(...), dict(...)."""
    if kind is range:
        return range(*given, **named)
    if kind is dict:
        pairs = given[0] if given else {}
        if len(given) > 1:
            raise TypeError("dict expected at most 1 argument")
        rows = pairs if type(pairs) is dict else [tuple(run.listed(row)) for row in run.listed(pairs)]
        run.weigh(rows)
        return run.kept(dict(rows, **named))
    if named and kind is not int:
        refuse(f"keywords of {kind.__name__}()")
    if kind in (list, tuple, set):
        items = run.listed(given[0], kind is not set) if given else []
        if len(given) > 1:
            raise TypeError(f"{kind.__name__} expected at most 1 argument")
        if kind is set:
            run.weigh(items)
        return kind(items)
    if kind is str:
        if len(given) > 1:
            refuse("str() with an encoding")
        return run.text(given[0]) if given else ""
    if kind is bool and len(given) == 1:
        return truth(given[0])
    if any(type(value) not in ATOMS for value in given):
        raise TypeError(f"{kind.__name__}() argument must be a string or a real number")
    return run.kept(kind(*given, **named))


def _dumps(run: Runtime, value: Any, indent: Any = None, sort_keys: Any = False, ensure_ascii: Any = True) -> str:
    run.weigh(value)
    if indent is not None and (type(indent) is not int or not 0 <= indent <= 8):
        refuse("such an indent")
    return run.kept(json.dumps(value, indent=indent, sort_keys=bool(sort_keys), ensure_ascii=bool(ensure_ascii)))  # type: ignore[no-any-return]


def _loads(run: Runtime, text: Any) -> Any:
    if type(text) is not str:
        raise TypeError(f"the JSON object must be str, bytes or bytearray, not {type(text).__name__}")
    run.spend(len(text) // 4)
    value = json.loads(text)
    run.weigh(value)
    return value


def _load(run: Runtime, file: Any) -> Any:
    return _loads(run, file.take() if type(file) is File else refuse("json.load() of anything but a file"))


def _dump(run: Runtime, value: Any, file: Any, **named: Any) -> None:
    text = _dumps(run, value, **named)
    (file if type(file) is File else refuse("json.dump() to anything but a file")).write(text)


def _factorial(run: Runtime, number: Any) -> int:
    if type(number) is int and number > 1000:
        refuse("factorials beyond 1000")
    return math.factorial(number)


def _comb(run: Runtime, total: Any, chosen: Any) -> int:
    if type(total) is not int or type(chosen) is not int or total > 2000:
        refuse("math.comb() beyond 2000")
    return math.comb(total, chosen)


def _prod(run: Runtime, values: Any) -> Any:
    result: Any = 1
    for item in run.listed(values):
        result = binary(run, ast.Mult, result, item)
    return result


_NUMERIC = (
    math.sqrt, math.floor, math.ceil, math.log, math.log2, math.log10, math.exp, math.sin, math.cos, math.tan, math.atan,
    math.fabs, math.pow, math.gcd, math.hypot, math.trunc, math.isnan, math.isinf, math.isqrt, math.degrees, math.radians,
)  # fmt: skip
DUMP = "indent sort_keys ensure_ascii"
MODULES: dict[str, Module] = {
    "json": Module("json", {
        "loads": Builtin("loads", _loads), "load": Builtin("load", _load), "dumps": Builtin("dumps", _dumps, DUMP),
        "dump": Builtin("dump", _dump, DUMP), "JSONDecodeError": json.JSONDecodeError,
    }),
    "math": Module("math", {
        "pi": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan, "tau": math.tau,
        "factorial": Builtin("factorial", _factorial), "comb": Builtin("comb", _comb), "prod": Builtin("prod", _prod),
        **{function.__name__: Builtin(function.__name__, _plain(function)) for function in _NUMERIC},
    }),
}  # fmt: skip
