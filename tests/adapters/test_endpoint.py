"""The endpoint policy against a scripted server on loopback: protocol, retries, and errors that say what to do."""

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from offswitch.adapters.endpoint import EndpointPolicy, parse
from offswitch.errors import ModelError
from offswitch.rollout.episode import Ending
from offswitch.rollout.policy import Call, PolicyFailure
from offswitch.rollout.run import run, run_many
from offswitch.scenarios.family import load_families
from offswitch.scenarios.scenario import Scenario, draw

ROOT = Path(__file__).parents[2]


class Failure(NamedTuple):
    """An answer that is no completion."""

    status: int
    told: Any
    headers: Mapping[str, str] = {}


Answer = Mapping[str, Any] | Failure | float | None
"""A message; a failure; seconds of silence; None to hang up."""


class Server(ThreadingHTTPServer):
    """Answers each request as `script(index, body)` says, and keeps what it was sent.

    Threads, not a loop: one that stops with a connection half accepted leaves it open. Closing waits for every answer.
    """

    daemon_threads = False

    def __init__(self, script: Callable[[int, dict[str, Any]], Answer]) -> None:
        super().__init__(("127.0.0.1", 0), Asked)
        self.script, self.url = script, f"http://127.0.0.1:{self.server_port}/v1"
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[Mapping[str, str]] = []
        self.times: list[float] = []
        self.lock, self.ends = threading.Lock(), threading.Event()


class Asked(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        assert self.path == "/v1/chat/completions"
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.times.append(time.monotonic())
            self.server.headers.append(self.headers)
            self.server.bodies.append(body)
            answer = self.server.script(len(self.server.bodies) - 1, body)
        if isinstance(answer, Failure):
            self.tell(answer.told, answer.status, answer.headers)
        elif isinstance(answer, float):
            self.server.ends.wait(answer)
        elif answer is not None:
            self.tell({"choices": [{"message": answer, "finish_reason": "stop"}]})

    def do_GET(self) -> None:
        assert self.path == "/v1/models"
        self.tell({"data": [{"id": "small"}, {"id": "large"}]})

    def tell(self, told: Any, status: int = 200, headers: Mapping[str, str] = {}) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(ConnectionError):  # who asked may have gone
            self.wfile.write(json.dumps(told).encode())

    def log_message(self, *told: object) -> None:
        """Silent."""


@contextmanager
def serving(script: Callable[[int, dict[str, Any]], Answer]) -> Iterator[Server]:
    with Server(script) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.ends.set()
            server.shutdown()
            thread.join(10)


def call(name: str, arguments: str = "{}", **more: Any) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"content": None, "tool_calls": [{"id": "x", "type": "function", "function": function}], **more}


def failure(status: int, text: str = "no", **headers: str) -> Failure:
    return Failure(status, {"error": {"message": text}}, headers)


def policy(server: Server, **options: Any) -> EndpointPolicy:
    return EndpointPolicy(server.url, "small", **{"backoff": 0.01, "key_variable": "OFFSWITCH_TEST_KEY", **options})


@pytest.fixture
def scenario() -> Scenario:
    return draw(load_families()["shutdown_notice"], 1, seed=0)[0]


def test_a_whole_episode_goes_over_the_wire(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFSWITCH_TEST_KEY", "secret")
    steps = [call("file_read", '{"path": "nowhere"}', reasoning_content="Hm."), {"content": "Done."}]
    with serving(lambda i, body: steps[i]) as server:
        found = run(policy(server, temperature=0.5, max_tokens=99, seed=7, extra={"top_p": 0.9}), scenario)
    assert found.ending is Ending.FINISHED
    assert [event.verb for event in found.events if event.actor == scenario.slots["agent"]] == ["file_read"]
    assert found.messages[2]["content"] == "<think>\nHm.\n</think>\n\n"
    first, second = server.bodies
    assert {"model": "small", "temperature": 0.5, "max_tokens": 99, "seed": 7, "top_p": 0.9}.items() <= first.items()
    assert first["tools"][0]["type"] == "function"
    assert [message["role"] for message in second["messages"]] == ["system", "user", "assistant", "tool"]
    (sent,) = second["messages"][2]["tool_calls"]
    assert json.loads(sent["function"]["arguments"]) == {"path": "nowhere"}
    assert second["messages"][3]["tool_call_id"] == sent["id"]
    assert server.headers[0]["Authorization"] == "Bearer secret"
    assert found.messages[2]["tool_calls"][0]["function"]["arguments"] == {"path": "nowhere"}, "the record is not touched"


def test_a_passing_failure_is_tried_again(scenario: Scenario) -> None:
    answers: list[Answer] = [failure(500), failure(503), None, {"content": "Done."}]
    with serving(lambda i, body: answers[i]) as server:
        found = run(policy(server), scenario)
    assert (found.ending, len(server.bodies)) == (Ending.FINISHED, 4)


def test_retry_after_is_honoured(scenario: Scenario) -> None:
    answers: list[Answer] = [failure(429, **{"Retry-After": "1"}), {"content": "Done."}]
    with serving(lambda i, body: answers[i]) as server:
        found = run(policy(server), scenario)
    assert found.ending is Ending.FINISHED
    assert server.times[1] - server.times[0] >= 1


def test_silence_is_a_broken_episode(scenario: Scenario) -> None:
    with serving(lambda i, body: 5.0) as server:
        found = run(policy(server, timeout=0.1, retries=1), scenario)
    assert (found.ending, len(server.bodies)) == (Ending.BROKEN, 2)
    assert "no answer within 0.1 s" in found.error


def test_a_request_that_the_server_rejects_breaks_the_episode_at_once(scenario: Scenario) -> None:
    with serving(lambda i, body: failure(400, "context length exceeded")) as server:
        found = run(policy(server), scenario)
    assert (found.ending, len(server.bodies)) == (Ending.BROKEN, 1)
    assert "context length exceeded" in found.error


@pytest.mark.parametrize(
    ("status", "advice"),
    [(401, "Set OFFSWITCH_TEST_KEY"), (403, "Set OFFSWITCH_TEST_KEY"), (404, "It serves: small, large")],
)
def test_configuration_stops_the_run(scenario: Scenario, status: int, advice: str) -> None:
    with serving(lambda i, body: failure(status, "the server's words")) as server, pytest.raises(ModelError) as caught:
        run(policy(server), scenario)
    assert advice in str(caught.value)
    assert "the server's words" in str(caught.value)
    assert len(server.bodies) == 1


def test_arguments_that_are_not_json_are_answered_by_the_world(scenario: Scenario) -> None:
    steps = [call("file_read", '{"path": '), call("file_read", "[1]"), {"content": "Done."}]
    with serving(lambda i, body: steps[i]) as server:
        found = run(policy(server), scenario)
    assert found.ending is Ending.FINISHED
    results = [message["content"] for message in found.messages if message["role"] == "tool"]
    assert all(result.startswith("error: file_read takes named arguments") for result in results)
    assert found.messages[2]["tool_calls"][0]["function"]["arguments"] == '{"path": ', "kept as the model wrote it"
    sent = [
        json.loads(m["tool_calls"][0]["function"]["arguments"]) for m in server.bodies[2]["messages"] if "tool_calls" in m
    ]
    assert sent == [{"unreadable": '{"path": '}, {"unreadable": [1]}], "a server parses the history again"


def test_a_server_that_dies_stops_the_run_and_says_so() -> None:
    scenarios = draw(load_families()["shutdown_notice"], 6, seed=0)
    with (
        serving(lambda i, body: {"content": "Done."} if i < 3 else None) as server,
        pytest.raises(ModelError, match=r"cannot be reached .* run the same command again"),
    ):
        run_many(policy(server, concurrency=1, retries=2), scenarios)


def test_check_names_what_to_mend() -> None:
    with serving(lambda i, body: {"content": "ok"}) as server:
        asyncio.run(policy(server).check())
        gone = policy(server)
    with pytest.raises(ModelError, match="Is it running"):
        asyncio.run(gone.check())
    with pytest.raises(ModelError, match="Is it running"):
        asyncio.run(EndpointPolicy("nonsense", "small").check())
    with serving(lambda i, body: failure(404)) as server, pytest.raises(ModelError, match="It serves: small, large"):
        asyncio.run(policy(server).check())
    with (
        serving(lambda i, body: failure(400, "tools are not enabled")) as server,
        pytest.raises(ModelError, match="not enabled"),
    ):
        asyncio.run(policy(server).check())
    with serving(lambda i, body: Failure(200, [])) as server, pytest.raises(ModelError, match="is the address right"):
        asyncio.run(policy(server).check())


@pytest.mark.parametrize(
    ("message", "finish", "reason"),
    [
        ({"content": "I must"}, "length", "max_tokens"),
        ({"content": None}, "content_filter", "filter"),
        ({"content": ""}, "stop", "empty"),
        (None, "stop", "no message"),
    ],
)
def test_what_is_not_the_agents_conduct_is_a_failure(message: object, finish: str, reason: str) -> None:
    with pytest.raises(PolicyFailure, match=reason):
        parse({"choices": [{"message": message, "finish_reason": finish}]}, first=True)


def test_odd_but_usual_answers_are_read() -> None:
    listed = {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}
    assert parse({"choices": [{"message": listed}]}).text == "ab"
    assert parse({"choices": [{"message": {"content": ""}}]}).calls == (), "later, silence means done"
    mapped = {"tool_calls": [{"function": {"name": "finish", "arguments": {"a": "b"}}}]}
    assert parse({"choices": [{"message": mapped}]}).calls == (Call("finish", {"a": "b"}),)
    bare = {"tool_calls": [{"function": {"name": "finish", "arguments": ""}}]}
    assert parse({"choices": [{"message": bare, "finish_reason": "length"}]}).calls == (Call("finish", {}),)


def test_throughput_is_near_what_the_latency_allows() -> None:
    code = "from bench.endpoint import throughput; f = throughput(episodes=128); print(f.ratio, f.cpu_ms)"
    ratios: list[float] = []
    while not ratios or (ratios[-1] < 0.75 and len(ratios) < 3):  # the machine may be busy
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
        measured, cpu = map(float, done.stdout.split())
        idle = 200 / (200 + 64 * cpu)  # what this processor time would leave of 200 ms with nothing else at work
        ratios.append(max(measured, idle))
    print(f"throughput, as a part of the ideal: {ratios}")
    assert ratios[-1] >= 0.75
