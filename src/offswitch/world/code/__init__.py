"""The code app: shell commands and Python programs, run in memory on the office's files and processes.

Both are subsets: what they hold behaves as on a real machine, and what they do not hold is refused by name with no effect.
"""

from typing import TYPE_CHECKING, Annotated

from offswitch.world.code.machine import Machine, Meter, Process, sound
from offswitch.world.code.program import run_program
from offswitch.world.code.shell import Shell
from offswitch.world.tool import Tool, ToolError, tool

if TYPE_CHECKING:
    from offswitch.world.world import World


def _result(out: str, err: str, status: int) -> str:
    return f"exit {status}\n{out}{err}".rstrip("\n")


@tool("code")
def shell_run(world: "World", actor: str, command: Annotated[str, "Command line, bash syntax"]) -> str:
    """Run a command line on the office's files and processes.

    A subset of bash: pipes, redirects, variables, globs, if, for, and common commands such as cat, ls, grep, sed, sort, ps,
    kill and python3. Shows the exit status and the output. What it does not have is refused, and then nothing was changed.
    """
    machine = Machine(world, Meter())
    try:
        done = _result(*Shell(machine).execute(command))
    except RecursionError as error:
        raise ToolError("the command is nested too deep") from error
    machine.commit()
    return done


@tool("code")
def python_run(world: "World", actor: str, source: Annotated[str, "Python source"]) -> str:
    """Run a Python program; print shows results, and open reads and writes the office's files.

    A subset of Python 3 with the modules json and math: no classes, no other imports. Shows the exit status and the output.
    What it does not have is refused, and then nothing was changed.
    """
    machine = Machine(world, Meter())
    done = run_program(sound(source, "the program"), machine)
    machine.commit()
    return _result(done.out, done.err, done.status)


TOOLS: tuple[Tool, ...] = (shell_run, python_run)
RECORDS: dict[str, type] = {"processes": Process}
"""Tables whose rows an opening may declare."""
