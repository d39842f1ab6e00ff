"""What a piece of Python does to the world: files, processes, requests, and which names of a library it calls.

Plain cases only: names that are assigned once, constants, paths that are joined from them. The rest stays unknown.
"""

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

from offswitch.measure.shell.effect import MAX_DEPTH, UNKNOWN, Kind
from offswitch.measure.shell.names import Names

if TYPE_CHECKING:
    from offswitch.measure.shell.session import Session

Interpret = Callable[[str, "Session"], str | None]
MAX_BODY = 200_000
_ON_PATH = {
    "unlink": Kind.DELETE, "rmdir": Kind.DELETE, "write_text": Kind.WRITE, "write_bytes": Kind.WRITE, "rename": Kind.MOVE,
    "replace": Kind.MOVE, "chmod": Kind.MODE, "symlink_to": Kind.LINK, "hardlink_to": Kind.LINK, "read_text": Kind.READ,
    "read_bytes": Kind.READ,
}  # fmt: skip
"""Methods of a path."""
_FUNCTIONS = {
    "os.remove": Kind.DELETE, "os.unlink": Kind.DELETE, "os.rmdir": Kind.DELETE, "shutil.rmtree": Kind.DELETE,
    "os.removedirs": Kind.DELETE, "os.chmod": Kind.MODE, "os.chown": Kind.MODE, "os.truncate": Kind.TRUNCATE,
}  # fmt: skip
"""Functions whose first argument is the file."""
_MOVES = frozenset({"os.rename", "os.replace", "shutil.move", "os.renames"})
_COPIES = frozenset({"shutil.copy", "shutil.copy2", "shutil.copyfile", "os.symlink", "os.link", "shutil.copytree"})
_SHELLS = frozenset(
    {"os.system", "os.popen", "subprocess.run", "subprocess.call", "subprocess.Popen", "subprocess.check_call",
     "subprocess.check_output", "subprocess.getoutput", "subprocess.getstatusoutput"}
)  # fmt: skip
_CHANGE_TEXT = frozenset({"replace", "sub", "split", "partition", "splitlines"})
_METHODS = frozenset({"get", "post", "put", "patch", "delete", "request"})


def python_effects(code: str, session: "Session", interpret: Interpret, path: str = "") -> None:
    """Write the effects of some Python into the session. Code that does not parse has none."""
    if session.depth >= MAX_DEPTH or len(code) > MAX_BODY:
        session.cut = True
        return
    try:
        tree = ast.parse(code)
    except (RecursionError, MemoryError):
        session.cut = True
        return
    except (SyntaxError, ValueError):
        return
    session.depth += 1
    body = _Body(session, interpret)
    body.names["__file__"] = path
    for statement in tree.body:
        body.visit(statement)
    body.linked()
    session.depth -= 1


class _Body(Names, ast.NodeVisitor):
    """One pass over one piece of Python, in order; functions are taken as called where they are defined."""

    def __init__(self, session: "Session", interpret: Interpret) -> None:
        super().__init__(session)
        self.interpret = interpret
        self.functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda] = {}
        self.tables: dict[str, list[ast.expr]] = {}
        """Dictionaries that are written out, by name: their values."""
        self.entered: set[ast.AST] = set()
        """Functions that a call is being followed into."""
        self.replaces = False
        """Whether some text was changed on the way."""
        self.first = len(session.effects)

    def linked(self) -> None:
        """A file that was read while another was written is taken as its origin, changed."""
        mine = self.session.effects[self.first :]
        read = [e.target for e in mine if e.kind is Kind.READ]
        for written in [e.target for e in mine if e.kind is Kind.WRITE] if read else []:
            if written not in read:
                self.session.derived(read[0], written, changed=True)

    def add(self, kind: Kind, target: str, node: ast.AST) -> None:
        self.session.add(kind, target, "python", getattr(node, "col_offset", 0), getattr(node, "lineno", 1))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.names[alias.asname or alias.name.split(".")[0]] = alias.name if alias.asname else alias.name.split(".")[0]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            if alias.name == "*":
                self.star = f"{node.module}."
            self.names[alias.asname or alias.name] = f"{node.module}.{alias.name}"

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        base = self.dotted(node.bases[0]) if node.bases else None
        self.names[node.name] = base or node.name
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.functions[node.name] = node
        self.generic_visit(node)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self.bind(node.target, node.value)

    def entering(self, node: ast.Call) -> None:
        """A call of a function that stands here: its body with the arguments in their places."""
        func = node.func
        body = func if isinstance(func, ast.Lambda) else self.functions.get(func.id) if isinstance(func, ast.Name) else None
        if body is None or body in self.entered or not body.args.args or not node.args:
            return
        for name, value in zip(body.args.args, node.args, strict=False):
            self.bind(ast.Name(name.arg), value)
        self.entered.add(body)
        self.generic_visit(body)
        self.entered.discard(body)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self.bind(target, node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)
            self.bind(node.target, node.value)

    def visit_With(self, node: ast.With) -> None:
        for item in node.items:
            self.visit(item.context_expr)
            if item.optional_vars is not None:
                self.bind(item.optional_vars, item.context_expr)
        for statement in node.body:
            self.visit(statement)

    def visit_For(self, node: ast.For) -> None:
        values = node.iter.elts if isinstance(node.iter, ast.List | ast.Tuple) else [node.iter]
        for value in values[:40] or [ast.Constant(None)]:
            if not self.session.spend():
                return
            self.bind(node.target, value)
            for statement in node.body:
                self.visit(statement)
        self.visit(node.iter)

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> None:
        for part in node.generators:
            self.visit(part.iter)
            values = part.iter.elts[:1] if isinstance(part.iter, ast.List | ast.Tuple) else [part.iter]
            for value in values:
                self.bind(part.target, value)
        self.visit(node.elt)

    visit_SetComp = visit_GeneratorExp = visit_ListComp

    def bind(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name) and isinstance(value, ast.Lambda):
            self.functions[target.id] = value
        if isinstance(target, ast.Name) and isinstance(value, ast.Dict):
            self.tables[target.id] = value.values
        if isinstance(target, ast.Name):
            text, dotted = self.text(value), self.dotted(value)
            self.paths.discard(target.id)
            if text is not None:
                self.names[target.id] = text
                self.paths.add(target.id)
            else:
                self.names[target.id] = dotted or target.id
        elif isinstance(target, ast.Attribute):
            name = self.dotted(target)
            if isinstance(target.value, ast.Name) and target.value.id == "self":
                self.names[f"self.{target.attr}"] = self.dotted(value) or f"self.{target.attr}"
            elif name and "." in name:
                self.add(Kind.SET, name, target)
        elif isinstance(target, ast.Subscript) and self.dotted(target.value) == "os.environ":
            self.add(Kind.ENV, f"{self.text(target.slice) or UNKNOWN}={self.text(value) or ''}", target)

    def visit_Call(self, node: ast.Call) -> None:
        if not self.session.spend():
            return
        self.generic_visit(node)
        self.entering(node)
        name = self.dotted(node.func)
        self.replaces |= isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGE_TEXT
        if isinstance(node.func, ast.Attribute) and (place := self.text(node.func.value)) is not None:
            self.on_path(node, node.func.attr, place)
        elif name:
            self.named(node, name)
        for value in self.handed(node, name):
            if (given := self.dotted(value)) and "." in given:
                self.add(Kind.CALL, given.replace("()", ""), node)

    def handed(self, node: ast.Call, name: str | None) -> list[ast.expr]:
        """Functions that are called by way of another one, or out of a dictionary."""
        if name in ("map", "threading.Thread"):
            return [*node.args[:1], *(key.value for key in node.keywords if key.arg == "target")]
        place = node.func.value if isinstance(node.func, ast.Subscript) else None
        return self.tables.get(place.id, []) if isinstance(place, ast.Name) else []

    def on_path(self, node: ast.Call, method: str, place: str) -> None:
        path = self.session.path(place)
        if method == "open":
            self.opened(node, path, node.args[0] if node.args else None)
        elif method in ("write_text", "write_bytes"):
            self.add(Kind.WRITE, path, node)
            self.session.files[path] = (self.text(node.args[0]) if node.args else None) or ""
        elif method in _ON_PATH and (method != "replace" or len(node.args) == 1):
            self.add(_ON_PATH[method], path, node)
            if method in ("rename", "replace") and node.args and (to := self.text(node.args[0])) is not None:
                self.add(Kind.WRITE, self.session.path(to), node)

    def named(self, node: ast.Call, name: str) -> None:
        given = [self.text(arg) for arg in node.args]
        first = given[0] if given else None
        if name in ("open", "io.open", "os.open") and first is not None:
            self.opened(node, self.session.path(first), node.args[1] if len(node.args) > 1 else None)
        elif name in _FUNCTIONS and first is not None:
            self.add(_FUNCTIONS[name], self.session.path(first), node)
        elif name in _MOVES | _COPIES and len(given) > 1:
            self.transferred(node, name, given)
        elif name in _SHELLS:
            self.shell(node)
        elif name in ("exec", "eval", "runpy.run_path") and node.args:
            self.executed(node, first)
        elif name in ("os.kill", "os.killpg", "signal.pidfd_send_signal"):
            pid = ast.unparse(node.args[0]) if node.args else ""
            self.add(Kind.KILL, self.session.pids.get(pid, pid), node)
        elif name in ("os.putenv", "os.environ.update", "os.environ.setdefault"):
            self.environment(node, given)
        elif name.startswith("os.exec") or name.startswith("os.spawn") or name == "os.posix_spawn":
            self.replaced(node)
        elif name in ("unittest.mock.patch", "mock.patch") and first is not None:
            self.add(Kind.SET, first, node)
        elif name in ("unittest.mock.patch.object", "mock.patch.object") and len(given) > 1:
            self.add(Kind.SET, f"{self.dotted(node.args[0])}.{given[1] or UNKNOWN}", node)
        elif name in ("fileinput.input", "fileinput.FileInput") and first is not None:
            kind = Kind.EDIT if any(key.arg == "inplace" for key in node.keywords) else Kind.READ
            self.add(kind, self.session.path(first), node)
        elif name == "os.chdir" and first is not None:
            self.session.cwd = self.session.path(first)
        elif name == "setattr" and len(node.args) > 1:
            self.add(Kind.SET, f"{self.dotted(node.args[0])}.{given[1] or UNKNOWN}", node)
        elif name.startswith(("requests.", "httpx.", "urllib.request.")):
            self.request(node, name, given)
        elif "." in name:
            self.add(Kind.CALL, name.replace("()", ""), node)

    def environment(self, node: ast.Call, given: list[str | None]) -> None:
        """Variables that are set for what runs later."""
        pairs = [(key.arg, self.text(key.value)) for key in node.keywords]
        pairs += [(given[0], given[1])] if len(given) > 1 else []
        self.settings(node, [*pairs, *self.mapped(node.args[0] if node.args else None)])

    def mapped(self, value: ast.expr | None) -> list[tuple[str | None, str | None]]:
        """The pairs of a dictionary that is written out."""
        if not isinstance(value, ast.Dict):
            return []
        return [(self.text(k), self.text(v)) for k, v in zip(value.keys, value.values, strict=True) if k is not None]

    def settings(self, node: ast.Call, pairs: list[tuple[str | None, str | None]]) -> None:
        for name, value in pairs:
            self.add(Kind.ENV, f"{name or UNKNOWN}={value or ''}", node)

    def replaced(self, node: ast.Call) -> None:
        """Another program takes this one's place; its words are a list or the arguments after the first."""
        if node.args and isinstance(node.args[-1], ast.List | ast.Tuple):
            self.words(node.args[-1].elts)
        else:
            self.words(node.args[1:])

    def words(self, given: list[ast.expr]) -> None:
        """Run a command whose words are given one by one."""
        words = [self.text(word) or self.dotted(word) or UNKNOWN for word in given]
        line = " ".join(_quoted("python3" if word == "sys.executable" else word) for word in words)
        if line:
            step, line_of = self.session.step, self.session.line
            self.interpret(line, self.session)
            self.session.line, self.session.step = line_of, max(step, self.session.step)

    def transferred(self, node: ast.Call, name: str, given: list[str | None]) -> None:
        source, place = (None if word is None else self.session.path(word) for word in given[:2])
        if name in _MOVES and source is not None:
            self.add(Kind.MOVE, source, node)
        if place is not None:
            self.add(Kind.LINK if name in ("os.symlink", "os.link") else Kind.WRITE, place, node)
            if source is not None:
                self.session.derived(source, place, changed=False)

    def opened(self, node: ast.Call, path: str, mode: ast.expr | None) -> None:
        given = next((key.value for key in node.keywords if key.arg == "mode"), mode)
        word = (self.text(given) if given is not None else "r") or "r"
        kind = (
            Kind.WRITE if set(word) & set("wx") else Kind.APPEND if "a" in word else Kind.EDIT if "+" in word else Kind.READ
        )
        self.add(kind, path, node)
        if kind is not Kind.READ:
            self.session.altered(path)

    def shell(self, node: ast.Call) -> None:
        if not node.args:
            return
        for key in node.keywords:
            self.settings(node, self.mapped(key.value) if key.arg == "env" else [])
        line = self.text(node.args[0])
        if line is None and isinstance(node.args[0], ast.List | ast.Tuple):
            self.words(node.args[0].elts)
        elif line:
            step, line_of = self.session.step, self.session.line
            self.interpret(line, self.session)
            self.session.line = line_of
            self.session.step = max(step, self.session.step)

    def executed(self, node: ast.Call, text: str | None) -> None:
        """Code that is text; or a file that is read and run, perhaps after a change."""
        if text is not None and self.dotted(node.func) != "runpy.run_path":
            python_effects(text, self.session, self.interpret)
            return
        read = [e.target for e in self.session.effects if e.kind is Kind.READ]
        path = self.session.path(text) if text is not None else read[-1] if read else ""
        if path:
            self.session.ran(path, "python", path, changed_copy_of=path if self.replaces else "")

    def request(self, node: ast.Call, name: str, given: list[str | None]) -> None:
        verb = name.rsplit(".", 1)[-1]
        urls = [word for word in given if word and "://" in word]
        method = (given[0] or UNKNOWN) if verb == "request" and given else verb if verb in _METHODS else "GET"
        asked = next((self.text(key.value) for key in node.keywords if key.arg == "method"), None)
        data = any(key.arg in ("data", "json") for key in node.keywords)
        for url in urls:
            self.add(Kind.FETCH, f"{(asked or ('POST' if data and method == 'GET' else method)).upper()} {url}", node)


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"
