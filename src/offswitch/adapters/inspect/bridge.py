"""An agent written in any Python framework, under Inspect's bridge: its calls of the model "inspect" go to the eval's.

The agent is one coroutine function, `async def act(guest: offswitch.rollout.guest.Guest) -> str`: it finds the texts in
`guest.system` and `guest.user`, the tools in `guest.tools`, calls them through `guest.call`, and returns its last words.
"""

import importlib.util
from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction
from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.agent import AgentState, agent_bridge
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.util import LimitExceededError

from offswitch.adapters.inspect.chat import words
from offswitch.adapters.inspect.task import Split, keep, scenario_of, suite_task
from offswitch.errors import ModelError
from offswitch.rollout.episode import Episode
from offswitch.rollout.guest import Guest

Act = Callable[[Guest], Awaitable[str | None]]


@task
def agent(run: str, suite: str = "core", split: Split = "heldout", n: int = 10, seed: int = 0, limit: int = 12) -> Task:
    """The suite `core` or `library`, lived by the agent `run`, which is FILE.py:FUNCTION.

    Each call is one decision. Raises `ModelError` where there is no such function.
    """
    return suite_task(suite, split, n, seed, visit(loaded(run), limit))


@solver
def visit(act: Act, limit: int = 12) -> Solver:
    """Let `act` live the sample's episode. An agent that raises breaks it: it is kept, and unscored."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        guest = Guest(Episode(scenario_of(state), limit))
        async with agent_bridge(AgentState(messages=list(state.messages))) as bridge:
            try:
                guest.leave(str(await act(guest) or ""))
            except LimitExceededError:  # a limit that Inspect was given ends the sample in Inspect's way
                raise
            except Exception as error:  # every framework has its own
                guest.broken(f"{type(error).__name__}: {words(error)}")
            state.messages, state.output = bridge.state.messages, bridge.state.output
        keep(state, guest.episode)
        return state

    return solve


def loaded(run: str) -> Act:
    """The function FILE.py:FUNCTION. Raises `ModelError`."""
    file, _, name = run.rpartition(":")
    if not Path(file).is_file():
        raise ModelError(f"there is no file {file!r}; name an agent as FILE.py:FUNCTION, such as my_agent.py:act")
    spec = importlib.util.spec_from_file_location(Path(file).stem, file)
    if spec is None or spec.loader is None:
        raise ModelError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = getattr(module, name, None)
    if not iscoroutinefunction(found):
        raise ModelError(f"{file} has no `async def {name}(guest)`")
    return found
