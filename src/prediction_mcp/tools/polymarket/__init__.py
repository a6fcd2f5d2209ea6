"""The toolset polymarket."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prediction_mcp.protocol.toolset import Toolset


def toolsets() -> list[Toolset]:
    """Its tools, loaded where they were chosen."""
    from . import markets, orders, realtime, wallet

    return [module.mcp for module in (markets, wallet, orders, realtime)]
