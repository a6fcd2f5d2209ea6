"""A typed async client for Kalshi. Usable alone: ``from prediction_mcp.kalshi import KalshiClient``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .client import KalshiClient as KalshiClient
    from .errors import KalshiError as KalshiError

__all__ = ["KalshiClient", "KalshiError"]


def __getattr__(name: str) -> Any:
    """Load on first use: the exchange needs this package's units without paying for HTTP."""
    if name == "KalshiClient":
        from .client import KalshiClient

        return KalshiClient
    if name == "KalshiError":
        from .errors import KalshiError

        return KalshiError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
