"""How Polymarket says no: its words, and which of them fits what the engine refused.

Source: Polymarket's documentation, the official SDK where it knows them (docs/exchange.md, "The second front").
"""

from __future__ import annotations

from typing import Any

from prediction_mcp.exchange.engine.rejection import RejectionError

NO_BALANCE = "not enough balance / allowance"
POST_ONLY_CROSSES = "invalid post-only order: order crosses book"
BAD_EXPIRATION = "invalid expiration"
NOT_READY = "the market is not yet ready to process new orders"
FOK_KILLED = "order couldn't be fully filled. FOK orders are fully filled or killed."
FAK_KILLED = "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found."
WRONG_SIGNER = "the order signer address has to be the address of the API KEY"
BAD_PAYLOAD = "Invalid order payload"
NO_BOOK = "No orderbook exists for the requested token id"
BAD_KEY = "Unauthorized/Invalid api key"
BAD_L1 = "Invalid L1 Request headers"
CANCEL_ONLY = "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed."
DISABLED = "Trading is currently disabled. Check polymarket.com for updates"
POST_ONLY_MODE = "post-only mode: only post-only orders and cancels are allowed"
GONE = "order can't be found - already canceled or matched"
WAITS = "order is delayed and can't be canceled yet"


class RefusalError(Exception):
    """A request that is refused; nothing was changed. ``more`` stands beside the words."""

    def __init__(self, error: str, status: int = 400, **more: Any) -> None:
        super().__init__(error)
        self.error, self.status, self.more = error, status, more

    @property
    def body(self) -> dict[str, Any]:
        return {"error": self.error, **self.more}


class GammaRefusalError(RefusalError):
    """422 as the catalogue has it (recorded 2025-11)."""

    def __init__(self, error: str) -> None:
        super().__init__(error, 422)

    @property
    def body(self) -> dict[str, Any]:
        return {"type": "validation error", "error": self.error}


def words_for(rejection: RejectionError, order_id: str) -> str:
    """What is said of an order that the engine refused."""
    return {
        "insufficient_balance": NO_BALANCE,
        "fill_or_kill_insufficient_resting_volume": FOK_KILLED,
        "MARKET_INACTIVE": NOT_READY,
        "order_already_exists": f"order {order_id} is invalid. Duplicated.",
    }.get(rejection.code) or (POST_ONLY_CROSSES if "post only" in rejection.details else BAD_PAYLOAD)
