"""Small contexts: a search and a call instead of all tools. What a call needs, confirmation included, goes through.

FastMCP's own proxy carries no annotations and was seen to lose a request for confirmation; so the two tools are made
here, over its search and its ranking.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastmcp.exceptions import ToolError
from fastmcp.server.context import Context
from fastmcp.server.transforms.search.bm25 import BM25SearchTransform
from fastmcp.tools import Tool
from pydantic import Field

from .annotations import PLACES, READS

FIND, CALL = "find_tools", "call_tool"
MOST = 5
"""Tools that a search answers with."""


class LeanTools(BM25SearchTransform):
    """Offers :data:`FIND` and :data:`CALL`; every tool stays reachable through them, and by its own name."""

    def __init__(self) -> None:
        super().__init__(
            max_results=MOST, search_tool_name=FIND, call_tool_name=CALL, search_result_serializer=described
        )
        self._find = Tool.from_function(self._searching(), name=FIND, annotations=READS, output_schema=None)
        self._call = Tool.from_function(_calling, name=CALL, annotations=PLACES, output_schema=None)

    def _make_search_tool(self) -> Tool:
        return self._find

    def _make_call_tool(self) -> Tool:
        return self._call

    def _searching(self) -> Any:
        async def find_tools(
            query: Annotated[str, Field(max_length=500)],
            ctx: Context = None,  # type: ignore[assignment]  # FastMCP fills it in
        ) -> dict[str, Any]:
            """Find tools by what you want to do, like “order book” or “cancel my orders”; call them with call_tool."""
            tools = await self.get_tool_catalog(ctx)
            found = described(await self._search(tools, query))
            if found:
                return {"tools": found}
            return {"tools": [], "names": sorted(tool.name for tool in tools), "note": "Nothing fits: these there are."}

        return find_tools


async def _calling(
    name: str,
    arguments: dict[str, Any] | None = None,
    ctx: Context = None,  # type: ignore[assignment]  # FastMCP fills it in
) -> Any:
    """Call a tool that find_tools named. Those whose annotations lack readOnlyHint place orders or change things."""
    if name in (FIND, CALL):
        raise ToolError(f"{name} is called by itself, not through {CALL}.")
    try:
        return await ctx.fastmcp.call_tool(name, arguments or {})
    except ToolError as error:  # it is a sentence already; a cause would be taken for a failure of this proxy
        raise ToolError(str(error)) from None


def described(tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """Tools as a listing has them, less what nobody needs to call one."""
    return [
        {
            "name": tool.name,
            "description": tool.description,
            "inputSchema": tool.parameters,
            "annotations": tool.annotations.model_dump(mode="json", by_alias=True, exclude_none=True)
            if tool.annotations
            else {},
        }
        for tool in tools
    ]
