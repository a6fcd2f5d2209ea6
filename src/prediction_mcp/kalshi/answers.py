"""What an error answer means: read in all three shapes, told apart by status and code together.

Sources: answers recorded of the demo exchange in June 2026 and what others saw in production (docs/kalshi.md,
"Errors"). The same status means several things (409 alone four), and so does the same code, so neither decides alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from prediction_mcp.net.words import one_line

from .errors import (
    AuthenticationError,
    ConflictError,
    DuplicateOrderError,
    GoneError,
    InsufficientBalanceError,
    InvalidOrderError,
    InvalidRequestError,
    KalshiError,
    MarketClosedError,
    NotFilledError,
    NotFoundError,
    PermissionDeniedError,
    PostOnlyError,
    RateLimitedError,
    SendError,
    TradingPausedError,
)

_INACTIVE = "The market takes no orders now ({said})."
_PAUSED = "Trading is paused ({said}): nothing was placed; try again when it goes on."
_UNFILLED = (
    "There was too little to trade with at once ({said}): nothing traded and nothing rests. A new try needs a new "
    "client_order_id, since this one is used up."
)
_MEANINGS: dict[tuple[int, str], tuple[type[KalshiError], str]] = {
    (400, "insufficient_balance"): (
        InsufficientBalanceError,
        "The cash on the market's shard doesn't cover the order's worst case, fees included ({said}): move cash there "
        "from another shard, free some, or make the order smaller.",
    ),
    (400, "invalid_order"): (InvalidOrderError, "The exchange refused the order: {said}."),
    (400, "invalid_price"): (InvalidOrderError, "The price isn't one that this market trades at ({said})."),
    (400, "expired"): (InvalidRequestError, "It is too late for that ({said}): nothing traded."),
    (400, "market_inactive"): (MarketClosedError, _INACTIVE),
    (400, "market_not_active"): (MarketClosedError, _INACTIVE),
    (400, "market_closed"): (MarketClosedError, _INACTIVE),
    (400, "trading_is_paused"): (TradingPausedError, _PAUSED),
    (409, "trading_is_paused"): (TradingPausedError, _PAUSED),
    (409, "order_already_exists"): (
        DuplicateOrderError,
        "This client_order_id was used before ({said}): look for that order, or take another id.",
    ),
    (409, "fill_or_kill_insufficient_resting_volume"): (NotFilledError, _UNFILLED),
    (409, "immediate_or_cancel_insufficient_resting_volume"): (NotFilledError, _UNFILLED),
    (401, "header_timestamp_expired"): (
        AuthenticationError,
        "The exchange refused the request's time ({said}): this machine's clock is off, set it right.",
    ),
    (404, "market_not_found"): (NotFoundError, "The exchange doesn't know the market ({said})."),
    (404, "not_found"): (NotFoundError, "The exchange doesn't know it ({said})."),
    (410, "deprecated_v1_order_endpoint"): (GoneError, "The exchange has removed this way of ordering ({said})."),
}
_KEYS = {
    "NOT_FOUND": (
        "The exchange doesn't know this API key ({said}): check the key id, and that it is of this environment."
    ),
    "INCORRECT_API_KEY_SIGNATURE": (
        "The signature doesn't fit the API key ({said}): check that the private key belongs to the key id."
    ),
}
"""What the details of an ``authentication_error`` say."""
_BY_STATUS: dict[int, type[KalshiError]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    410: GoneError,
    429: RateLimitedError,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """The words of an error answer, whatever its shape. Empty where it has none."""

    code: str = ""
    message: str = ""
    details: str = ""

    @property
    def said(self) -> str:
        """All of Kalshi's own words, each once."""
        words = [part for part in (self.message or self.code, self.details) if part]
        return one_line(": ".join(dict.fromkeys(part.rstrip(".") for part in words)))


def error_for(status: int, content: bytes) -> KalshiError:
    """The exception for an error answer, with the exchange's own code and words in it."""
    refusal = read_refusal(content) or Refusal()
    if status >= 500:
        return SendError(
            f"The exchange has a problem of its own ({status} {refusal.said or 'error'}): try again later.",
            sent=True,
            status=status,
        )
    kind, sentence = _meaning(status, refusal)
    text = refusal.said or f"status {status}"
    return kind(sentence.format(said=text), status=status, code=refusal.code, details=refusal.said)


def error_of_item(code: str, message: str, details: str) -> KalshiError:
    """The exception for one item of a batch that failed: it has an error's words, and no status of its own."""
    refusal = Refusal(code, message, details)
    status = 409 if (409, code.lower()) in _MEANINGS and (400, code.lower()) not in _MEANINGS else 400
    kind, sentence = _meaning(status, refusal)
    return kind(sentence.format(said=refusal.said or "no reason given"), code=code, details=refusal.said)


def _meaning(status: int, refusal: Refusal) -> tuple[type[KalshiError], str]:
    code = refusal.code.lower()
    if (status, code) == (400, "invalid_order") and "post only" in refusal.details.lower():
        return PostOnlyError, "A post-only order may not trade at once ({said}): nothing was placed."
    if status == 401 and code == "authentication_error" and refusal.details in _KEYS:
        return AuthenticationError, _KEYS[refusal.details]
    known = _MEANINGS.get((status, code))
    if known is not None:
        return known
    if status == 429:
        return (
            RateLimitedError,
            "The rate limit was hit again and again: others spend this account's budget, so wait.",
        )
    if status == 401 and code.endswith("_is_missing_from_headers"):
        return AuthenticationError, "The request came without what the exchange asks for ({said}): sign it."
    if status == 401 and not code:
        return AuthenticationError, "The exchange refused the API key, its signature or this machine's clock ({said})."
    if status == 403:
        return (
            PermissionDeniedError,
            "The API key may not do this ({said}): it lacks the scope, or the region forbids it.",
        )
    spoken = f"{status} {refusal.code}".strip().replace("{", "").replace("}", "")
    return _BY_STATUS.get(status, KalshiError), f"The exchange refused the request ({spoken}): {{said}}."


def read_refusal(content: bytes) -> Refusal | None:
    """An error body in any of its shapes; None for what isn't one.

    Nested ``{"error": {"code", "message", "details"}}``, flat ``{"code", "message", "details"}``, ``{"msg"}`` for
    parameters out of range, and ``{"error": "too many requests"}``.
    """
    try:
        decoded: Any = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    if isinstance(decoded, dict) and "error" in decoded:
        decoded = decoded["error"]
    if isinstance(decoded, str):
        return Refusal(message=decoded)
    if not isinstance(decoded, dict):
        return None
    if isinstance(decoded.get("msg"), str):
        return Refusal(message=decoded["msg"])
    code, message, details = (str(decoded.get(name) or "") for name in ("code", "message", "details"))
    return Refusal(code, message, details) if code or message else None
