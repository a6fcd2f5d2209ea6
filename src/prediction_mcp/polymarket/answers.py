"""What an answer means that isn't a success: by status, and where that isn't enough by its words.

Sources: the official SDK's decoders, Polymarket's documentation, a recorded 422 (docs/decisions.md, "Polymarket").
"""

from __future__ import annotations

from typing import Any

import orjson

from prediction_mcp.net.words import one_line

from .errors import (
    AuthenticationError,
    InsufficientBalanceError,
    InvalidOrderError,
    InvalidRequestError,
    NotFilledError,
    NotFoundError,
    PermissionDeniedError,
    PolymarketError,
    PostOnlyError,
    RateLimitedError,
    TradingPausedError,
    UnavailableError,
)

RESTARTING = 425
_BY_STATUS: dict[int, tuple[type[PolymarketError], str]] = {
    400: (InvalidRequestError, "Polymarket refused the request: {said}."),
    401: (
        AuthenticationError,
        "Polymarket refused the key or this machine's clock ({said}): check the API key, and that it is this wallet's.",
    ),
    403: (PermissionDeniedError, "Polymarket doesn't allow this from here or with this account: {said}."),
    404: (NotFoundError, "Polymarket doesn't know it: {said}."),
    422: (InvalidRequestError, "Polymarket refused the request: {said}."),
    429: (RateLimitedError, "Polymarket's rate limit was hit again and again: wait a little."),
}
_BY_WORDS: tuple[tuple[str, type[PolymarketError], str], ...] = (
    (
        "not enough balance / allowance",
        InsufficientBalanceError,
        "The wallet's balance or allowance doesn't cover the order ({said}): make it smaller, or free some money.",
    ),
    (
        "invalid post-only order",
        PostOnlyError,
        "A post-only order may not trade at once ({said}): nothing was placed.",
    ),
    (
        "fully filled or killed",
        NotFilledError,
        "There was too little to fill the order whole ({said}): nothing traded and nothing rests.",
    ),
    (
        "partially filled or killed",
        NotFilledError,
        "There was nothing to trade with at this price ({said}): nothing rests.",
    ),
    (
        "closed only mode",
        PermissionDeniedError,
        "This account may only close what it holds ({said}).",
    ),
    (
        "not yet ready to process new orders",
        TradingPausedError,
        "The market isn't ready for orders yet ({said}): nothing was placed; try again soon.",
    ),
    ("breaks minimum tick size", InvalidOrderError, "The price isn't one of the market's ({said})."),
    ("lower than the minimum", InvalidOrderError, "The order is smaller than the market takes ({said})."),
    ("min size: $", InvalidOrderError, "An order that trades at once has to be larger ({said})."),
    ("invalid expiration", InvalidOrderError, "The expiration isn't one that is taken ({said})."),
)
_PAUSED = ("post-only mode", "cancel-only", "trading is currently disabled")


def error_for(status: int, content: bytes) -> PolymarketError:
    """The exception for an answer that isn't a success, with the service's own words in it."""
    said = words_of(content) or f"status {status}"
    if status >= 500 and any(part in said.lower() for part in _PAUSED):
        return TradingPausedError(
            f"Polymarket takes no such order now ({said}): nothing was placed; try again later.",
            status=status,
            details=said,
        )
    if status >= 500 or status == RESTARTING:
        what = "is restarting its engine" if status == RESTARTING else "has a problem of its own"
        return UnavailableError(
            f"Polymarket {what} ({said}): try again later.",
            sent=status != RESTARTING,  # an engine that restarts takes nothing
            status=status,
            details=said,
        )
    kind, sentence = meaning(said) or _BY_STATUS.get(
        status, (PolymarketError, "Polymarket refused the request: {said}.")
    )
    return kind(sentence.format(said=said), status=status, details=said)


def meaning(said: str) -> tuple[type[PolymarketError], str] | None:
    """The class and the sentence of a refusal that is known by its words; some come with a success."""
    low = said.lower()
    return next(((kind, sentence) for part, kind, sentence in _BY_WORDS if part in low), None)


def words_of(content: bytes) -> str:
    """The words of an error answer, whatever its shape, on one line; empty where it has none."""
    try:
        decoded: Any = orjson.loads(content)
    except orjson.JSONDecodeError:
        return ""
    if isinstance(decoded, dict):
        decoded = decoded.get("error") or decoded.get("errorMsg") or decoded.get("message") or ""
    if not isinstance(decoded, str):
        return ""
    return one_line(decoded)
