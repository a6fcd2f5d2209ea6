"""Which tool calls may be answered from what was read a moment ago."""

from __future__ import annotations

import mcp_types
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools import ToolResult

from prediction_mcp.net.caching import allowing


class Kept(Middleware):
    """Allows the cache for the tools named, and for no other: what an order is decided on is read anew."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        if context.message.name not in self._names:
            return await call_next(context)
        with allowing():
            return await call_next(context)
