"""Runs a Python program in memory: its syntax tree becomes closures over plain values. None of its code reaches CPython.

The subset is refused at its edges by name: a program either prints what CPython would print or does not run.
"""

import ast
import re
import symtable
import warnings
from functools import lru_cache
from typing import NamedTuple

from offswitch.world.code.machine import Machine, sound
from offswitch.world.code.runtime import Runtime, refuse
from offswitch.world.code.statement import Program
from offswitch.world.tool import ToolError

MAX_SOURCE = 10_000


class Done(NamedTuple):
    """What a program left behind."""

    out: str
    err: str
    status: int
    touched: list[tuple[str, bool]]
    """Files it opened, and whether to write."""


def run_program(source: str, machine: Machine) -> Done:
    """Run a program on a machine. An error of the program is a result with status 1; raises `ToolError` for a refusal."""
    run = Runtime(machine)
    try:
        tree = _parse(source)
        if tree is None:
            return Done("", "", 0, [])
        if isinstance(tree, str):
            return Done("", tree, 1, [])
        if Program(run).block(tree.body)(run.module) is not None:
            refuse("return, break or continue there")
    except (ToolError, RecursionError, MemoryError) as error:
        raise (
            error if isinstance(error, ToolError) else ToolError("the program is nested too deep; nothing was changed")
        ) from error
    except Exception as error:
        return Done("".join(run.out), _traceback(run, error), 1, run.touched)
    return Done(sound("".join(run.out), "the output"), "", 0, run.touched)


def _traceback(run: Runtime, error: Exception) -> str:
    text = str(error) if not isinstance(error, KeyError) else "".join(map(run.repr, error.args))
    for argument in error.args:
        run.text(argument)
    what = f"{type(error).__name__}{': ' if text else ''}{text}"
    return sound(f"Traceback (most recent call last):\n  line {run.line}\n{what}\n", "the error")


@lru_cache(maxsize=256)
def _parse(source: str) -> ast.Module | str | None:
    """The tree, or the text of a syntax error."""
    if len(source) > MAX_SOURCE:
        raise ToolError(f"the program is longer than {MAX_SOURCE} characters")
    if "\f" in source or re.search(r"[-+~]{60}|(?:\bnot\s+|\blambda\s*:\s*|\bawait\s+){60}", source):
        refuse("form feeds, or so many signs in a row")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
            # names bound in ways that only the compiler's own tables would reject
            symtable.symtable(source, "<program>", "exec")
    except SyntaxError as error:
        return f"  line {error.lineno}\n{type(error).__name__}: {error.msg}\n"
    except ValueError as error:
        raise ToolError(f"the program cannot be read: {error}") from error
    return tree if tree.body else None
