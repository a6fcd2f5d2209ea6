"""How tools are registered: as FastMCP does it, less what nobody reads.

FastMCP makes a schema of every tool's return type, also where none is sent: half of the time that registering takes,
and the start of the server waits for it. A list of tools without them is half as long, and the structured answer is
sent all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from fastmcp.server.providers import LocalProvider
from mcp_types import ToolAnnotations

F = TypeVar("F", bound=Callable[..., Any])


CACHED = frozenset({"discovery", "analysis", "portfolio"})
"""Subjects in which a moment's age does no harm; what trades, watches or keeps records reads anew."""


class Toolset:
    """The tools of one module. ``provider`` is what the server takes."""

    def __init__(self) -> None:
        self.provider = LocalProvider()
        self.writes: set[str] = set()
        """Tools that write, by name."""
        self.reads: set[str] = set()
        """Tools that change nothing, by name."""
        self.cached: set[str] = set()
        """Tools that may answer from what was read a moment ago."""

    def tool(
        self, *, title: str, annotations: ToolAnnotations, tags: set[str], app: str | None = None
    ) -> Callable[[F], F]:
        """Register a function as a tool, under its own name.

        Args:
            app: the page (``ui://…``) that a client which can shows beside the answer.
        """

        def register(function: F) -> F:
            bare: Any = function
            while bare is not None:
                if isinstance(getattr(bare, "__annotations__", None), dict):
                    bare.__annotations__.pop("return", None)
                bare = getattr(bare, "__wrapped__", None)
            if "write" in tags:
                self.writes.add(function.__name__)
            if annotations.read_only_hint:
                self.reads.add(function.__name__)
            if annotations.read_only_hint and tags & CACHED:
                self.cached.add(function.__name__)
            meta = None if app is None else {"ui": {"resourceUri": app}}
            self.provider.tool(function, title=title, annotations=annotations, tags=tags, output_schema=None, meta=meta)
            return function

        return register
