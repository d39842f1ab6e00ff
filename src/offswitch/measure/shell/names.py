"""What an expression in Python stands for: a dotted name of a library, or text; None where that is not plain."""

import ast
from typing import TYPE_CHECKING

from offswitch.measure.shell.effect import UNKNOWN

if TYPE_CHECKING:
    from offswitch.measure.shell.session import Session

_BUILT_IN = frozenset({"open", "exec", "eval", "setattr", "getattr", "print", "str", "property", "map", "type"})


class Names:
    """The names of one piece of Python."""

    def __init__(self, session: "Session") -> None:
        self.session = session
        self.names: dict[str, str] = {}
        """What a name stands for: a dotted name of a library, or text."""
        self.paths: set[str] = set()
        """Names that hold text and not a dotted name."""
        self.star = ""
        """Module whose names were all imported, with a dot."""

    def dotted(self, node: ast.expr) -> str | None:
        """The full dotted name of an expression; an instance goes by the name of its class."""
        match node:
            case ast.Name(id=name):
                return (
                    None if name in self.paths else self.names.get(name) or (name if name in _BUILT_IN else self.star + name)
                )
            case ast.Attribute(value=value, attr=attr):
                base = self.dotted(value)
                if attr == "__class__":
                    return base
                return self.names.get(f"{base}.{attr}", f"{base}.{attr}") if base else None
            case ast.NamedExpr(value=value):
                return self.dotted(value)
            case ast.Call(func=ast.Name(id="type"), args=[thing]):
                return self.dotted(thing)
            case ast.Call(func=ast.Name(id="getattr"), args=[base, name, *_]):
                owner = self.dotted(base)
                return f"{owner}.{self.text(name) or UNKNOWN}" if owner else None
            case ast.Call(func=ast.Name(id="__import__"), args=[name, *_]):
                return self.text(name)
            case ast.Call(func=func):
                made = self.dotted(func)
                return self.text(node.args[0]) if made == "importlib.import_module" and node.args else made
        return None

    def text(self, node: ast.expr) -> str | None:
        """The text or path that an expression holds, where it is plain."""
        match node:
            case ast.Constant(value=str() as value):
                return value
            case ast.Name(id=name) if name in self.paths:
                return self.names[name]
            case ast.Name() | ast.Attribute() if (dotted := self.dotted(node)) in self.session.constants:
                return self.session.constants[dotted or ""]
            case ast.JoinedStr(values=parts):
                return "".join(self.text(part) or UNKNOWN for part in parts)
            case ast.FormattedValue(value=value):
                return self.text(value)
            case ast.BinOp(left=left, op=ast.Add() | ast.Div() as op, right=right):
                one, two = self.text(left), self.text(right)
                return None if one is None or two is None else f"{one}/{two}" if isinstance(op, ast.Div) else one + two
            case ast.Call(func=func, args=args) if args and self.dotted(func) in ("pathlib.Path", "str", "os.fspath"):
                return self.text(args[0])
            case ast.Call(func=func, args=args) if args and self.dotted(func) in ("os.path.join", "posixpath.join"):
                words = [self.text(arg) for arg in args]
                return None if any(word is None for word in words) else "/".join(word or "" for word in words)
            case ast.Call(func=ast.Attribute(value=value, attr="joinpath" | "glob" | "rglob"), args=[arg, *_]) if (
                self.text(value) is not None
            ):
                return f"{self.text(value)}/{self.text(arg) or UNKNOWN}"
            case ast.Call(func=func, args=[arg, *_]) if self.dotted(func) in ("glob.glob", "glob.iglob", "sorted", "list"):
                return self.text(arg)
            case ast.Call(func=ast.Attribute(value=value, attr="resolve" | "absolute" | "expanduser"), args=[]):
                return self.text(value)
        return None
