"""Expressions of a program as closures: each node is compiled once and then called with the scope it runs in."""

import ast
import builtins
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

from offswitch.world.code.library import BUILTINS, EXCEPTIONS, make
from offswitch.world.code.methods import call_method, method
from offswitch.world.code.operators import binary, compare, truth, unary
from offswitch.world.code.runtime import ATOMS, MAX_FRAMES, TYPES, Builtin, Lazy, Method, Module, Runtime, Scope, refuse

Eval = Callable[[Scope], Any]
Store = Callable[[Scope, Any], None]
MAX_DEPTH = 50
NOUNS = {
    "ClassDef": "classes", "Yield": "generators", "YieldFrom": "generators", "Await": "async", "AsyncFunctionDef": "async",
    "AsyncFor": "async", "AsyncWith": "async", "Match": "match", "NamedExpr": "walrus (:=)", "Set": "such sets",
    "TryStar": "except*",
}  # fmt: skip


class Function:
    """A function of the program. `run` executes its body in a scope that holds the parameters."""

    __slots__ = ("args", "defaults", "depth", "keyword_defaults", "locals", "name", "run", "scope")

    def __init__(self, name: str, args: ast.arguments, run: Eval, scope: Scope) -> None:
        self.name, self.args, self.run, self.scope = name, args, run, scope
        self.defaults: list[Any] = []
        self.keyword_defaults: dict[str, Any] = {}
        self.locals: frozenset[str] = frozenset()
        self.depth = 0

    def bind(self, given: list[Any], named: dict[str, Any]) -> Scope:
        """Parameters to values. Raises `TypeError` as Python does."""
        scope = Scope(self.locals, self.scope)
        names = [arg.arg for arg in self.args.args]
        values, rest = scope.vars, dict(named)
        values.update(zip(names, given, strict=False))
        if len(given) > len(names) and self.args.vararg is None:
            raise TypeError(f"{self.name}() takes {len(names)} positional arguments but {len(given)} were given")
        if self.args.vararg is not None:
            values[self.args.vararg.arg] = tuple(given[len(names) :])
        for name in [*names, *(arg.arg for arg in self.args.kwonlyargs)]:
            if name in rest:
                if name in values:
                    raise TypeError(f"{self.name}() got multiple values for argument {name!r}")
                values[name] = rest.pop(name)
        last = names[len(names) - len(self.defaults) :]
        for name, value in (*zip(last, self.defaults, strict=True), *self.keyword_defaults.items()):
            values.setdefault(name, value)
        if self.args.kwarg is not None:
            values[self.args.kwarg.arg] = rest
        elif rest:
            raise TypeError(f"{self.name}() got an unexpected keyword argument {next(iter(rest))!r}")
        for name in [*names, *(arg.arg for arg in self.args.kwonlyargs)]:
            if name not in values:
                raise TypeError(f"{self.name}() missing a required argument: {name!r}")
        return scope


class Expressions(ABC):
    """Compiles expressions; `Program` adds statements."""

    def __init__(self, run: Runtime) -> None:
        self.run = run
        run.call = self.call
        self.depth = self.deepest = 0
        self.globals: frozenset[str] = frozenset()
        self.nonlocals: frozenset[str] = frozenset()

    def expr(self, node: ast.AST) -> Eval:
        compiled = getattr(self, f"on_{type(node).__name__}", None)
        if compiled is None:
            refuse(NOUNS.get(type(node).__name__, type(node).__name__))
        self.depth += 1
        self.deepest = max(self.deepest, self.depth)
        if self.depth > MAX_DEPTH:
            refuse(f"nesting deeper than {MAX_DEPTH}")
        done: Eval = compiled(node)
        self.depth -= 1
        return done

    def on_Constant(self, node: ast.Constant) -> Eval:
        value = node.value
        if type(value) not in ATOMS:
            refuse(f"constants such as {str(value)[:20]}")
        self.run.kept(value)
        return lambda scope: value

    def on_Name(self, node: ast.Name) -> Eval:
        name, module = node.id, self.run.module

        def load(scope: Scope | None) -> Any:
            while scope is not None:
                if name in scope.vars:
                    return scope.vars[name]
                if name in scope.locals:
                    raise UnboundLocalError(f"cannot access local variable {name!r} where it is not associated with a value")
                scope = scope.parent
            if name in BUILTINS:
                return BUILTINS[name]
            if hasattr(builtins, name) or name.startswith("__"):
                refuse(name)
            raise NameError(f"name {name!r} is not defined")

        return (lambda scope: load(module)) if name in self.globals else load

    def on_JoinedStr(self, node: ast.JoinedStr) -> Eval:
        parts = [self.expr(part) for part in node.values]
        return lambda scope: self.run.kept("".join([part(scope) for part in parts]))

    def on_FormattedValue(self, node: ast.FormattedValue) -> Eval:
        value, run = self.expr(node.value), self.run
        spec = self.expr(node.format_spec) if node.format_spec else None
        how = node.conversion
        if how == 97:
            refuse("!a in f-strings")

        def show(scope: Scope) -> str:
            found = value(scope)
            found = run.repr(found) if how == 114 else run.text(found) if how == 115 else found
            return run.formatted(found, spec(scope) if spec else "")

        return show

    def on_BinOp(self, node: ast.BinOp) -> Eval:
        left, right, kind, run = self.expr(node.left), self.expr(node.right), type(node.op), self.run
        return lambda scope: binary(run, kind, left(scope), right(scope))

    def on_UnaryOp(self, node: ast.UnaryOp) -> Eval:
        value, kind = self.expr(node.operand), type(node.op)
        return lambda scope: unary(self.run, kind, value(scope))

    def on_BoolOp(self, node: ast.BoolOp) -> Eval:
        values, stop = [self.expr(value) for value in node.values], isinstance(node.op, ast.Or)

        def decide(scope: Scope) -> Any:
            for value in values:
                found = value(scope)
                if truth(found) == stop:
                    break
            return found

        return decide

    def on_Compare(self, node: ast.Compare) -> Eval:
        first, rest = self.expr(node.left), [self.expr(other) for other in node.comparators]
        kinds = [type(op) for op in node.ops]

        def chain(scope: Scope) -> bool:
            left = first(scope)
            for kind, other in zip(kinds, rest, strict=True):
                right = other(scope)
                if not compare(self.run, kind, left, right):
                    return False
                left = right
            return True

        return chain

    def on_IfExp(self, node: ast.IfExp) -> Eval:
        test, then, other = self.expr(node.test), self.expr(node.body), self.expr(node.orelse)
        return lambda scope: then(scope) if truth(test(scope)) else other(scope)

    def items(self, nodes: list[ast.expr]) -> Callable[[Scope], list[Any]]:
        """Values of a display or call, with stars opened."""
        parts = [(isinstance(n, ast.Starred), self.expr(n.value if isinstance(n, ast.Starred) else n)) for n in nodes]

        def collect(scope: Scope) -> list[Any]:
            found: list[Any] = []
            for starred, part in parts:
                if starred:
                    found += self.run.listed(part(scope))
                else:
                    found.append(part(scope))
            self.run.spend(len(found))
            return found

        return collect

    def on_List(self, node: ast.List) -> Eval:
        return self.items(node.elts)

    def on_Tuple(self, node: ast.Tuple) -> Eval:
        items = self.items(node.elts)
        return lambda scope: tuple(items(scope))

    def on_Set(self, node: ast.Set) -> Eval:
        items = self.items(node.elts)
        return lambda scope: make(self.run, set, [items(scope)], {})

    def on_Dict(self, node: ast.Dict) -> Eval:
        if None in node.keys:
            refuse("** in a dict")
        pairs = [(self.expr(k), self.expr(v)) for k, v in zip(node.keys, node.values, strict=True) if k is not None]

        def build(scope: Scope) -> dict[Any, Any]:
            found: dict[Any, Any] = {}
            for key, value in pairs:
                name = key(scope)
                self.run.weigh(name)
                found[name] = value(scope)
            return found

        return build

    def on_Lambda(self, node: ast.Lambda) -> Eval:
        return self.function("<lambda>", node.args, lambda: self.expr(node.body), frozenset())

    def function(self, name: str, args: ast.arguments, body: Callable[[], Eval], names: frozenset[str]) -> Eval:
        """Compile a function; its depth bounds how many frames one call of it can stack up."""
        if args.posonlyargs:
            refuse("positional-only parameters")
        defaults = [self.expr(one) for one in args.defaults]
        keyword_defaults = [
            (arg.arg, self.expr(one)) for arg, one in zip(args.kwonlyargs, args.kw_defaults, strict=True) if one
        ]
        kept = self.depth, self.deepest, self.globals, self.nonlocals
        self.depth = self.deepest = 0
        self.globals = self.nonlocals = frozenset()
        run, depth = body(), self.deepest
        self.depth, self.deepest, self.globals, self.nonlocals = kept
        extra = [arg for arg in (args.vararg, args.kwarg) if arg is not None]
        own = names | {arg.arg for arg in (*args.args, *args.kwonlyargs, *extra)}

        def define(scope: Scope) -> Function:
            made = Function(name, args, run, scope)
            made.defaults = [one(scope) for one in defaults]
            made.keyword_defaults = {key: one(scope) for key, one in keyword_defaults}
            made.locals, made.depth = own, depth
            return made

        return define

    def on_Call(self, node: ast.Call) -> Eval:
        target, items = self.expr(node.func), self.items(node.args)
        if any(keyword.arg is None for keyword in node.keywords):
            refuse("** in a call")
        named = [(keyword.arg or "", self.expr(keyword.value)) for keyword in node.keywords]

        def call(scope: Scope) -> Any:
            found = target(scope)
            return self.call(found, items(scope), {name: value(scope) for name, value in named})

        return call

    def call(self, target: Any, given: list[Any], named: dict[str, Any]) -> Any:
        """Call anything callable. Raises what Python raises."""
        run, kind = self.run, type(target)
        run.spend(2)
        if kind is Builtin:
            if set(named) - target.keywords:
                refuse(f"argument {sorted(set(named) - target.keywords)[0]} of {target.name}()")
            return target.run(run, *given, **named)
        if kind is Method:
            return call_method(run, target, given, named)
        if kind is Function:
            scope = target.bind(given, named)
            run.frames += target.depth + 5
            if run.frames > MAX_FRAMES:
                refuse("recursion as deep as this")
            found = target.run(scope)
            run.frames -= target.depth + 5
            return found
        if target in TYPES.values() if isinstance(target, type) else False:
            return make(run, target, given, named)
        if isinstance(target, type) and target in EXCEPTIONS.values():
            if named:
                refuse("keywords of exceptions")
            return target(*given)
        if isinstance(target, type):
            refuse(f"calls of {target.__name__}")
        raise TypeError(f"{kind.__name__!r} object is not callable")

    def on_Attribute(self, node: ast.Attribute) -> Eval:
        value, name, run = self.expr(node.value), node.attr, self.run

        def read(scope: Scope) -> Any:
            found = value(scope)
            if type(found) is Module:
                return found.members[name] if name in found.members else refuse(f"{found.name}.{name}")
            if name == "__name__" and (found in TYPES.values() if isinstance(found, type) else False):
                return found.__name__
            if name == "__name__" and isinstance(found, type) and issubclass(found, Exception):
                return found.__name__
            if name == "args" and isinstance(found, Exception):
                return found.args
            return method(run, found, name)

        return read

    def on_Subscript(self, node: ast.Subscript) -> Eval:
        value, index, run = self.expr(node.value), self.expr(node.slice), self.run

        def read(scope: Scope) -> Any:
            found, at = value(scope), index(scope)
            if type(found) not in (list, tuple, str, dict, range):
                if isinstance(found, type):
                    refuse("types with [ ]")
                raise TypeError(f"{type(found).__name__!r} object is not subscriptable")
            if type(found) is dict:
                run.weigh(at)
            return run.kept(found[at]) if type(at) is slice else found[at]

        return read

    def on_Slice(self, node: ast.Slice) -> Eval:
        parts = [self.expr(part) if part else (lambda scope: None) for part in (node.lower, node.upper, node.step)]
        return lambda scope: slice(*[part(scope) for part in parts])

    def comprehension(self, generators: list[ast.comprehension], element: Callable[[], Eval]) -> Callable[[Scope], Lazy]:
        """One shape for all four kinds: an iterator of elements in a scope of their own."""
        first = self.expr(generators[0].iter)
        names = {n.id for g in generators for n in ast.walk(g.target) if isinstance(n, ast.Name)}
        kept = self.globals, self.nonlocals
        self.globals, self.nonlocals = self.globals - names, frozenset()
        if any(one.is_async for one in generators):
            refuse("async")
        sources = [None, *(self.expr(one.iter) for one in generators[1:])]
        levels = [
            (source, self.store(one.target), [self.expr(test) for test in one.ifs])
            for source, one in zip(sources, generators, strict=True)
        ]
        value = element()
        self.globals, self.nonlocals = kept
        own = frozenset(names)

        def steps(scope: Scope, start: Iterator[Any] | None, level: int) -> Iterator[Any]:
            if level == len(levels):
                yield value(scope)
                return
            source, store, tests = levels[level]
            for item in start if source is None or start is not None else self.run.iterate(source(scope)):  # type: ignore[union-attr]
                self.run.spend(2)
                store(scope, item)
                if all(truth(test(scope)) for test in tests):
                    yield from steps(scope, None, level + 1)

        def begin(scope: Scope) -> Lazy:
            source = first(scope)
            return Lazy(steps(Scope(own, scope), self.run.iterate(source), 0), source)

        return begin

    def on_GeneratorExp(self, node: ast.GeneratorExp) -> Eval:
        return self.comprehension(node.generators, lambda: self.expr(node.elt))

    def on_ListComp(self, node: ast.ListComp) -> Eval:
        steps = self.comprehension(node.generators, lambda: self.expr(node.elt))
        return lambda scope: list(steps(scope))

    def on_SetComp(self, node: ast.SetComp) -> Eval:
        steps = self.comprehension(node.generators, lambda: self.expr(node.elt))
        return lambda scope: make(self.run, set, [list(steps(scope))], {})

    def on_DictComp(self, node: ast.DictComp) -> Eval:
        pair = ast.Tuple(elts=[node.key, node.value], ctx=ast.Load())
        steps = self.comprehension(node.generators, lambda: self.expr(pair))
        return lambda scope: make(self.run, dict, [list(steps(scope))], {})

    @abstractmethod
    def store(self, node: ast.expr) -> Store:
        """What puts a value into a target, which is a statement's part."""
