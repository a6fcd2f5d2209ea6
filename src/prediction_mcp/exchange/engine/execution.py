"""One half of a trade: what it does to an order, its owner's position, money and collateral."""

from __future__ import annotations

from prediction_mcp.kalshi.units import PRICE_UNITS

from . import tokens
from .collateral import fee_sources, release
from .ledger import Fill, Holding, book_fill
from .matching import BID, Order


def execute(order: Order, holding: Holding, price: int, count: int, fee: int, now_ms: int, *, is_taker: bool) -> int:
    """Fill ``count`` of an order at ``price`` for a net ``fee``; returns the change of the market's pool in micros."""
    account, side = order.account, order.side
    before = holding.requirement()
    released, slack = fee_sources(order, fee)
    order.fee_hold -= released
    order.slack -= slack
    release(holding, order, count, released, slack)
    if account.tokens:
        pool = tokens.book(order, holding, price, count, fee)
    else:
        pool = book_fill(account, holding, side, price, count, fee)
    account.held += holding.requirement() - before
    order.remaining -= count
    order.filled += count
    order.notional += price * count
    order.fee_total += fee
    cost = (price if side == BID else PRICE_UNITS - price) * count
    if is_taker:
        order.taker_cost += cost
        order.taker_fees += fee
    else:
        order.maker_cost += cost
        order.maker_fees += fee
    order.updated_ms = now_ms
    return pool


def record(order: Order, fill_id: str, seq: int, price: int, count: int, fee: int, *, is_taker: bool) -> Fill:
    """The fill as its owner can read it; it is the newest of the owner's fills."""
    fill = Fill(
        fill_id=fill_id,
        account=order.account,
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        ticker=order.ticker,
        side=order.side,
        price=price,
        count=count,
        is_taker=is_taker,
        fee=fee,
        ts_ms=order.updated_ms,
        seq=seq,
    )
    order.account.fills.append(fill)
    return fill
