"""What an account holds and what rests, as the exchange tells it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from loguru import logger

from prediction_mcp.kalshi.cash import CashBalances
from prediction_mcp.kalshi.errors import NotFoundError, PermissionDeniedError
from prediction_mcp.net import deadline
from prediction_mcp.net.errors import PlatformError
from prediction_mcp.net.sides import Side
from prediction_mcp.safety.halt import READ_S, UNREAD
from prediction_mcp.safety.plan import Resting, Standing

if TYPE_CHECKING:
    from prediction_mcp.kalshi.models.orders import Order
    from prediction_mcp.kalshi.models.portfolio import MarketPosition

    from .account import Account


async def positions_of(
    account: Account, *, ticker: str | None = None, event: str | None = None
) -> list[MarketPosition]:
    """What is held now, in a market, an event, or at all."""
    found = account.kalshi.portfolio.all_positions(count_filter="position", ticker=ticker, event_ticker=event)
    return [position async for position in found if position.position_fp]


async def position_in(account: Account, ticker: str) -> list[MarketPosition]:
    """What is held in one market, in the one page there is of it."""
    return (await account.kalshi.portfolio.positions(ticker=ticker)).market_positions


async def cash_of(account: Account) -> CashBalances:
    """Free cash by subaccount and shard; of the primary account alone where the key may not list subaccounts."""
    try:
        return CashBalances.of(await account.kalshi.subaccounts.balances())
    except (PermissionDeniedError, NotFoundError):
        return CashBalances.of_primary(await account.kalshi.portfolio.balance())


async def resting_of(account: Account, ticker: str | None = None, *, event: str | None = None) -> list[Order]:
    """The resting orders of a market, of an event, or all."""
    return [o async for o in account.kalshi.orders.all(ticker=ticker, event_ticker=event, status="resting")]


async def resting_now(account: Account) -> list[Order] | None:
    """What rests; None where that can't be read soon, which stops no cancel."""
    try:
        async with deadline.within(READ_S, UNREAD):
            return await resting_of(account)
    except PlatformError as error:
        logger.error("what rests can't be read: {!r}", error)
        return None


def held_of(position: Decimal, side: Side) -> Decimal:
    """Contracts of a side in a signed position (YES above zero); negative for contracts of the other side."""
    return position if side == "yes" else -position


def standings(positions: Iterable[MarketPosition], resting: Sequence[Order]) -> dict[str, Standing]:
    """What is held and rests, by market, as limits look at it."""
    held = {p.ticker: p for p in positions}
    orders = dict[str, list[Resting]]()
    for order in resting:
        orders.setdefault(order.ticker, []).append(resting_as(order))
    return {
        ticker: Standing(
            held[ticker].position_fp if ticker in held else Decimal(0),
            held[ticker].market_exposure_dollars if ticker in held else Decimal(0),
            tuple(orders.get(ticker, ())),
        )
        for ticker in {**held, **orders}
    }


def resting_as(order: Order) -> Resting:
    return Resting(order.book_side, order.yes_price_dollars, order.remaining_count_fp, order.order_id)
