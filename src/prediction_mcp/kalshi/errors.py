"""What can go wrong between us and the exchange: one exception a meaning.

Every message is one sentence a person can act on; the exchange's own code and text stay in ``code`` and ``details``.
"""

from __future__ import annotations

from prediction_mcp.net.errors import MissingError, NotAnswered, PlatformError, TooMany


class KalshiError(PlatformError):
    """Base of all errors of the client.

    Attributes:
        message: one sentence: what was wrong, what to do.
        status: the HTTP status, when the exchange answered.
        code: the exchange's own error code, when it gave one.
        details: the exchange's own words, when it gave some.
        maybe_done: an earlier try of the same request was lost on its way, so its effect is unknown.
    """

    def __init__(self, message: str, *, status: int | None = None, code: str = "", details: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.details = details


class CredentialsError(KalshiError):
    """No key, or one that can't be used, where a key is needed. Nothing was sent."""


class AuthenticationError(KalshiError):
    """401: the exchange doesn't accept the key, the signature or the clock."""


class PermissionDeniedError(KalshiError):
    """403: the key is good but may not do this (its scopes, or the region)."""


class GoneError(KalshiError):
    """410: the exchange has removed this endpoint; a newer version of this program is needed."""


class NotFoundError(KalshiError, MissingError):
    """404: there is no such market, event, series or order."""


class InvalidRequestError(KalshiError):
    """400: the exchange refused the parameters."""


class InvalidOrderError(InvalidRequestError):
    """The order breaks a rule: price grid, count, or a combination of flags."""


class MarketClosedError(InvalidOrderError):
    """The market takes no orders: not open yet, halted, or closed."""


class TradingPausedError(MarketClosedError):
    """409: trading is paused, on the exchange or in this market. Nothing rests."""


class PostOnlyError(InvalidOrderError):
    """A post-only order would have traded at once. Nothing rests."""


class NotFilledError(InvalidOrderError):
    """409: an immediate order found too little volume. Nothing traded or rests; its client_order_id is used up."""


class InsufficientBalanceError(InvalidOrderError):
    """The account can't carry the worst case of the order."""


class ConflictError(KalshiError):
    """409: something stands against it that isn't known here; for an order: ask whether it exists."""


class DuplicateOrderError(ConflictError):
    """409: this client_order_id was used before, by an order that may be over or by one that was killed."""


class RateLimitedError(KalshiError, TooMany):
    """429, after all tries: somebody else spends the account's budget too."""


class BudgetSpentError(KalshiError):
    """The request would wait too long for tokens of the rate budget. Nothing was sent."""


class ExchangeUnavailableError(KalshiError):
    """No connection, no answer in time, 5xx or maintenance, after all tries. Nothing is known to have changed."""


class TransferPendingError(ExchangeUnavailableError):
    """Money is on its way to the order's shard and hasn't arrived: the order wasn't sent; try again in a moment."""


class SendError(ExchangeUnavailableError, NotAnswered):
    """One try without a usable answer. ``sent`` says whether the request may have reached the exchange."""

    def __init__(self, message: str, *, sent: bool, status: int | None = None) -> None:
        super().__init__(message, status=status)
        self.sent = sent


class OutcomeUnknownError(KalshiError):
    """A write left and no answer told its fate, not even when asked. The message says how to find out."""

    def __init__(self, message: str, *, status: int | None = None, code: str = "", details: str = "") -> None:
        super().__init__(message, status=status, code=code, details=details)
        self.maybe_done = True


class MalformedResponseError(KalshiError):
    """The exchange's answer isn't what its API promises (or isn't JSON)."""


class PaginationError(KalshiError):
    """The exchange gave the same cursor twice: going on would never end."""
