"""The plan of the house, held against the disk: which room may look into which, and how large anything may grow."""

import ast
import resource
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "offswitch"

ALL = "spec world scenarios rollout measure organism train card adapters real jobs"
PLAN = {
    "spec": "",
    "world": "",
    "scenarios": "spec world",
    "rollout": "world scenarios",
    "measure": "spec world scenarios rollout",
    "organism": "spec scenarios rollout measure",
    "train": "spec scenarios rollout measure",
    "card": "spec measure",
    "adapters": "spec world scenarios rollout measure organism train card",
    "real": "world scenarios rollout measure adapters",
    "jobs": "spec world scenarios rollout measure organism train card adapters real",
    "cli": ALL,
    "cache": "",
    "document": "",
    "errors": "",
    "__init__": "",
    "__main__": "cli",
}
"""Room or top-level module, and the rooms that it may look into."""
GROUND = {"cache", "document", "errors", "__init__"}
"""The ground floor, open to every room."""
HEAVY = [
    "torch", "transformers", "trl", "inspect_ai", "datasets", "accelerate", "tokenizers", "safetensors", "playwright",
    "aiosmtpd", "mcp", "mcp_types", "starlette", "uvicorn", "agents", "pydantic_ai", "anthropic",
]  # fmt: skip
MAY_BE_HEAVY = {"adapters", "organism", "probe", "real"}
DRAWERS = {"utils", "util", "common", "helpers", "helper", "misc"}
MAX_LINES, MAX_FUNCTION, MAX_PARAMETERS, MAX_DEPTH = 400, 60, 8, 2

FILES = sorted(PACKAGE.rglob("*.py"))
each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Full names of all modules that a file imports, wherever in it, also by `import_module("...")`."""
    names: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            names.update(arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str))
    return names


def rooms_seen(path: Path) -> set[str]:
    """Rooms of ours that a file imports from; the package itself counts as `__init__`."""
    parts = [name.split(".") for name in imported(path)]
    seen = {p[1] if len(p) > 1 and p[1] in PLAN else "__init__" for p in parts if p[0] == "offswitch"}
    return seen - {room_of(path)}


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(parsed(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.arg]:
    given = function.args
    every = [*given.posonlyargs, *given.args, given.vararg, *given.kwonlyargs, given.kwarg]
    return [arg for arg in every if arg is not None and arg.arg not in ("self", "cls")]


def test_every_room_is_in_the_plan() -> None:
    assert {room_of(path) for path in FILES} <= set(PLAN)


@each_file
def test_rooms_look_only_where_the_plan_allows(path: Path) -> None:
    here = room_of(path)
    beyond = rooms_seen(path) - set(PLAN[here].split()) - GROUND
    assert not beyond, f"{here} may not import {beyond}"


@each_file
def test_no_relative_imports(path: Path) -> None:
    assert not [node for node in ast.walk(parsed(path)) if isinstance(node, ast.ImportFrom) and node.level]


@each_file
def test_heavy_guests_stay_in_their_rooms(path: Path) -> None:
    guests = {name.split(".")[0] for name in imported(path)} & set(HEAVY)
    assert not guests or room_of(path) in MAY_BE_HEAVY


def test_adapters_do_not_know_each_other() -> None:
    for path in (PACKAGE / "adapters").rglob("*.py"):
        here = path.relative_to(PACKAGE / "adapters").parts[0].removesuffix(".py")
        there = {name.split(".")[2] for name in imported(path) if name.startswith("offswitch.adapters.")}
        assert there <= {here}, f"adapters/{here} imports {there}"


def test_no_cycle_between_rooms() -> None:
    seen: dict[str, set[str]] = {}
    for path in FILES:
        seen.setdefault(room_of(path), set()).update(rooms_seen(path))
    TopologicalSorter(seen).prepare()


@each_file
def test_file_fits_on_a_desk(path: Path) -> None:
    inside = path.relative_to(PACKAGE)
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES
    assert len(inside.parts) - 1 <= MAX_DEPTH
    assert not DRAWERS & {part.removesuffix(".py") for part in inside.parts}
    assert ast.get_docstring(parsed(path)), "a module says its one idea"


@each_file
def test_functions_are_short_and_annotated(path: Path) -> None:
    for function in functions(path):
        assert function.end_lineno is not None
        assert function.end_lineno - function.lineno < MAX_FUNCTION, f"{function.name} is too long"
        given = parameters(function)
        assert room_of(path) == "cli" or len(given) <= MAX_PARAMETERS, f"{function.name} takes {len(given)} parameters"
        bare = [arg.arg for arg in given if arg.annotation is None]
        assert not bare, f"{function.name}: {bare} not annotated"
        assert function.returns is not None, f"{function.name}: result not annotated"


@each_file
def test_no_error_is_swallowed(path: Path) -> None:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"line {node.lineno}: bare except"
            assert not all(isinstance(line, ast.Pass) for line in node.body), f"line {node.lineno}: except and pass"


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, timeout=60)


GUEST_LIST = f"sorted(set({HEAVY!r}) & set(sys.modules))"


def test_import_is_quick_silent_and_light() -> None:
    code = f"import sys, time; t = time.process_time(); import offswitch; print(time.process_time() - t, {GUEST_LIST})"
    done = [python(code) for _ in range(5)]
    assert all(run.stderr == "" and run.stdout.count("\n") == 1 for run in done)
    assert {run.stdout.split(maxsplit=1)[1].strip() for run in done} == {"[]"}
    assert min(float(run.stdout.split()[0]) for run in done) < 0.3


def test_help_is_quick_and_light() -> None:
    if find_spec("offswitch.cli") is None:
        pytest.skip("there is no command line yet")
    call = "try: main()\nexcept SystemExit as end: assert not end.code, end.code\n"
    code = f"import sys\nfrom offswitch.cli import main\n{call}print({GUEST_LIST}, file=sys.stderr)"
    best = 60.0
    for _ in range(5):
        start = children_seconds()
        done = python(code, "--help")
        best = min(best, children_seconds() - start)
        assert "Usage" in done.stdout
        assert done.stderr.strip() == "[]"
    assert best < 0.5


def children_seconds() -> float:
    """CPU-seconds of finished children: what they would take on an idle machine."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def test_readme_tree_equals_the_disk() -> None:
    blocks = (ROOT / "README.md").read_text(encoding="utf-8").split("```")[1::2]
    tree = next(block for block in blocks if "src/offswitch/" in block).splitlines()
    start = next(i for i, line in enumerate(tree) if line.startswith("src/offswitch/"))
    said: dict[str, str] = {}
    for line in tree[start + 1 :]:
        if not line.startswith(" "):
            break
        name, _, phrase = line.strip().partition(" ")
        said[name] = phrase.strip()
    there = {room_of(path) + ("/" if path.parent != PACKAGE else ".py") for path in FILES}
    assert set(said) == there - {"__init__.py", "__main__.py"}, "the README's tree names each room and top-level module once"
    assert all(said.values()), "each with a phrase"
    outside = [line.split()[0] for line in tree[start:] if line and not line.startswith(" ")]
    assert all((ROOT / name).exists() for name in outside)
