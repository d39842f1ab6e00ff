"""A world as an MCP server: an agent of others gets the same tools as every agent of ours, over stdio or HTTP.

One world per process or per URL. Never one per MCP session: the protocol has none any more.
"""

from offswitch.adapters.mcp.house import House, listening, serving
from offswitch.adapters.mcp.server import tool_server
from offswitch.adapters.mcp.stdio import over_stdio

__all__ = ["House", "listening", "over_stdio", "serving", "tool_server"]
