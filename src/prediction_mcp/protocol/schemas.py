"""Input schemas as short as they can be: the reader pays for every byte, in every conversation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mcp_types
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools import Tool

_NULL = {"type": "null"}


class LeanSchemas(Middleware):
    """Say "may be left out" once: a parameter that isn't required needs neither a null alternative nor a null default.

    Only what is shown changes. A client that sends null all the same is still understood.
    """

    def __init__(self, drop: frozenset[str] = frozenset()) -> None:
        """``drop``: parameters that nobody could use here."""
        self._drop = drop
        self._lean: dict[str, Tool] = {}

    async def on_list_tools(
        self,
        context: MiddlewareContext[mcp_types.ListToolsRequest],
        call_next: CallNext[mcp_types.ListToolsRequest, Sequence[Tool]],
    ) -> Sequence[Tool]:
        return [self._shown(tool) for tool in await call_next(context)]

    def _shown(self, tool: Tool) -> Tool:
        if tool.name not in self._lean:
            self._lean[tool.name] = tool.model_copy(update={"parameters": lean(tool.parameters, self._drop)})
        return self._lean[tool.name]


def lean(schema: dict[str, Any], drop: frozenset[str] = frozenset()) -> dict[str, Any]:
    """A tool's input schema without its null alternatives."""
    shown = {name: shape for name, shape in schema.get("properties", {}).items() if name not in drop}
    properties = {name: _lean_property(shape) for name, shape in shown.items()}
    return {**schema, "properties": properties}


def _lean_property(shape: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in shape.items() if not (key == "default" and value is None)}
    choices = [choice for choice in kept.get("anyOf", []) if choice != _NULL]
    if len(choices) == 1:
        del kept["anyOf"]
        kept |= choices[0]
    return kept
