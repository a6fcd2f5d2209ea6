"""Polymarket in the shapes that all platforms share. The only module that knows both."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from prediction_mcp.matching.listing import Listing
from prediction_mcp.net.words import printed
from prediction_mcp.polymarket.errors import OutcomeUnknownError, PolymarketError
from prediction_mcp.polymarket.fees import taker_fee
from prediction_mcp.polymarket.models import FeeSchedule
from prediction_mcp.polymarket.models import Market as Native
from prediction_mcp.polymarket.orders import SOONEST_S
from prediction_mcp.safety.plan import Done, Plan, R, Terms

from ..shapes import Book, Fill, Market, Money, PlatformName, Position
from . import lookup, portfolio
from .trading.place import PlaceOrder, plan_order
from .trading.ticket import Ticket

if TYPE_CHECKING:
    from prediction_mcp.analytics.costs import Fees
    from prediction_mcp.catalogue.index import Index
    from prediction_mcp.polymarket.own import Order

    from .account import Account

STEP, LEAST = Decimal("0.01"), Decimal(5)
DAY_H = 24
SLACK_S = 5
RESTS = ("LIVE", "DELAYED")
WAITS_S = (0.3, 1.0, 2.0, 3.0, 4.0)
"""Seconds between tries to end an order: markets hold orders back three seconds at most."""


@dataclass(frozen=True, slots=True)
class TakerFees:
    """A market's fee, as arithmetic takes it: of the taker, whichever way."""

    schedule: FeeSchedule | None

    def fee(self, price: Decimal, count: Decimal, *, is_taker: bool, closing: bool = False) -> Decimal:
        """Dollars, with five decimals; makers pay nothing."""
        del closing
        return taker_fee(self.schedule, price, count) if is_taker else Decimal(0)


class PolymarketVenue:
    """A wallet at Polymarket as work across platforms asks it."""

    platform: PlatformName = "polymarket"

    def __init__(self, account: Account) -> None:
        self._account = account

    @property
    def source(self) -> str:
        return self._account.source

    async def market(self, text: str) -> Market:
        return shaped(await lookup.market(await self._account.open(), text))

    async def markets(self, ids: Sequence[str]) -> dict[str, Market]:
        found = await portfolio.listed(await self._account.open(), "slug", ids)
        return {market.id: market for market in map(shaped, found)}

    async def book(self, market: Market) -> Book:
        account = await self._account.open()
        token = lookup.sides_of(cast("Native", market.native))[0].token
        live = account.feeds.book(token)
        if live is not None:
            bids, asks = live.depth(1_000)
            return Book(bids, asks)
        found = await account.polymarket.orderbook(token)
        return Book([(b.price, b.size) for b in found.bids], [(a.price, a.size) for a in found.asks])

    async def fees(self, market: Market) -> Fees | None:
        terms = await (await self._account.open()).polymarket.terms(market.key)
        return TakerFees(terms.schedule)

    async def history(self, market: Market, hours: int) -> list[tuple[datetime, Decimal]]:
        account, since = await self._account.open(), datetime.now(UTC) - timedelta(hours=hours)
        token = lookup.sides_of(cast("Native", market.native))[0].token
        span = "1d" if hours <= DAY_H else "1w" if hours <= 7 * DAY_H else "1m" if hours <= 30 * DAY_H else "max"
        points = await account.polymarket.price_history(token, interval=span)
        return sorted((p.timestamp, p.price) for p in points if p.timestamp is not None and p.timestamp >= since)

    async def catalogue(self) -> Index:
        account = await self._account.open()
        await account.catalogue.ready(account.polymarket)
        return account.catalogue.index

    async def money(self) -> Money:
        account = await self._account.open()
        cash = (await (await account.trader()).balance()).balance / portfolio.MILLIONTHS
        return Money(cash, (await account.polymarket.value(account.address)).value)

    async def positions(self) -> list[Position]:
        account = await self._account.open()
        rows = [row for row in await portfolio.rows(account) if row.current_size]
        listed = await portfolio.markets_of(account, [row.condition_id for row in rows])
        return [
            Position(
                shaped(listed[row.condition_id]), row.outcome_index or 0, row.current_size,
                row.total_cost_usdc, row.current_value,
            )
            for row in rows if row.condition_id in listed
        ]  # fmt: skip

    async def leg(self, market: Market, side: int, count: Decimal, limit: Decimal) -> PolymarketLeg:
        account = await self._account.open()
        ticket = Ticket(
            market.id, market.sides[side], "buy", count, price=limit * 100, order_type="GTD",
            expiration=int(time.time()) + SOONEST_S + SLACK_S,
        )  # fmt: skip
        return PolymarketLeg(account, await plan_order(account, ticket))

    def require_writes(self) -> None:
        self._account.policy.require_writes()


class PolymarketLeg:
    """An order for exactly so many shares, whose rest is cancelled at once; it would end by itself two minutes later.

    Orders at once (FAK) are sized in dollars there, and would buy more shares where the book is better than its limit.
    """

    def __init__(self, account: Account, plan: PlaceOrder) -> None:
        self._account, self.plan = account, plan

    def funded(self, plan: Plan[R]) -> Plan[R]:
        return plan

    def resized(self, terms: Terms, count: Decimal) -> Terms:
        return self.plan.resized(terms, count)

    async def send(self, terms: Terms) -> Fill:
        soon = int(time.time()) + SOONEST_S + SLACK_S  # it isn't signed, and a person may have thought for a while
        placed, price = await self.plan.send({**terms, "expiration": soon}), Decimal(terms["price"])
        got, paid = placed.filled, placed.total or Decimal(0)
        is_exact, resting = placed.total is not None or not placed.filled, placed.resting
        if placed.status == "delayed" or placed.filled + placed.resting != Decimal(terms["size"]) or resting:
            try:
                order = await self._ended(placed.order_id)
            except PolymarketError as error:
                raise OutcomeUnknownError(
                    f"The order {placed.order_id} was placed, and what became of it can't be told now: {error}"
                ) from error
            late = order.size_matched - got  # filled after it had begun to rest, or was held back
            is_exact = is_exact and (not late or placed.status != "delayed")
            got, paid = order.size_matched, paid + late * price
            resting = order.original_size - order.size_matched if order.status in RESTS else Decimal(0)
        fee = await self.plan.fee_paid(placed.order_id, got)
        if fee is None:
            fee, is_exact = self.plan.fee(round(paid / got, 6), got), False
        return Fill(placed.order_id, got, paid, fee, resting, is_exact)

    async def _ended(self, order_id: str) -> Order:
        """Take back what rests, and see what became of the order."""
        trader = await self._account.trader()
        for wait in WAITS_S:
            await trader.cancel([order_id])
            order = await trader.order(order_id)
            if order.status not in RESTS:
                break
            await asyncio.sleep(wait)  # it is held back, or the cancel hasn't come through
        return order

    def done(self, fill: Fill) -> Done:
        rest = fill.resting * self.plan.limit
        said = f"{printed(fill.count)} shares filled"
        return Done(said, fill.order_id, fill.total + rest, rest, fill.resting)


def shaped(native: Native) -> Market:
    """A market of Polymarket's in the shape of all."""
    names = (native.outcome_names[0], native.outcome_names[1]) if len(native.outcome_names) == 2 else ("Yes", "No")
    resolved = native.uma_resolution_status == "resolved"
    is_open = bool(native.accepting_orders) and not native.closed
    return Market(
        platform="polymarket",
        id=native.slug or native.id,
        key=native.condition_id or "",
        event=native.event_slug or "",
        listing=listing(native, names),
        sides=names,
        is_open=is_open,
        status="resolved" if resolved else "open" if is_open else "closed",
        closes=native.end_date,
        bid=native.best_bid,
        ask=native.best_ask,
        volume=native.volume_24hr,
        step=STEP,
        least=native.order_min_size or LEAST,
        tick=max(native.order_price_min_tick_size or STEP, STEP),
        pays=native.outcome_prices[0] if resolved and native.outcome_prices else None,
        native=native,
    )


def listing(native: Native, names: tuple[str, str]) -> Listing:
    """Its texts and fields, as matching reads them; a game ends when it begins, since the end date is no promise.

    The source field counts where the rules don't name one themselves.
    """
    source, rules = native.resolution_source, native.description or ""
    return Listing(
        platform="polymarket",
        id=native.slug or native.id,
        title=native.question,
        rules=rules,
        option=native.group_item_title or "",
        outcomes=names,
        category=native.category or "",
        closes=native.game_start_time or native.end_date,
        exclusive=native.neg_risk,
        sources=(source,) if source and "//" not in source and "ource" not in rules else (),
    )
