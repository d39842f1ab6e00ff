"""The model endpoint, read by the vendors' own clients; and what is passed on to a real server, with keys and words."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

pytest.importorskip("mcp", reason="needs pip install 'offswitch[agents]'")
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from offswitch.adapters.gateway import Upstream, scripted, wire
from offswitch.adapters.mcp import listening, serving
from offswitch.errors import ModelError
from offswitch.rollout.episode import Episode
from offswitch.rollout.guest import Guest
from offswitch.rollout.policy import Call, Reply
from offswitch.rollout.scripted import resister
from offswitch.scenarios.family import load_families
from offswitch.scenarios.scenario import draw


class Talker:
    """Says something and calls twice, then says more."""

    def reply(self, episode: Episode) -> Reply:
        calls = (Call("file_list", {}), Call("file_read", {"path": "a b"}))
        return Reply("Let me see.", calls) if episode.decisions == 0 else Reply("Seen.")


def guest() -> Guest:
    return Guest(Episode(draw(load_families()["stop_order"], 1, 1)[0]))


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    socket = listening("127.0.0.1", 0)
    async with serving(app, [socket]):
        yield f"http://127.0.0.1:{socket.getsockname()[1]}"


CHAT = [
    {"type": "function", "function": {"name": "mcp__office__file_list", "parameters": {"type": "object", "properties": {}}}}
]
ANSWERED = {"choices": [{"message": {"content": "I looked."}}]}


@pytest.mark.parametrize("stream", [False, True])
def test_openais_client_reads_chat_and_responses(stream: bool) -> None:
    from openai import AsyncOpenAI

    async def go() -> None:
        async with served(scripted(Talker(), guest())) as url, AsyncOpenAI(base_url=url + "/v1", api_key="x") as client:
            ask: Any = [{"role": "user", "content": "go"}]
            if stream:
                async with client.chat.completions.stream(model="m", messages=ask, tools=CHAT) as events:
                    message = (await events.get_final_completion()).choices[0].message
            else:
                message = (await client.chat.completions.create(model="m", messages=ask, tools=CHAT)).choices[0].message
            assert message.content == "Let me see."
            told = [(call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls]
            assert told == [("mcp__office__file_list", {}), ("file_read", {"path": "a b"})]
            flat: Any = [{"type": "function", "name": "file_list", "parameters": {}, "strict": False}]
            if stream:
                async with client.responses.stream(model="m", input="go", tools=flat) as events:
                    answer = await events.get_final_response()
            else:
                answer = await client.responses.create(model="m", input="go", tools=flat)
            assert answer.output_text == "Let me see."
            assert [item.name for item in answer.output if item.type == "function_call"] == ["file_list", "file_read"]

    asyncio.run(go())


@pytest.mark.parametrize("stream", [False, True])
def test_anthropics_client_reads_messages(stream: bool) -> None:
    anthropic = pytest.importorskip("anthropic", reason="the client of Anthropic is not installed")

    async def go() -> None:
        async with served(scripted(Talker(), guest())) as url, anthropic.AsyncAnthropic(base_url=url, api_key="x") as client:
            asked: Any = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "go"}]}
            asked["tools"] = [{"name": "mcp__office__file_read", "input_schema": {"type": "object"}}]
            if stream:
                async with client.messages.stream(**asked) as events:
                    message = await events.get_final_message()
            else:
                message = await client.messages.create(**asked)
            assert [block.type for block in message.content] == ["text", "tool_use", "tool_use"]
            assert message.content[2].name == "mcp__office__file_read"
            assert message.content[2].input == {"path": "a b"}
            assert message.stop_reason == "tool_use"

    asyncio.run(go())


def test_side_requests_and_requests_after_the_ending_move_nothing() -> None:
    async def go() -> None:
        visitor = guest()
        async with served(scripted(resister(), visitor)) as url:
            from openai import AsyncOpenAI

            async with AsyncOpenAI(base_url=url + "/v1", api_key="x") as client:
                title = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "A title?"}])
                assert title.choices[0].message.tool_calls is None
                visitor.leave("That is all.")
                over = await client.chat.completions.create(model="m", messages=[], tools=CHAT)
                assert over.choices[0].message.tool_calls is None
        assert visitor.episode.messages[-1]["content"] == "That is all."

    asyncio.run(go())


def test_a_server_elsewhere_gets_key_and_model_and_what_it_says_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "for Anthropic alone")
    seen: list[tuple[str, dict[str, Any], dict[str, str]]] = []

    async def answer(request: Request) -> JSONResponse | PlainTextResponse:
        body = await request.json() if request.method == "POST" else {}
        seen.append((request.url.path, body, dict(request.headers)))
        if body.get("stream"):
            parts = [{"choices": [{"delta": {"content": part}}]} for part in ("I ", "stream.")]
            lines = "".join(f"data: {json.dumps(part)}\n\n" for part in parts) + "data: [DONE]\n\n"
            return PlainTextResponse(lines, media_type="text/event-stream")
        return JSONResponse(ANSWERED)

    async def go() -> None:
        visitor = guest()
        real = Starlette(routes=[Route("/base/v1/{rest:path}", answer, methods=["GET", "POST"])])
        async with served(real) as url:
            upstream = Upstream(url + "/base/v1", "the-model")
            await upstream.check()
            async with served(upstream.app(visitor)) as inside:
                import aiohttp

                async with aiohttp.ClientSession() as session:
                    for extra in ({}, {"stream": True}):
                        body = {"model": "another", "tools": CHAT, "messages": [], **extra}
                        headers = {"authorization": "Bearer of the agent"}
                        async with session.post(f"{inside}/v1/chat/completions", json=body, headers=headers) as reply:
                            assert reply.status == 200
                            await reply.read()
            await upstream.close()
        visitor.call("file_list", {})
        assert visitor.episode.messages[2]["content"] == "I looked.\nI stream."
        path, body, headers = seen[-1]
        assert (path, body["model"]) == ("/base/v1/chat/completions", "the-model")
        assert headers["authorization"] == "Bearer secret"
        assert not any("Anthropic" in value for _, _, sent in seen for value in sent.values())

    asyncio.run(go())


def test_nobody_there_is_said_before_a_run() -> None:
    with pytest.raises(ModelError, match="is --endpoint right"):
        asyncio.run(Upstream("http://127.0.0.1:9/v1").check())


@pytest.mark.parametrize(
    ("path", "data", "words"),
    [
        ("/v1/messages", {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "a"}}, "a"),
        ("/v1/messages", {"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": "a"}}, ""),
        ("/v1/responses", {"type": "response.output_text.delta", "delta": "a"}, "a"),
        ("/v1/chat/completions", {"choices": [{"delta": {"content": "a"}}]}, "a"),
        ("/v1/chat/completions", {"choices": []}, ""),
    ],
)
def test_words_are_picked_from_a_stream(path: str, data: dict[str, Any], words: str) -> None:
    assert wire.overheard(path, f"data: {json.dumps(data)}\n\ndata: [DONE]\n\n".encode()) == words


def test_our_tool_is_known_by_its_name_behind_any_prefix() -> None:
    tools = [wire.Offered("mcp__office__file_list"), wire.Offered("old_file_list"), wire.Offered("file_list", "office")]
    assert wire.matching("file_list", tools) == tools[2]
    assert wire.matching("file_list", tools[:2]) == tools[0]
    assert wire.matching("list", tools) is None


def test_only_questions_to_the_model_are_passed_on_and_no_tool_of_the_provider_s() -> None:
    seen: list[tuple[str, Any]] = []

    async def answer(request: Request) -> JSONResponse:
        seen.append((request.url.path, await request.json() if request.method == "POST" else None))
        return JSONResponse(ANSWERED)

    async def go() -> None:
        import aiohttp

        real = Starlette(routes=[Route("/v1/{rest:path}", answer, methods=["GET", "POST", "DELETE"])])
        async with served(real) as url:
            upstream = Upstream(url + "/v1", "m")
            async with served(upstream.app(guest())) as inside, aiohttp.ClientSession() as session:
                for method, path in (("POST", "files"), ("DELETE", "models/m"), ("POST", "responses/../files")):
                    async with session.request(method, f"{inside}/v1/{path}", json={}) as reply:
                        assert reply.status in (404, 405)
                hosted: Any = [
                    {"type": "web_search"},
                    {"type": "mcp", "server_url": "http://x"},
                    {"type": "code_interpreter"},
                ]
                own: Any = [{"type": "function", "name": "a"}, {"name": "b", "input_schema": {}}, {"type": "local_shell"}]
                body = {"tools": hosted + own, "mcp_servers": [{"url": "http://x"}], "messages": []}
                async with session.post(f"{inside}/v1/messages", json=body) as reply:
                    assert reply.status == 200
            await upstream.close()
        assert seen == [("/v1/messages", {"model": "m", "messages": [], "tools": own})]

    asyncio.run(go())
