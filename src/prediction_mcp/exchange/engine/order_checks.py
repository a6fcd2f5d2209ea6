"""What is wrong with an order before it meets a book. Rules: docs/kalshi.md, "Orders and reads"."""

from __future__ import annotations

from prediction_mcp.kalshi.units import COUNT_UNITS

from .groups import OrderGroup
from .ledger import Account, Holding
from .market_state import MarketState
from .matching import BID, Order
from .rejection import EXCHANGE, RejectionError, invalid, not_found

GTC = "good_till_canceled"
IOC = "immediate_or_cancel"
FOK = "fill_or_kill"


def check_open(market: MarketState) -> None:
    if not market.is_open:
        raise RejectionError("MARKET_INACTIVE", "market is not accepting orders")


def check_group(group: OrderGroup | None, account: Account) -> None:
    """Raises RejectionError for a group of another subaccount or shard, and for one that was triggered."""
    if group is None:
        return
    if group.account.home is not account.home:
        raise invalid("order_group_id", "belongs to another subaccount")
    if group.account is not account:
        raise invalid("order_group_id", f"is on shard {group.account.shard}, the market on shard {account.shard}")
    if group.triggered:
        raise RejectionError("order_group_triggered", "the order group takes no orders until it is reset")


def check_shape(market: MarketState, price: int, count: int) -> None:
    """Price and count as the market trades them."""
    if price not in market.book.prices:
        raise RejectionError("invalid_price", service=EXCHANGE)
    if count <= 0:
        raise RejectionError("invalid_order", "count must be positive")
    if count % COUNT_UNITS and not market.fractional:
        raise RejectionError("invalid_order", "this market trades whole contracts")


def check_expiry(expires_ms: int | None, now_ms: int) -> None:
    if expires_ms and expires_ms <= now_ms:
        raise RejectionError("invalid_order", "expiration_time must be in the future")


def check_time_in_force(time_in_force: str, expires_ms: int, now_ms: int, *, post_only: bool) -> None:
    """What an immediate order can't have."""
    if time_in_force != GTC:
        if expires_ms:
            raise RejectionError("invalid_order", "expiration_time needs time_in_force good_till_canceled")
        if post_only:
            raise RejectionError("invalid_order", "post_only can't be combined with an immediate order")
    check_expiry(expires_ms, now_ms)


def check_resting(order: Order) -> None:
    if order.status != "resting":
        raise not_found(service=EXCHANGE)


def reducible(holding: Holding, side: int, count: int, time_in_force: str) -> int:
    """The count of a reduce-only order, cut to the position it closes."""
    if time_in_force != IOC:
        raise RejectionError("invalid_order", "reduce_only needs time_in_force immediate_or_cancel")
    closable = -holding.position if side == BID else holding.position
    if closable <= 0:
        raise RejectionError("invalid_order", "reduce_only order has no position to reduce")
    return min(count, closable)
