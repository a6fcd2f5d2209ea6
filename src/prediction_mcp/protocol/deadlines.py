"""A time limit for every call of a tool and every read of a resource."""

from __future__ import annotations

import mcp_types
from fastmcp.exceptions import ResourceError, ToolError
from fastmcp.resources import ResourceResult
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools import ToolResult

from prediction_mcp.net import deadline

READ = "This took longer than {:.0f} s and was stopped: try again, or ask for less at once."
WRITE = "This took longer than {:.0f} s and was stopped: look whether it was done before you try again."


class Deadlines(Middleware):
    """Ends each call within the limit of its kind; tools that aren't named as ``reads`` write."""

    def __init__(self, reads: frozenset[str]) -> None:
        self._reads = reads

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        limits, reads = deadline.LIMITS, context.message.name in self._reads
        seconds, sentence = (limits.read, READ) if reads else (limits.write, WRITE)
        try:
            async with deadline.within(seconds, sentence.format(seconds)):
                return await call_next(context)
        except deadline.DeadlineError as error:
            raise ToolError(str(error)) from error

    async def on_read_resource(
        self,
        context: MiddlewareContext[mcp_types.ReadResourceRequestParams],
        call_next: CallNext[mcp_types.ReadResourceRequestParams, ResourceResult],
    ) -> ResourceResult:
        seconds = deadline.LIMITS.read
        try:
            async with deadline.within(seconds, READ.format(seconds)):
                return await call_next(context)
        except deadline.DeadlineError as error:
            raise ResourceError(str(error)) from error
