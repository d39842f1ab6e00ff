"""Operators on plain values, each checked before it could make something huge."""

import ast
import operator
from typing import Any

from offswitch.world.code.machine import MAX_TEXT
from offswitch.world.code.runtime import ATOMS, CONTAINERS, MAX_BITS, NUMBERS, Lazy, Runtime, refuse

BINARY: dict[type, Any] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow, ast.LShift: operator.lshift,
    ast.RShift: operator.rshift, ast.BitAnd: operator.and_, ast.BitOr: operator.or_, ast.BitXor: operator.xor,
}  # fmt: skip
IN_PLACE: dict[type, Any] = {
    ast.Add: operator.iadd, ast.Mult: operator.imul, ast.BitOr: operator.ior, ast.BitAnd: operator.iand,
    ast.Sub: operator.isub, ast.BitXor: operator.ixor,
}  # fmt: skip
COMPARE: dict[type, Any] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}  # fmt: skip
UNARY: dict[type, Any] = {ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Not: operator.not_, ast.Invert: operator.invert}


def binary(run: Runtime, kind: type, left: Any, right: Any, in_place: bool = False) -> Any:
    """left op right. Raises what Python raises; refuses results beyond the limits."""
    one, two = type(left), type(right)
    run.meter.spend(1)
    if one is int and two is int:
        if kind is ast.Mult and left.bit_length() + right.bit_length() > MAX_BITS:
            refuse(f"integers of more than {MAX_BITS} bits")
        if kind is ast.Pow and right > 0 and abs(left) > 1 and left.bit_length() * right > MAX_BITS:
            refuse(f"integers of more than {MAX_BITS} bits")
        if kind is ast.LShift and right > 0 and left.bit_length() + right > MAX_BITS:
            refuse(f"integers of more than {MAX_BITS} bits")
    elif one is str and kind is ast.Mod:
        return run.percent(left, right)
    elif kind is ast.Mult and (one in CONTAINERS or two in CONTAINERS or one is str or two is str):
        size, times = (left, right) if two in (int, bool) else (right, left)
        if type(times) in (int, bool) and hasattr(size, "__len__") and len(size) * times > MAX_TEXT:
            refuse(f"strings and lists longer than {MAX_TEXT}")
    elif one in CONTAINERS or one is str:
        run.meter.spend((len(left) + (len(right) if two in CONTAINERS or two is str else 0)) // 8)
        if one in (set, dict):
            run.weigh(left, right)
    elif one not in ATOMS or (two not in ATOMS and two not in CONTAINERS):
        names = {cls.__name__ for cls in (one, two)}
        refuse(f"{kind.__name__} between {' and '.join(sorted(names))}")
    if in_place and one in CONTAINERS and kind in IN_PLACE:
        if one is list and kind is ast.Add:
            right = run.listed(right)
        return run.kept(IN_PLACE[kind](left, right))
    return run.kept(BINARY[kind](left, right))


def unary(run: Runtime, kind: type, value: Any) -> Any:
    if kind is ast.Not:
        return not truth(value)
    if type(value) not in ATOMS and type(value) not in CONTAINERS:
        refuse(f"{kind.__name__} of {run.kind(value)}")
    return UNARY[kind](value)


def truth(value: Any) -> bool:
    return bool(value)


def compare(run: Runtime, kind: type, left: Any, right: Any) -> bool:
    run.meter.spend(1)
    if kind in (ast.In, ast.NotIn):
        return contains(run, right, left) == (kind is ast.In)
    if kind in (ast.Is, ast.IsNot):
        plain = (type(None), bool)
        if type(left) not in plain and type(right) not in plain and (type(left) in ATOMS or type(left) is tuple):
            refuse("'is' between numbers, texts or tuples; use ==")
        return (left is right) == (kind is ast.Is)
    if type(left) not in NUMBERS or type(right) not in NUMBERS:
        run.weigh(left, right)
    return bool(COMPARE[kind](left, right))


def contains(run: Runtime, where: Any, item: Any) -> bool:
    kind = type(where)
    if kind is Lazy:
        return any(one is item or compare(run, ast.Eq, one, item) for one in where)
    if kind is str:
        run.meter.spend(len(where) // 50)
        return bool(operator.contains(where, item))
    if kind is range:
        if type(item) not in (int, bool) and len(where) > 1000:
            refuse("search of a long range for anything but an integer")
        return item in where
    if kind in (list, tuple):
        run.weigh(where, item)
        return item in where
    if kind in (dict, set):
        run.weigh(item)
        return item in where
    return any(one is item or compare(run, ast.Eq, one, item) for one in run.iterate(where))
