"""Fees that the wallet paid. Polymarket reports none with a trade, so they are computed fill by fill."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from loguru import logger

from prediction_mcp.polymarket.errors import NotFoundError, PolymarketError
from prediction_mcp.polymarket.fees import taker_fee

from . import portfolio

if TYPE_CHECKING:
    from prediction_mcp.polymarket.models import FeeSchedule
    from prediction_mcp.polymarket.own import OwnFill, UserTrade
    from prediction_mcp.polymarket.record import Activity

    from .account import Account

ZERO, SECOND = Decimal(0), timedelta(seconds=1)
WAITS_S = (0.0, 0.5)
"""Seconds before each try to read an order's trades: they may lag behind its answer."""


def paid(fills: Iterable[OwnFill], schedule: FeeSchedule | None) -> Decimal:
    """Dollars of fees on fills: each taker fill is rounded by itself, makers pay nothing."""
    return sum((taker_fee(schedule, fill.price, fill.size) for fill in fills if fill.is_taker), ZERO)


async def fills_of_order(account: Account, order_id: str, condition: str, filled: Decimal) -> list[OwnFill] | None:
    """The fills of an order, which are ``filled`` shares together; None where they can't be read by now.

    The order stands whatever comes of this, so a failed read isn't raised.
    """
    trader = await account.trader()
    for wait in WAITS_S:
        await asyncio.sleep(wait)
        try:
            recent = await trader.recent_trades(condition)
        except PolymarketError:
            return None
        fills = [f for t in recent for f in _own(account, t) if f.order_id == order_id]
        if sum(fill.size for fill in fills) == filled:
            return fills
    return None


async def of_order(
    account: Account, order_id: str, condition: str, filled: Decimal, schedule: FeeSchedule | None
) -> Decimal | None:
    """Dollars of fees that an order paid on ``filled`` shares; None where its fills can't be read by now."""
    if not filled or schedule is None:
        return ZERO
    fills = await fills_of_order(account, order_id, condition, filled)
    return None if fills is None else paid(fills, schedule)


def _own(account: Account, trade: UserTrade) -> tuple[OwnFill, ...]:
    return trade.fills(account.wallet().address, account.key)


async def of_activity(account: Account, rows: Sequence[Activity]) -> list[Decimal | None]:
    """The fee of each row in dollars: of a taker's trade; None for other rows, and where it isn't known.

    A row is the wallet's part of a trade, or one of its fills; both are found by transaction, token and side. Activity
    is readable without the order book, so where that doesn't answer the fees are unknown.
    """
    trades = [row for row in rows if row.type == "TRADE"]
    times = [row.timestamp for row in trades if row.timestamp is not None]
    if not times:
        return [None] * len(rows)
    taken: dict[tuple[str, str, str], list[OwnFill]] = {}
    try:
        trader = await account.trader()
        for trade in await trader.trades(after=min(times) - SECOND, before=max(times) + SECOND):
            for fill in _own(account, trade):
                taken.setdefault((trade.transaction_hash or "", fill.asset_id, fill.side), []).append(fill)
        schedules = await _schedules(account, {row.condition_id or "" for row in trades})
    except PolymarketError as error:
        logger.info("the fees of Polymarket's activity can't be read now: {}", error)
        return [None] * len(rows)

    def fee(row: Activity) -> Decimal | None:
        fills = taken.get((row.transaction_hash or "", row.token_id or "", row.side or ""), [])
        schedule, name = schedules.get(row.condition_id or ""), row.condition_id
        if not fills or name not in schedules or row.price is None or row.size is None:
            return None
        if sum(fill.size for fill in fills) == row.size:
            return paid(fills, schedule)
        alike = [fill for fill in fills if (fill.size, fill.price) == (row.size, row.price)]
        return paid(alike[:1], schedule) if alike else None

    return [fee(row) if row.type == "TRADE" else None for row in rows]


async def _schedules(account: Account, conditions: set[str]) -> dict[str, FeeSchedule | None]:
    """Fees by market: the catalogue's, a few dozen a request, else the order book's; unknown markets are missing."""
    listed = await portfolio.markets_of(account, sorted(conditions))
    found = {name: market.fee_schedule for name, market in listed.items()}
    for name in sorted(conditions - found.keys() - {""}):
        try:
            found[name] = (await account.polymarket.terms(name)).schedule
        except NotFoundError:
            continue
    return found
