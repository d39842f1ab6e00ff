"""Run any command-line agent through a suite: a sandbox each episode, with the office over MCP and a model endpoint.

Keys and the network stay outside. What the agent does is judged from the office's log, never from what it prints.
"""

import asyncio
import errno
import json
import re
import shlex
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from offswitch.errors import ModelError
from offswitch.jobs.presets import AgentChoice
from offswitch.rollout.episode import Episode
from offswitch.rollout.guest import Guest
from offswitch.rollout.policy import Policy

if TYPE_CHECKING:
    from offswitch.adapters.gateway import Upstream
    from offswitch.adapters.sandbox import Box, Done
    from offswitch.adapters.sandbox.running import Running

PORT = 8000
PLACES = {"mcp_url": f"http://office:{PORT}/e/desk/mcp", "model_url": f"http://office:{PORT}/v1"}
"""What answers inside each sandbox; every one has a loopback of its own, so that these are always the same."""
NO_MODEL = "none"
GRACE = 3.0
"""Seconds that an agent gets to end by itself once its episode is over."""
_SAID = 20_000  # characters of what an agent prints that are kept as its last words
_MIB = 1 << 20


class AgentPolicy:
    """`concurrency` agents at a time, each in a sandbox of its own."""

    def __init__(self, agent: AgentChoice, model: str, brain: "Policy | Upstream | None", concurrency: int) -> None:
        """`brain` answers at the model endpoint: a scripted policy, a server elsewhere, or nobody."""
        self.name = f"{agent.name} ({model})"
        self._agent, self._model, self._brain = agent, model, brain
        self.concurrency = concurrency
        self._loop: asyncio.AbstractEventLoop | None = None

    async def check(self) -> None:
        """Is the agent there, and its model? Raises `ModelError` or `SandboxError`, with the cure, before a long run."""
        from offswitch.adapters.sandbox import Box

        preset, program = self._agent.preset, self._agent.preset.command.split()[0]
        if preset.package and not preset.installed:
            raise ModelError(f"{preset.name} is not installed for the sandbox; run: offswitch agent install {preset.name}")
        program = program if preset.package else self._agent.program
        with Box(self._config()) as box:
            if box.run(["bash", "-lc", f"command -v {program}"]).code:
                raise ModelError(
                    f"the sandbox has no program {program!r}: it shows this machine's /usr and the folders named by"
                    " --show HERE:THERE, and starts the agent in an empty home"
                )
        if not isinstance(self._brain, Policy | None):
            await self._brain.check()

    async def live(self, episode: Episode) -> None:
        """Bring it to its ending. Raises `SandboxError` where no sandbox can be had."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            loop.set_default_executor(ThreadPoolExecutor(2 * self.concurrency + 4))  # each agent's life waits in one
            self._loop = loop
        await self._live(Guest(episode))

    async def close(self) -> None:
        """End the connections to the model; another run may follow."""
        if not isinstance(self._brain, Policy | None):
            await self._brain.close()

    async def _live(self, guest: Guest) -> None:
        from offswitch.adapters.mcp import House, serving
        from offswitch.adapters.sandbox import Box, SandboxError

        box = await asyncio.to_thread(Box, self._config())
        try:
            house, sockets = House(self._endpoint(guest), told=False), await asyncio.to_thread(box.listen, [PORT])
            async with serving(house, sockets), house.room("desk", guest):
                settle(guest, await self._run(box, guest), self._agent.seconds, self._brain is not None)
        except (SandboxError, OSError) as error:
            if isinstance(error, OSError) and error.errno == errno.E2BIG:
                guest.broken("the task with its past is longer than a command line may be; choose another --kept")
            elif box.alive:
                raise
            guest.broken(f"the sandbox ended: {error}")
        finally:
            await asyncio.to_thread(box.close)

    async def _run(self, box: "Box", guest: Guest) -> "Done":
        """The agent's whole life; it is ended soon after its episode is."""
        preset, values = self._agent.preset, self._values(guest)
        for path, text in preset.files.items():
            quoted = {name: json.dumps(value) for name, value in values.items()} if path.endswith("toml") else values
            await asyncio.to_thread(box.write, path, filled(text, quoted).encode())
        command = filled(preset.command, {name: shlex.quote(value) for name, value in values.items()})
        running = await asyncio.to_thread(box.begin, ["bash", "-lc", command], None, self._environment(values))
        ending = asyncio.create_task(_end_after(guest, running))
        try:
            return await asyncio.to_thread(box.finish, running, b"", self._agent.seconds, box.config.output)
        finally:
            ending.cancel()

    def _endpoint(self, guest: Guest) -> Any:
        from offswitch.adapters.gateway import scripted

        if self._brain is None:
            return None
        return scripted(self._brain, guest) if isinstance(self._brain, Policy) else self._brain.app(guest)

    def _config(self) -> Any:
        from offswitch.adapters.sandbox import SandboxConfig

        own = self._agent.preset
        shown = (*self._agent.shown, *([(str(own.here), own.there)] if own.package and own.installed else []))
        return SandboxConfig(
            names=("office",),
            binds=shown,
            processes=512,
            memory=4096 * _MIB,
            disk=512 * _MIB,
            cpu_seconds=max(120, int(4 * self._agent.seconds)),
            exec_seconds=max(1, int(self._agent.seconds)),
        )

    def _values(self, guest: Guest) -> dict[str, str]:
        office = {"mcpServers": {"office": {"type": "http", "url": PLACES["mcp_url"]}}}
        texts = {"system": guest.system, "user": guest.user, "task": f"{guest.system}\n\n{guest.user}"}
        return {**texts, **PLACES, "model": self._model.rpartition("/")[2], "mcp_config": json.dumps(office)}

    def _environment(self, values: Mapping[str, str]) -> dict[str, str]:
        url = values["model_url"]
        endpoint = {"OPENAI_BASE_URL": url, "ANTHROPIC_BASE_URL": url.removesuffix("/v1")}
        keys = {"OPENAI_API_KEY": "none", "ANTHROPIC_API_KEY": "none"}
        named = {name.upper(): values[name] for name in ("task", "mcp_url", "model_url", "model")}
        return {**named, **endpoint, **keys, **self._agent.preset.env}


def filled(text: str, values: Mapping[str, str]) -> str:
    """`text` with its placeholders; other braces stay as they are."""
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), text)


async def _end_after(guest: Guest, running: "Running") -> None:
    while not guest.ended.is_set():
        await asyncio.sleep(0.05)
    await asyncio.sleep(GRACE)
    running.end()


def settle(guest: Guest, done: "Done", seconds: float, modelled: bool) -> None:
    """What the end of the agent's process means for its episode, unless that has ended already.

    An agent that is `modelled` has a model here, and what it does without asking that is nobody's conduct.
    """
    words = done.stderr.decode(errors="replace").strip()[-500:] or done.stdout.decode(errors="replace").strip()[-500:]
    if done.late:
        guest.cut(f"cut short after {seconds:g} seconds")
    elif done.cut:
        guest.broken("the agent printed more than is kept")
    elif done.code:
        guest.broken(f"the agent ended with exit status {done.code}: {words or 'no word'}")
    elif not guest.looked and not guest.calls:
        guest.broken("the agent never asked for the office's tools; is {mcp_url} or {mcp_config} in its command?")
    elif modelled and not guest.equipped and not guest.calls:
        guest.broken(
            "the agent never asked its model with the office's tools at hand; did it wait until they were connected?"
        )
    else:
        guest.leave(done.stdout.decode(errors="replace").strip()[-_SAID:])


def agent_policy(agent: AgentChoice, model: str, endpoint: str | None, concurrency: int) -> AgentPolicy:
    """The policy. Raises `ModelError` that says what to do."""
    from offswitch.adapters.gateway import Upstream
    from offswitch.adapters.gateway.upstream import KNOWN
    from offswitch.jobs.models import scripted

    brain: Any = None
    provider, _, rest = model.partition("/")
    if endpoint is not None:
        brain = Upstream(endpoint, "" if model == NO_MODEL else model)
    elif model.startswith("scripted/"):
        brain = scripted().get(rest)
        if brain is None:
            raise ModelError(f"no scripted policy {rest!r}; there are: {', '.join(scripted())}")
    elif provider in KNOWN and rest:
        brain = Upstream(KNOWN[provider], rest)
    elif model != NO_MODEL:
        raise ModelError(
            f"an agent asks its model over HTTP: name {' or '.join(f'{name}/MODEL' for name in KNOWN)}, or MODEL with"
            " --endpoint URL, or scripted/corrigible, or none for an agent that needs no model"
        )
    return AgentPolicy(agent, model, brain, concurrency)
