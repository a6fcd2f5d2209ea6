"""What can go wrong between us and Polymarket: one exception a meaning."""

from __future__ import annotations

from prediction_mcp.net.errors import PlatformError


class PolymarketError(PlatformError):
    """Base of all errors of the client."""


class MissingExtraError(PolymarketError):
    """What signing needs isn't installed. Nothing was sent."""


class UnusableKeyError(PolymarketError):
    """A key that can't be used. Nothing was sent."""


class InvalidOrderError(PolymarketError):
    """The order breaks a rule: tick, size, or a combination of options. Nothing was sent."""
