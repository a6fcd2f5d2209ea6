"""One look at the world for one decision: what a write is checked, weighed, said and limited with.

Everything is read by one :func:`gather`, at once; what a question needs beyond that is read by :meth:`View.with_more`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from loguru import logger

from prediction_mcp.kalshi.errors import KalshiError, NotFoundError
from prediction_mcp.kalshi.orders import book_side
from prediction_mcp.kalshi.tickers import likely_event
from prediction_mcp.safety.guard import LAG_S, MOST_LAG_S
from prediction_mcp.safety.plan import Look, Needs, Standing

from .. import lookup
from ..fees import family, schedule
from ..held import cash_of, held_of, position_in, positions_of, resting_of, standings

if TYPE_CHECKING:
    from prediction_mcp.kalshi.cash import CashBalances
    from prediction_mcp.kalshi.fees import FeeSchedule
    from prediction_mcp.kalshi.models.markets import Market, Orderbook
    from prediction_mcp.kalshi.models.orders import Order, TimeInForce
    from prediction_mcp.kalshi.models.portfolio import Balance, MarketPosition
    from prediction_mcp.kalshi.models.series import Series
    from prediction_mcp.net.sides import Action, Side

    from ..account import Account

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Wants:
    """What is to be read beside the market; each part is a request or two."""

    fees: bool = False
    book: bool = False
    positions: bool = False
    resting: bool = False
    balance: bool = False
    cash: bool = False
    """Free cash by shard."""
    event: bool = False
    """Positions and resting orders of the whole event."""
    moment: bool = False

    @classmethod
    def of(cls, needs: Needs) -> Wants:
        return cls(
            fees=needs.stake, positions=needs.held, resting=needs.held, balance=needs.cash, event=needs.event,
            moment=needs.moment,
        )  # fmt: skip

    def __or__(self, other: Wants) -> Wants:
        return Wants(*(getattr(self, name) or getattr(other, name) for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class View:
    """A market and the account in it. What wasn't read is None.

    Attributes:
        started: Unix seconds before anything was read.
        as_of: up to when positions and resting orders are right at least.
    """

    market: Market
    started: float
    as_of: float
    fees: tuple[Series, FeeSchedule | None] | None = None
    book: Orderbook | None = None
    positions: tuple[MarketPosition, ...] | None = None
    resting: tuple[Order, ...] | None = None
    whole_event: bool = False
    balance: Balance | None = None
    cash: CashBalances | None = None

    @property
    def schedule(self) -> FeeSchedule | None:
        """The fees; None where their formula isn't known here."""
        return None if self.fees is None else self.fees[1]

    def lasting(self, time_in_force: TimeInForce, expires: int | None = None) -> FeeSchedule | None:
        """The fees that an order pays at worst: one that rests may fill after a waiver, up to the market's close."""
        if self.schedule is None or time_in_force != "good_till_canceled":
            return self.schedule
        ends = [end for end in (self.market.close_time, expires and datetime.fromtimestamp(expires, UTC)) if end]
        return self.schedule.through(min(ends, default=None))

    @property
    def series(self) -> str:
        """The series' ticker; empty where it wasn't read."""
        return "" if self.fees is None else self.fees[0].ticker

    @property
    def best(self) -> tuple[Decimal | None, Decimal | None]:
        """(bid, ask) of YES."""
        return self.market.yes_quotes

    def best_of(self, side: Side, action: Action) -> Decimal | None:
        """The best price now for an order of this side and direction, in dollars of the side."""
        bid, ask = self.best
        quote = ask if (side == "yes") == (action == "buy") else bid
        return quote if quote is None or side == "yes" else 1 - quote

    def held(self, side: Side) -> Decimal:
        """Contracts of a side that are held in the market; negative for contracts of the other side."""
        mine = (p.position_fp for p in self.positions or () if p.ticker == self.market.ticker)
        return held_of(sum(mine, ZERO), side)

    @property
    def own_orders(self) -> list[Order]:
        """What rests in the market."""
        return [order for order in self.resting or () if order.ticker == self.market.ticker]

    @property
    def standing(self) -> Standing:
        return standings(self.positions or (), self.resting or ()).get(self.market.ticker, Standing())

    @property
    def look(self) -> Look | None:
        """What limits see of the account."""
        if self.positions is None or self.resting is None:
            return None
        cash, worth = None, None
        if self.balance is not None:
            cash, worth = self.balance.balance_dollars, Decimal(self.balance.portfolio_value) / 100
        return Look(self.as_of, standings(self.positions, self.resting), self.whole_event, cash, worth)

    def offers(
        self, side: Side, action: Action, count: Decimal, limit: Decimal
    ) -> list[tuple[Decimal, Decimal]] | None:
        """What an order would meet, best first; None where the book has to be read for it.

        The market's own best prices and sizes are enough where the order doesn't reach beyond them.
        """
        if self.book is not None:
            return self.book.levels(side, action)
        best = self.best_of(side, action)
        if best is None or (best > limit if action == "buy" else best < limit):
            return []
        there = self.market.yes_ask_size_fp if book_side(side, action) == "bid" else self.market.yes_bid_size_fp
        return [(best, there)] if there is not None and count <= there else None

    async def with_more(self, account: Account, wants: Wants) -> View:
        """The same with what is wanted and wasn't read."""
        return replace(self, **await _read(account, self.market.ticker, self.market, self, wants))


async def gather(account: Account, ticker: str, wants: Wants) -> View:
    """Read a market, and of the account what is wanted.

    Raises:
        NotFoundError: there is no such market; the message names what was probably meant.
    """
    started, name = time.time(), await lookup.ticker_of(account, ticker, "market")
    event = likely_event(name)  # where it is another one, the account is read again
    parts, market = await _together(
        _read(account, name, None, None, replace(wants, fees=False), event), _market(account, name, event, wants)
    )
    as_of = started - MOST_LAG_S - LAG_S
    if (answer := parts.pop("told", None)) is not None:
        as_of = max(min(answer, started), started - MOST_LAG_S) - LAG_S
    view = View(market, started, as_of, **parts)
    if wants.event and market.event_ticker != event:
        again = replace(wants, fees=False, book=False, balance=False, cash=False, moment=False)
        view = replace(view, **await _read(account, name, market, None, again))
    return replace(view, fees=await account.fees.of(market)) if wants.fees else view


async def _market(account: Account, name: str, event: str, wants: Wants) -> Market:
    """The market; where its fees are wanted and not known it comes with its event, which is read for them."""
    if wants.fees and event and account.fees.known(event) is None:
        try:
            series, parent = await family(account, event)
        except NotFoundError:
            pass
        else:
            found: Market | None = next((m for m in parent.markets or () if m.ticker == name), None)
            if found is not None:
                account.fees.keep(parent.event_ticker, (series, schedule(series, parent)))
                return found
    return await lookup.market(account, name)


async def _read(
    account: Account, name: str, market: Market | None, known: View | None, wants: Wants, event: str = ""
) -> dict[str, Any]:
    """The parts that are wanted and not known, all at once."""
    kalshi, named = account.kalshi, event if market is None else market.event_ticker
    whole = wants.event and bool(named)
    parts = dict[str, Coroutine[Any, Any, Any]]()
    if wants.book and (known is None or known.book is None):
        parts["book"] = _book(account, name)
    where = {"event": named} if whole else {"ticker": name}
    positions = wants.positions and (known is None or known.positions is None)
    resting = wants.resting and (known is None or known.resting is None)
    if positions or resting:
        parts["account"] = _account(account, where, positions=positions, resting=resting)
    if wants.balance and (known is None or known.balance is None):
        parts["balance"] = kalshi.portfolio.balance()  # has a bucket of its own, of a look a second
    if wants.cash and (known is None or known.cash is None):
        parts["cash"] = _cash(account)
    if wants.moment:
        parts["told"] = _moment(account)
    if wants.fees and market is not None and (known is None or known.fees is None):
        parts["fees"] = account.fees.of(market)
    found = dict(zip(parts, await _together(*parts.values()), strict=True))
    found |= found.pop("account", {})
    if "positions" in found:
        found["whole_event"] = whole
    return {part: tuple(value) if isinstance(value, list) else value for part, value in found.items()}


async def _account(account: Account, where: dict[str, str], *, positions: bool, resting: bool) -> dict[str, Any]:
    """What rests, and then what is held: an order that fills in between is counted twice, and never not at all."""
    found = dict[str, Any]()
    if resting:
        found["resting"] = await resting_of(account, where.get("ticker"), event=where.get("event"))
    if positions:
        event = where.get("event")
        found["positions"] = await (
            position_in(account, where["ticker"]) if event is None else positions_of(account, event=event)
        )
    return found


async def _cash(account: Account) -> CashBalances | None:
    """Free cash by shard; None where it can't be read now: then the exchange says whether there is enough."""
    try:
        return await cash_of(account)
    except KalshiError as error:
        logger.warning("the cash by shard can't be read now: {}", error)
        return None


async def _book(account: Account, ticker: str) -> Orderbook:
    return account.feeds.book(ticker) or await account.kalshi.markets.orderbook(ticker)


async def _moment(account: Account) -> float:
    """Up to when the exchange says that reads are right."""
    return (await account.kalshi.exchange.user_data_timestamp()).as_of_time.timestamp()


async def _together(*work: Coroutine[Any, Any, Any]) -> list[Any]:
    """All at once; where one fails the others are ended before it is raised."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
