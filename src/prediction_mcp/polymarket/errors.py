"""What can go wrong between us and Polymarket: one exception a meaning."""

from __future__ import annotations

from prediction_mcp.net.errors import MissingError, NotAnswered, PlatformError, TooMany


class PolymarketError(PlatformError):
    """Base of all errors of the client.

    Attributes:
        status: the HTTP status, when a service answered.
        details: the service's own words, when it gave some.
    """

    def __init__(self, message: str, *, status: int | None = None, details: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.details = details


class MissingExtraError(PolymarketError):
    """What signing needs isn't installed. Nothing was sent."""


class UnusableKeyError(PolymarketError):
    """A key that can't be used. Nothing was sent."""


class AuthenticationError(PolymarketError):
    """401: the service doesn't accept the key, the signature or the clock."""


class PermissionDeniedError(PolymarketError):
    """403: not from here, or not with this account."""


class NotFoundError(PolymarketError, MissingError):
    """404: there is no such market, event, token or order."""


class InvalidRequestError(PolymarketError):
    """400 or 422: the service refused the parameters."""


class InvalidOrderError(InvalidRequestError):
    """The order breaks a rule: tick, size, or a combination of options. Nothing rests."""


class InsufficientBalanceError(InvalidOrderError):
    """The wallet's money or allowance doesn't cover the order. Nothing rests."""


class PostOnlyError(InvalidOrderError):
    """A post-only order would have traded at once. Nothing rests."""


class NotFilledError(InvalidOrderError):
    """An immediate order found too little. Nothing rests."""


class TradingPausedError(PolymarketError):
    """Trading is stopped, or takes only cancels or orders that rest. Nothing was placed."""


class RateLimitedError(PolymarketError, TooMany):
    """429, after all tries."""


class BudgetSpentError(PolymarketError):
    """The request would wait too long for its turn. Nothing was sent."""


class UnavailableError(PolymarketError, NotAnswered):
    """No connection, no answer in time, a restart or another problem of the service's own, after all tries."""

    def __init__(self, message: str, *, sent: bool, status: int | None = None, details: str = "") -> None:
        super().__init__(message, status=status, details=details)
        self.sent = sent


class MalformedResponseError(PolymarketError):
    """The answer isn't what the service's models promise (or isn't JSON)."""


class PaginationError(PolymarketError):
    """A list gave the same cursor twice: going on would never end."""


class OutcomeUnknownError(PolymarketError):
    """An order left and nothing told its fate, not even when asked. The message says how to find out."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.maybe_done = True
