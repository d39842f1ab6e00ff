"""Statements of a program as closures; each gives None, or the reason to leave its block."""

import ast
from collections.abc import Callable
from typing import Any, NamedTuple

from offswitch.world.code.expression import Eval, Expressions, Store
from offswitch.world.code.library import EXCEPTIONS, MODULES
from offswitch.world.code.names import Names
from offswitch.world.code.operators import binary, truth
from offswitch.world.code.runtime import TYPES, File, Scope, refuse
from offswitch.world.tool import ToolError


class Leave(NamedTuple):
    """Why a block ended early: break, continue or return."""

    how: str
    value: Any = None


Run = Callable[[Scope], Leave | None]
BREAK, CONTINUE = Leave("break"), Leave("continue")


class Program(Expressions):
    """Compiles statements and what is in them."""

    def block(self, nodes: list[ast.stmt]) -> Run:
        steps = [(node.lineno, self.expr(node)) for node in nodes]
        run = self.run

        def go(scope: Scope) -> Leave | None:
            for line, step in steps:
                run.line = line
                run.meter.spend(1)
                left: Leave | None = step(scope)
                if left is not None:
                    return left
            return None

        return go

    def on_Expr(self, node: ast.Expr) -> Run:
        value = self.expr(node.value)

        def go(scope: Scope) -> None:
            value(scope)

        return go

    def on_Pass(self, node: ast.Pass) -> Run:
        return lambda scope: None

    def on_Break(self, node: ast.Break) -> Run:
        return lambda scope: BREAK

    def on_Continue(self, node: ast.Continue) -> Run:
        return lambda scope: CONTINUE

    def on_Assign(self, node: ast.Assign) -> Run:
        value, targets = self.expr(node.value), [self.store(target) for target in node.targets]

        def go(scope: Scope) -> None:
            found = value(scope)
            for target in targets:
                target(scope, found)

        return go

    def on_AnnAssign(self, node: ast.AnnAssign) -> Run:
        self.annotation(node.annotation)
        if node.value is None:
            return lambda scope: None
        return self.on_Assign(ast.Assign(targets=[node.target], value=node.value))

    def annotation(self, node: ast.expr | None) -> None:
        """Types are not checked and not kept, so they must be ones that could not fail."""
        for part in ast.walk(node) if node is not None else ():
            fine = isinstance(part, ast.Name) and part.id in TYPES
            fine = fine or (isinstance(part, ast.Constant) and part.value is None)
            if not fine and not isinstance(part, ast.Subscript | ast.Tuple | ast.BinOp | ast.BitOr | ast.Load):
                refuse("annotations but of built-in types")

    def on_AugAssign(self, node: ast.AugAssign) -> Run:
        kind, run, value = type(node.op), self.run, self.expr(node.value)
        if isinstance(node.target, ast.Name):
            load, store = self.on_Name(ast.Name(node.target.id, ast.Load())), self.store(node.target)

            def go(scope: Scope) -> None:
                found = load(scope)
                store(scope, binary(run, kind, found, value(scope), in_place=True))

            return go
        if not isinstance(node.target, ast.Subscript) or isinstance(node.target.slice, ast.Slice):
            refuse("such an augmented assignment")
        holder, index = self.expr(node.target.value), self.expr(node.target.slice)

        def put(scope: Scope) -> None:
            found, at = holder(scope), index(scope)
            if type(found) not in (list, dict):
                refuse(f"assignment into {run.kind(found)}")
            run.weigh(at)
            old = found[at]
            found[at] = binary(run, kind, old, value(scope), in_place=True)

        return put

    def store(self, node: ast.expr) -> Store:
        if isinstance(node, ast.Name):
            return self.store_name(node.id)
        if isinstance(node, ast.Tuple | ast.List):
            return self.unpack(node.elts)
        if not isinstance(node, ast.Subscript):
            refuse(f"assignment to {type(node).__name__}")
        holder, index, run = self.expr(node.value), self.expr(node.slice), self.run

        def put(scope: Scope, value: Any) -> None:
            found, at = holder(scope), index(scope)
            if type(found) not in (list, dict):
                raise TypeError(f"{type(found).__name__!r} object does not support item assignment")
            if type(at) is slice:
                value = run.listed(value)
            else:
                run.weigh(at)
            found[at] = value
            run.kept(found) if type(at) is slice else None

        return put

    def store_name(self, name: str) -> Store:
        module = self.run.module

        def put(scope: Scope, value: Any) -> None:
            scope.vars[name] = value

        def put_module(scope: Scope, value: Any) -> None:
            module.vars[name] = value

        def put_outer(scope: Scope, value: Any) -> None:
            outer = scope.parent
            while outer is not None and name not in outer.locals:
                outer = outer.parent
            (outer or refuse("nonlocal there")).vars[name] = value

        return put_module if name in self.globals else put_outer if name in self.nonlocals else put

    def unpack(self, nodes: list[ast.expr]) -> Store:
        stars = [at for at, node in enumerate(nodes) if isinstance(node, ast.Starred)]
        stores = [self.store(node.value if isinstance(node, ast.Starred) else node) for node in nodes]
        run = self.run

        def put(scope: Scope, value: Any) -> None:
            found = run.listed(value)
            if stars:
                tail = len(nodes) - stars[0] - 1
                if len(found) < len(nodes) - 1:
                    raise ValueError(f"not enough values to unpack (expected at least {len(nodes) - 1}, got {len(found)})")
                middle = found[stars[0] : len(found) - tail]
                found = [*found[: stars[0]], middle, *found[len(found) - tail :]]
            elif len(found) > len(nodes):
                raise ValueError(f"too many values to unpack (expected {len(nodes)})")
            elif len(found) < len(nodes):
                raise ValueError(f"not enough values to unpack (expected {len(nodes)}, got {len(found)})")
            for target, item in zip(stores, found, strict=True):
                target(scope, item)

        return put

    def on_Delete(self, node: ast.Delete) -> Run:
        if any(not isinstance(target, ast.Subscript) for target in node.targets):
            refuse("del but of items")
        pairs = [(self.expr(t.value), self.expr(t.slice)) for t in node.targets if isinstance(t, ast.Subscript)]

        def go(scope: Scope) -> None:
            for holder, index in pairs:
                found, at = holder(scope), index(scope)
                if type(found) not in (list, dict):
                    raise TypeError(f"{type(found).__name__!r} object doesn't support item deletion")
                self.run.weigh(at)
                del found[at]

        return go

    def on_If(self, node: ast.If) -> Run:
        test, then, other = self.expr(node.test), self.block(node.body), self.block(node.orelse)
        return lambda scope: then(scope) if truth(test(scope)) else other(scope)

    def on_While(self, node: ast.While) -> Run:
        test, body, other, run = self.expr(node.test), self.block(node.body), self.block(node.orelse), self.run

        def go(scope: Scope) -> Leave | None:
            while truth(test(scope)):
                run.meter.spend(1)
                left = body(scope)
                if left is BREAK:
                    return None
                if left is not None and left is not CONTINUE:
                    return left
            return other(scope)

        return go

    def on_For(self, node: ast.For) -> Run:
        source, target = self.expr(node.iter), self.store(node.target)
        body, other, run = self.block(node.body), self.block(node.orelse), self.run

        def go(scope: Scope) -> Leave | None:
            for item in run.iterate(source(scope)):
                run.meter.spend(1)
                target(scope, item)
                left = body(scope)
                if left is BREAK:
                    return None
                if left is not None and left is not CONTINUE:
                    return left
            return other(scope)

        return go

    def on_FunctionDef(self, node: ast.FunctionDef) -> Run:
        if node.decorator_list:
            refuse("decorators")
        given = node.args
        for arg in (*given.args, *given.kwonlyargs, given.vararg, given.kwarg):
            self.annotation(arg.annotation if arg is not None else None)
        self.annotation(node.returns)
        names = Names(node.body)

        def body() -> Eval:
            self.globals, self.nonlocals = frozenset(names.globals), frozenset(names.nonlocals)
            block = self.block(node.body)

            def go(scope: Scope) -> Any:
                left = block(scope)
                return left.value if left is not None else None

            return go

        own = frozenset(names.stored - names.globals - names.nonlocals)
        define, put = self.function(node.name, node.args, body, own), self.store_name(node.name)
        return lambda scope: put(scope, define(scope))

    def on_Return(self, node: ast.Return) -> Run:
        value = self.expr(node.value) if node.value is not None else (lambda scope: None)
        return lambda scope: Leave("return", value(scope))

    def on_Global(self, node: ast.Global) -> Run:
        return lambda scope: None

    on_Nonlocal = on_Global

    def on_Import(self, node: ast.Import) -> Run:
        for alias in node.names:
            if alias.name not in MODULES:
                refuse(f"module {alias.name}; it has: {', '.join(MODULES)}")
        puts = [(self.store_name(alias.asname or alias.name), MODULES[alias.name]) for alias in node.names]
        return self.put_all(puts)

    def on_ImportFrom(self, node: ast.ImportFrom) -> Run:
        module = MODULES.get(node.module or "") if not node.level else None
        if module is None:
            refuse(f"module {node.module}; it has: {', '.join(MODULES)}")
        for alias in node.names:
            if alias.name not in module.members:
                refuse(f"{module.name}.{alias.name}")
        return self.put_all([(self.store_name(one.asname or one.name), module.members[one.name]) for one in node.names])

    def put_all(self, puts: list[tuple[Store, Any]]) -> Run:
        def go(scope: Scope) -> None:
            for put, value in puts:
                put(scope, value)

        return go

    def on_Assert(self, node: ast.Assert) -> Run:
        test, message = self.expr(node.test), self.expr(node.msg) if node.msg else None

        def go(scope: Scope) -> None:
            if not truth(test(scope)):
                raise AssertionError(*([message(scope)] if message else []))

        return go

    def on_Raise(self, node: ast.Raise) -> Run:
        if node.exc is None or node.cause is not None:
            refuse("raise without an exception, or from another")
        value = self.expr(node.exc)

        def go(scope: Scope) -> None:
            found = value(scope)
            if isinstance(found, type) and found in EXCEPTIONS.values():
                raise found()
            if not isinstance(found, Exception):
                raise TypeError("exceptions must derive from BaseException")
            raise found

        return go

    def on_With(self, node: ast.With) -> Run:
        if len(node.items) != 1:
            refuse("with of several files")
        value, body, name = self.expr(node.items[0].context_expr), self.block(node.body), node.items[0].optional_vars
        target = self.store(name) if name is not None else None

        def go(scope: Scope) -> Leave | None:
            file = value(scope)
            if type(file) is not File:
                refuse("with of anything but open()")
            if target is not None:
                target(scope, file)
            try:
                return body(scope)
            finally:
                file.closed = True

        return go

    def on_Try(self, node: ast.Try) -> Run:
        body, other, final = self.block(node.body), self.block(node.orelse), self.block(node.finalbody)
        handlers = [(self.expr(one.type) if one.type else None, one.name, self.block(one.body)) for one in node.handlers]
        puts = [self.store_name(name) if name else None for _, name, _ in handlers]
        run = self.run

        def guarded(scope: Scope) -> Leave | None:
            frames = run.frames
            try:
                left = body(scope)
            except (ToolError, RecursionError, MemoryError):
                raise
            except Exception as error:
                run.frames = frames
                for (kinds, name, handler), put in zip(handlers, puts, strict=True):
                    if _matches(kinds(scope) if kinds else Exception, error):
                        if put is not None:
                            put(scope, error)
                        left = handler(scope)
                        scope.vars.pop(name or "", None)
                        return left
                raise
            return left if left is not None else other(scope)

        def go(scope: Scope) -> Leave | None:
            frames = run.frames
            try:
                left = guarded(scope)
            except (ToolError, RecursionError, MemoryError):
                raise
            except Exception:
                run.frames = frames
                override = final(scope)
                if override is not None:
                    return override
                raise
            override = final(scope)
            return left if override is None else override

        return go


def _matches(kinds: Any, error: Exception) -> bool:
    wanted = kinds if type(kinds) is tuple else (kinds,)
    if not all(isinstance(kind, type) and issubclass(kind, Exception) for kind in wanted):
        raise TypeError("catching classes that do not inherit from BaseException is not allowed")
    return isinstance(error, wanted)
