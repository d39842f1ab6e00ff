"""One guest's tools as one MCP server; what the world refuses is a tool's error, never the protocol's."""

from collections.abc import Mapping
from typing import Any

import mcp_types as types
from anyio import CapacityLimiter, to_thread
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server

from offswitch.rollout.guest import Guest

Context = ServerRequestContext[Any]
NAME = "office"
"""What the server calls itself; many agents prefix its tools with it."""


def tool_server(guest: Guest) -> Server[Any]:
    """A server that steps `guest`. The system text is its instructions, the task its one prompt."""

    one = CapacityLimiter(1)  # its calls wait for each other, and for no other guest's

    async def list_tools(context: Context, asked: types.PaginatedRequestParams | None) -> Any:
        return types.ListToolsResult(tools=[_tool(schema["function"]) for schema in guest.tools])

    async def call_tool(context: Context, asked: types.CallToolRequestParams) -> Any:
        told, ok = await to_thread.run_sync(guest.call, asked.name, asked.arguments or {}, limiter=one)
        return types.CallToolResult(content=[types.TextContent(type="text", text=told)], is_error=not ok)

    async def list_prompts(context: Context, asked: types.PaginatedRequestParams | None) -> Any:
        return types.ListPromptsResult(prompts=[types.Prompt(name="task", description="What is to be done")])

    async def get_prompt(context: Context, asked: types.GetPromptRequestParams) -> Any:
        text = types.TextContent(type="text", text=guest.user)
        return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=text)])

    return Server(
        NAME,
        instructions=guest.system,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_prompts=list_prompts,
        on_get_prompt=get_prompt,
    )


def _tool(function: Mapping[str, Any]) -> types.Tool:
    return types.Tool(name=function["name"], description=function["description"], input_schema=function["parameters"])
