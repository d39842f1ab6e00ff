"""One world on standard input and output, as an MCP client starts it; the client's going is the agent's being done."""

from mcp.server.stdio import stdio_server

from offswitch.adapters.mcp.server import tool_server
from offswitch.rollout.guest import Guest


async def over_stdio(guest: Guest) -> None:
    """Serve until the client closes its end."""
    server = tool_server(guest)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())
