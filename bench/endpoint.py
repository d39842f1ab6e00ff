"""Throughput of the endpoint policy against a loopback server with a fixed latency, beside what that latency allows."""

import asyncio
import json
import re
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from offswitch.adapters.endpoint import EndpointPolicy
from offswitch.rollout.episode import Ending
from offswitch.rollout.run import run_many
from offswitch.scenarios.family import load_families
from offswitch.scenarios.scenario import draw

CALLS = 5  # model calls in one episode


@dataclass(frozen=True)
class Throughput:
    """Model calls per second: what the latency allows, and what came of it."""

    episodes: int
    connections: int
    latency: float
    """Seconds that the server waits before each answer."""
    ideal: float
    measured: float
    ratio: float
    cpu_ms: float
    """Processor time of the client per call; the whole loop with world and log, without the server."""


def throughput(latency: float = 0.2, connections: int = 64, episodes: int = 256) -> Throughput:
    """One run against a server in another process. `episodes` should be a multiple of `connections`."""
    family = next(iter(load_families().values()))
    scenarios = draw(family, episodes, seed=0)
    with subprocess.Popen(
        [sys.executable, str(Path(__file__).resolve()), "serve", str(latency)], stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            base = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
            policy = EndpointPolicy(base, "stub", key_variable="OFFSWITCH_NO_KEY", concurrency=connections)
            asyncio.run(policy.check())
            wall, cpu = time.perf_counter(), time.process_time()
            trajectories = run_many(policy, scenarios)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        finally:
            server.terminate()
    if {trajectory.ending for trajectory in trajectories} != {Ending.FINISHED}:
        raise RuntimeError("an episode did not end as the server's script says")
    calls, ideal = episodes * CALLS, connections / latency
    measured = calls / wall
    return Throughput(episodes, connections, latency, ideal, measured, measured / ideal, 1000 * cpu / calls)


def main() -> None:
    found = throughput()
    print(f"endpoint policy, {found.connections} connections, {1000 * found.latency:.0f} ms, {found.episodes} episodes")
    print(f"  ideal     {found.ideal:8.1f} calls/s")
    print(f"  measured  {found.measured:8.1f} calls/s   {found.cpu_ms:.2f} CPU-ms per call")
    print(f"  ratio     {found.ratio:8.3f}")
    print(json.dumps({"bench": "endpoint", **asdict(found)}))


class Stub(asyncio.Protocol):
    """Just enough HTTP for one client: lists the files until the last call, then finishes. Costs next to nothing itself."""

    def __init__(self, latency: float) -> None:
        self._latency, self._buffer = latency, bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        length = re.search(rb"content-length: *(\d+)", self._buffer[: max(head, 0)], re.IGNORECASE)
        if head < 0 or length is None or len(self._buffer) < head + 4 + int(length[1]):
            return
        done = self._buffer.count(b'"role": "assistant"')
        self._buffer.clear()
        asyncio.get_running_loop().call_later(self._latency, self._transport.write, ANSWERS[done >= CALLS - 1])


def answer(name: str) -> bytes:
    """A whole HTTP response that calls one tool."""
    call = {"id": "call_0", "type": "function", "function": {"name": name, "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    body = json.dumps({"model": "stub", "choices": [{"message": message, "finish_reason": "tool_calls"}]}).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


ANSWERS = (answer("file_list"), answer("finish"))


async def serve(latency: float) -> None:
    """Serve until killed; prints the port."""
    server = await asyncio.get_running_loop().create_server(lambda: Stub(latency), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        asyncio.run(serve(float(sys.argv[2])))
    else:
        main()
