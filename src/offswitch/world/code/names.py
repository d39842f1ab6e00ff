"""Which names a function's body makes its own; Python decides this before the body runs."""

import ast


class Names(ast.NodeVisitor):
    """Names that a function's body binds, and those it declares to be elsewhere; inner functions are their own matter."""

    def __init__(self, body: list[ast.stmt]) -> None:
        self.stored: set[str] = set()
        self.globals: set[str] = set()
        self.nonlocals: set[str] = set()
        for node in body:
            self.visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self.stored.add(node.id)

    def visit_Global(self, node: ast.Global) -> None:
        self.globals.update(node.names)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        self.nonlocals.update(node.names)

    def visit_alias(self, node: ast.alias) -> None:
        self.stored.add(node.asname or node.name)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.stored.add(node.name)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.stored.add(node.name)

    def skip(self, node: ast.AST) -> None:
        """A scope of its own."""

    visit_Lambda = visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = skip
