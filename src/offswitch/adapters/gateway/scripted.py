"""A model endpoint with a scripted policy behind it: the fake for every agent that speaks to a model over HTTP.

It answers the agent's requests with the policy's next decision in the agent's own episode, so that a whole agent can be
run without a model, and must come to the verdict that the policy comes to by itself.
"""

import json
from collections.abc import Iterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from offswitch.adapters.gateway import wire
from offswitch.rollout.guest import Guest
from offswitch.rollout.policy import Policy, Reply

_DONE = "Done."


def scripted(policy: Policy, guest: Guest) -> Starlette:
    """An ASGI application: /v1/messages, /v1/responses, /v1/chat/completions, and what clients ask for beside them."""

    async def answer(request: Request) -> Response:
        try:
            body = await request.json()
            tools = list(wire.offered(request.url.path, body))
        except (ValueError, TypeError, AttributeError) as error:
            return JSONResponse({"error": {"message": f"not a request: {error}"}}, 400)
        whole, events = wire.written(request.url.path, body, _reply(policy, guest, tools), tools)
        if not body.get("stream"):
            return JSONResponse(whole)
        done = [] if events[0][0] else ["data: [DONE]\n\n"]
        return StreamingResponse(iter([*_lines(events), *done]), media_type="text/event-stream")

    async def count(request: Request) -> Response:
        return JSONResponse({"input_tokens": 1})

    async def models(request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [{"id": "scripted", "object": "model"}], "models": []})

    asked = [Route(path, answer, methods=["POST"]) for path in wire.PATHS]
    beside = [Route("/v1/messages/count_tokens", count, methods=["POST"]), Route("/v1/models", models)]
    return Starlette(routes=[*asked, *beside])


def _reply(policy: Policy, guest: Guest, tools: list[wire.Offered]) -> Reply:
    """The policy's decision; for side requests without the office's tools, and after the ending, a word."""
    if not wire.equips(guest, tools) or guest.episode.ending is not None:
        return Reply(_DONE)
    reply = policy.reply(guest.episode)
    guest.say(reply.text)
    return reply if reply.calls or reply.text else Reply(_DONE)


def _lines(events: list[wire.Event]) -> Iterator[str]:
    for name, data in events:
        yield (f"event: {name}\n" if name else "") + f"data: {json.dumps(data)}\n\n"
