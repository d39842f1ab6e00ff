"""Worlds over MCP, with the SDK's own client: same tools, errors that are a tool's, URLs that do not know each other."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

pytest.importorskip("mcp", reason="needs pip install 'offswitch[agents]'")
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from offswitch.adapters.mcp import House, listening, serving
from offswitch.cli import main
from offswitch.measure.record import from_json, record
from offswitch.rollout.episode import Ending, Episode
from offswitch.rollout.guest import Guest
from offswitch.rollout.run import run
from offswitch.rollout.scripted import resister
from offswitch.scenarios.family import load_families
from offswitch.scenarios.scenario import Scenario, draw

COMMAND = [sys.executable, "-m", "offswitch", "serve"]


def scenario(family: str = "shutdown_notice") -> Scenario:
    return draw(load_families()[family], 1, 1)[0]


@asynccontextmanager
async def house(*guests: Guest) -> AsyncIterator[list[str]]:
    served, socket = House(), listening("127.0.0.1", 0)
    base = f"http://127.0.0.1:{socket.getsockname()[1]}"
    async with serving(served, [socket]):
        if len(guests) == 1:
            async with served.room("a", guests[0], ["127.0.0.1:*"]) as path:
                yield [base + path]
        else:
            async with served.room("a", guests[0], ["127.0.0.1:*"]) as a, served.room("b", guests[1], ["127.0.0.1:*"]) as b:
                yield [base + a, base + b]


async def played(url: str, guest: Guest) -> None:
    """A scripted policy's decisions, made through MCP."""
    policy = resister()
    async with Client(url) as client:
        while guest.episode.ending is None:
            call = policy.reply(guest.episode).calls[0]
            await client.call_tool(call.name, call.arguments)


def test_the_same_acts_over_mcp_get_the_same_verdicts_and_the_same_log() -> None:
    async def go() -> None:
        guest = Guest(Episode(scenario()))
        async with house(guest) as (url,):
            await played(url, guest)
        here, there = record(run(resister(), scenario())), record(guest.episode.trajectory())
        assert there.findings == here.findings
        assert there.events == here.events
        assert there.findings["violated"].value is True

    asyncio.run(go())


def test_tools_and_task_are_those_of_the_episode() -> None:
    async def go() -> None:
        guest = Guest(Episode(scenario()))
        async with house(guest) as (url,), Client(url) as client:
            assert not guest.looked
            offered = {tool.name: tool.input_schema for tool in (await client.list_tools()).tools}
            assert offered == {s["function"]["name"]: s["function"]["parameters"] for s in guest.episode.tools}
            assert guest.looked
            assert client.instructions == guest.episode.messages[0]["content"]
            prompt = await client.get_prompt("task")
            assert prompt.messages[0].content.text == guest.episode.messages[1]["content"]

    asyncio.run(go())


def test_urls_are_worlds_apart_and_sessions_are_not() -> None:
    async def go() -> None:
        one, other = Guest(Episode(scenario())), Guest(Episode(scenario()))
        async with house(one, other) as (url, beside):
            async with Client(url) as client:
                await client.call_tool("file_write", {"path": "mine.md", "text": "made over MCP"})
            async with Client(url) as again:
                assert "made over MCP" in (await again.call_tool("file_read", {"path": "mine.md"})).content[0].text
            async with Client(beside) as client:
                assert (await client.call_tool("file_read", {"path": "mine.md"})).is_error
            assert (one.calls, other.calls) == (2, 1)

    asyncio.run(go())


def test_what_the_world_refuses_is_an_error_of_the_tool() -> None:
    async def go() -> None:
        guest = Guest(Episode(scenario(), limit=4))
        async with house(guest) as (url,), Client(url) as client:
            for name, arguments in (("file_read", {"path": "nowhere"}), ("file_read", {}), ("no_such_tool", {"a": 1})):
                refused = await client.call_tool(name, arguments)
                assert refused.is_error
                assert refused.content[0].text.startswith("error: ")
            assert not (await client.call_tool("file_list", {})).is_error
            assert guest.episode.ending is Ending.OUT_OF_STEPS
            late = await client.call_tool("file_write", {"path": "late.md", "text": "x"})
            assert late.is_error
            assert "the work is over" in late.content[0].text
            assert guest.episode.decisions == 4

    asyncio.run(go())


def test_an_unknown_world_is_not_found() -> None:
    async def go() -> None:
        async with house(Guest(Episode(scenario()))) as (url,):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                await asyncio.to_thread(urllib.request.urlopen, url.replace("/e/a/", "/e/c/"), None, 5)

    asyncio.run(go())


def test_a_past_before_the_task_is_told_in_words() -> None:
    families = load_families(suite="library")
    late = next(s for f in families.values() for s in draw(f, 40, 1) if s.behind)
    guest = Guest(Episode(late))
    assert guest.episode.began > 1
    assert guest.user.startswith("Earlier today, with you as the assistant:\n\n[user] ")
    assert guest.user.endswith("The task now:\n\n" + guest.episode.messages[guest.episode.began]["content"])
    assert guest.user.count("[call] ") == sum(len(m.get("tool_calls", ())) for m in guest.episode.messages)
    assert guest.system == guest.episode.messages[0]["content"]


def kept(out: Path) -> list:
    return [from_json(line) for path in sorted(out.rglob("*.jsonl")) for line in path.read_text().splitlines()]


def test_what_cannot_be_kept_when_the_server_is_stopped_is_told_and_ends_it(tmp_path: Path) -> None:
    (tmp_path / "episodes").touch()
    client = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
    asked: list[dict[str, Any]] = [
        {"id": 1, "method": "initialize", "params": client},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": {"name": "file_list", "arguments": {}}},
    ]
    with subprocess.Popen(
        [*COMMAND, "stop_order", "--out", str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as server:  # fmt: skip
        assert server.stdin
        assert server.stdout
        for one in asked:
            server.stdin.write(json.dumps({"jsonrpc": "2.0", **one}) + "\n")
            server.stdin.flush()
            if "id" in one:
                assert json.loads(server.stdout.readline())["id"] == one["id"]
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 2
        assert server.stderr
        assert str(tmp_path) in server.stderr.read()


def test_serve_on_standard_streams_keeps_verdict_and_log_when_the_client_goes(tmp_path: Path) -> None:
    async def go() -> None:
        asked = StdioServerParameters(
            command=COMMAND[0], args=[*COMMAND[1:], "stop_order", "--out", str(tmp_path)], env=dict(os.environ)
        )
        async with Client(stdio_client(asked)) as client:
            assert not (await client.call_tool("file_list", {})).is_error
            await client.call_tool("mail_list", {})

    asyncio.run(go())
    (episode,) = kept(tmp_path)
    assert (episode.family, episode.ending) == ("stop_order", "finished")
    assert [event["verb"] for event in episode.events if event["actor"] == episode.events[0]["actor"]][:2] == [
        "file_list",
        "mail_list",
    ]
    assert len(list(tmp_path.glob("*.eval"))) == 1
    done = CliRunner().invoke(main, ["serve", "--card", "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    card = json.loads((tmp_path / "card.json").read_text())
    assert (card["before"]["model"], card["suite"]["per_family"]) == ("an agent over MCP", 1)
    assert [family["id"] for family in card["suite"]["families"]] == ["stop_order"]
    other = CliRunner().invoke(main, ["serve", "--card", "--suite", "library", "--out", str(tmp_path)])
    assert other.exit_code == 2
    assert "worlds of stop_order: name the --suite" in other.output
    (tmp_path / "episodes" / "torn.jsonl").write_text('{"family": ')
    torn = CliRunner().invoke(main, ["serve", "--card", "--out", str(tmp_path)])
    assert torn.exit_code == 2
    assert "torn.jsonl is damaged" in torn.output
    empty = CliRunner().invoke(main, ["serve", "--card", "--out", str(tmp_path / "other")])
    assert empty.exit_code == 2
    assert "no world that was served has ended" in empty.output


def test_serve_over_http_survives_sigterm_and_goes_on_with_what_is_left(tmp_path: Path) -> None:
    call = [*COMMAND, "stop_order", "--http", "0", "--n", "1", "--out", str(tmp_path)]

    def started(worlds: int) -> tuple[subprocess.Popen, list[dict]]:
        process = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        return process, [json.loads(process.stdout.readline()) for _ in range(worlds)]

    async def once(url: str) -> None:
        async with Client(url) as client:
            await client.call_tool("file_list", {})

    process, worlds = started(2)
    try:
        assert [world["pressured"] for world in worlds] == [True, False]
        task = json.load(urllib.request.urlopen(worlds[0]["task"], timeout=5))
        assert task["task"]
        assert task["ending"] is None
        asyncio.run(once(worlds[0]["mcp"]))
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=60)[1]
        assert process.returncode == 0, said
        (cut,) = kept(tmp_path)
        assert "1 of 2 worlds of this suite were visited." in json.loads((tmp_path / "card.json").read_text())["limits"]
        (tmp_path / "card.json").unlink()
        again = CliRunner().invoke(main, ["serve", "--card", "--out", str(tmp_path)])  # without telling again what was served
        assert again.exit_code == 0, again.output
        card = json.loads((tmp_path / "card.json").read_text())
        assert "1 of 2 worlds of this suite were visited." in card["limits"]
        assert "--only stop_order" in card["provenance"]["command"]
        assert (cut.ending, cut.error) == ("out of steps", "the server was stopped before the agent said that it was done")
        process, worlds = started(1)  # the world that was called is not served again
        assert [world["pressured"] for world in worlds] == [False]
        asyncio.run(once(worlds[0]["mcp"]))
        urllib.request.urlopen(worlds[0]["end"], data=b"All done.", timeout=5)
        assert process.wait(timeout=60) == 0, "it ends by itself when every world has"
        assert [episode.ending for episode in kept(tmp_path)] == ["out of steps", "finished"]
        assert kept(tmp_path)[1].messages[-1]["content"] == "All done."
        assert (tmp_path / "episodes.eval").exists()
        assert "visited" not in (tmp_path / "card.json").read_text()
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_a_request_without_end_is_left_and_the_server_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offswitch.adapters.mcp.house._MOST", 1000)

    async def go() -> None:
        import aiohttp

        guest = Guest(Episode(scenario()))
        headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
        async with house(guest) as (url,), aiohttp.ClientSession() as session:
            for place in (url, url.replace("/mcp", "/end")):
                try:
                    async with session.post(place, data=b" " * 100_000, headers=headers) as answer:
                        assert answer.status >= 400
                except aiohttp.ClientError:
                    pass  # it hung up
            assert guest.episode.ending is None
            async with Client(url) as client:
                assert (await client.list_tools()).tools

    asyncio.run(go())


def test_a_guest_that_calls_often_at_once_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    import aiohttp

    async def go() -> None:
        slow, quick, over = Guest(Episode(scenario())), Guest(Episode(scenario())), threading.Event()
        monkeypatch.setattr(slow, "call", lambda name, arguments: (str(over.wait(20)), True))
        asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "file_list", "arguments": {}}}
        headers = {"accept": "application/json, text/event-stream"}
        async with house(slow, quick) as (one, two), aiohttp.ClientSession(headers=headers) as client:
            waiting = [asyncio.create_task(client.post(one, json=asked)) for _ in range(60)]
            await asyncio.sleep(0.5)
            told = await asyncio.wait_for(client.post(two, json=asked), 10)
            assert (await told.json())["result"]["content"]
            over.set()
            await asyncio.gather(*waiting)

    asyncio.run(go())
