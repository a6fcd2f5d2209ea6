"""Kalshi in the shapes that all platforms share. The only module that knows both."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Container, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from prediction_mcp.catalogue.index import Index
from prediction_mcp.kalshi.models.markets import Market as Native
from prediction_mcp.kalshi.tickers import likely_series
from prediction_mcp.kalshi.units import format_count, parse_count
from prediction_mcp.matching.listing import Listing, Strike, StrikeKind
from prediction_mcp.net.words import printed
from prediction_mcp.safety.plan import Done, Plan, R, Terms

from ..choices import Interval
from ..shapes import Book, Fill, Market, Money, PlatformName, Position
from . import lookup
from .analysis import reading
from .held import positions_of
from .shards import margin_note_of
from .trading.entry import Ticket
from .trading.funding import Funding
from .trading.place import PlaceOrder, plan_with_funding

if TYPE_CHECKING:
    from prediction_mcp.analytics.costs import Fees
    from prediction_mcp.kalshi.models.events import Event
    from prediction_mcp.kalshi.models.series import Series

    from .account import Account

CENT = Decimal("0.01")
ONE = Decimal(1)
"""A contract; parts of one can be had in some markets only, which the listing of June 2026 doesn't tell."""
FEW_EVENTS = 12
SERIES_S = 600.0
STRIKES: tuple[str, ...] = ("greater", "greater_or_equal", "less", "less_or_equal", "between")


class KalshiVenue:
    """A Kalshi account as work across platforms asks it."""

    platform: PlatformName = "kalshi"

    def __init__(self, account: Account) -> None:
        self._account = account
        self._series: tuple[float, dict[str, Series]] | None = None

    @property
    def source(self) -> str:
        return f"kalshi {self._account.environment}"

    async def market(self, text: str) -> Market:
        account = await self._account.open()
        native = await lookup.market(account, text)
        return (await self._shaped([native]))[native.ticker]

    async def markets(self, ids: Sequence[str]) -> dict[str, Market]:
        found = await lookup.markets_of(await self._account.open(), ids)
        return await self._shaped(list(found.values()))

    async def _shaped(self, natives: Sequence[Native]) -> dict[str, Market]:
        """Whether answers exclude each other is looked up for a few events only: each is a request."""
        series = await self._all_series()
        wanted = {m.event_ticker for m in natives if not m.mve_collection_ticker}
        events = await lookup.events_of(self._account, wanted) if len(wanted) <= FEW_EVENTS else {}
        return {
            m.ticker: shaped(
                m, series.get(_series(m, events, series)), exclusive=_exclusive(events.get(m.event_ticker))
            )
            for m in natives
        }

    async def _all_series(self) -> dict[str, Series]:
        """Every series, in one request; kept for a while."""
        if self._series is None or self._series[0] < time.monotonic():
            found = {s.ticker: s for s in await self._account.kalshi.series.list()}
            self._series = (time.monotonic() + SERIES_S, found)
        return self._series[1]

    async def book(self, market: Market) -> Book:
        account = await self._account.open()
        found = account.feeds.book(market.key) or await account.kalshi.markets.orderbook(market.key)
        return Book(found.yes_bids, found.yes_asks)

    async def fees(self, market: Market) -> Fees | None:
        account = await self._account.open()
        return (await account.fees.of(cast("Native", market.native)))[1]

    async def history(self, market: Market, hours: int) -> list[tuple[datetime, Decimal]]:
        account, now = await self._account.open(), datetime.now(UTC)
        native = cast("Native", market.native)
        interval: Interval = "1m" if hours <= 6 else "1h" if hours <= 24 * 30 else "1d"
        found = await reading.candles(account, native, now - timedelta(hours=hours), now, interval)
        closes = ((c.end_period_ts, c.price.close_dollars) for c in found)
        return [(datetime.fromtimestamp(at, UTC), close) for at, close in closes if close is not None]

    async def catalogue(self) -> Index:
        account = await self._account.open()
        await account.catalogue.ready(account.kalshi, account.progress)
        return account.catalogue.index

    async def money(self) -> Money:
        account = await self._account.open()
        balance, note = await asyncio.gather(account.kalshi.portfolio.balance(), margin_note_of(account))
        return Money(balance.balance_dollars, Decimal(balance.portfolio_value) / 100, note)

    async def positions(self) -> list[Position]:
        account = await self._account.open()
        held = {p.ticker: p for p in await positions_of(account)}
        found = await self.markets(list(held))
        rows = list[Position]()
        for ticker, market in found.items():
            net = held[ticker].position_fp
            side, count = (0, net) if net > 0 else (1, -net)
            price = market.bid if side == 0 else None if market.ask is None else 1 - market.ask
            rows.append(
                Position(market, side, count, held[ticker].market_exposure_dollars, count * (price or Decimal(0)))
            )
        return rows

    async def leg(self, market: Market, side: int, count: Decimal, limit: Decimal) -> KalshiLeg:
        ticket = Ticket(
            market.key, "no" if side else "yes", "buy", count, limit * 100, time_in_force="immediate_or_cancel"
        )
        return KalshiLeg(*await plan_with_funding(await self._account.open(), ticket))

    def require_writes(self) -> None:
        self._account.policy.require_writes()


class KalshiLeg:
    """An order that is filled at once or cancelled; its client_order_id is the same for fewer contracts."""

    def __init__(self, plan: PlaceOrder, funding: Funding) -> None:
        self.plan, self._funding = plan, funding

    def funded(self, plan: Plan[R]) -> Plan[R]:
        return self._funding.before(plan)

    def resized(self, terms: Terms, count: Decimal) -> Terms:
        return {**terms, "count": format_count(parse_count(count))}

    async def send(self, terms: Terms) -> Fill:
        placed = await self.plan.send(terms)
        return Fill(
            placed.order_id, placed.filled, placed.total or Decimal(0), placed.fee or Decimal(0), placed.resting,
            is_exact=not placed.approximate and (placed.total is not None or not placed.filled),
        )  # fmt: skip

    def done(self, fill: Fill) -> Done:
        return Done(f"{printed(fill.count)} contracts filled", fill.order_id, fill.total)


def _exclusive(event: Event | None) -> bool | None:
    return None if event is None else event.mutually_exclusive


def _series(native: Native, events: Mapping[str, Event], listed: Container[str]) -> str:
    """Return its event's series; where the event wasn't read, the series that its ticker looks like."""
    event = events.get(native.event_ticker)
    return likely_series(native.ticker, listed) if event is None else event.series_ticker


def shaped(native: Native, series: Series | None, *, exclusive: bool | None) -> Market:
    """A market of Kalshi's in the shape of all."""
    bid, ask = native.yes_quotes
    pays = native.settlement_value_dollars
    if pays is None and native.result in ("yes", "no"):
        pays = ONE if native.result == "yes" else Decimal(0)
    return Market(
        platform="kalshi",
        id=native.ticker,
        key=native.ticker,
        event=native.event_ticker,
        listing=listing(native, series, exclusive=exclusive),
        sides=("yes", "no"),
        is_open=native.is_open,
        status=native.status,
        closes=native.close_time,
        bid=bid,
        ask=ask,
        volume=native.volume_24h_fp,
        step=ONE,
        least=ONE,
        tick=CENT,
        pays=pays,
        native=native,
    )


def listing(native: Native, series: Series | None, *, exclusive: bool | None) -> Listing:
    """Its texts and fields, as matching reads them. It ends when its result is expected, or when trading does."""
    closes = [at for at in (native.close_time, native.expected_expiration_time) if at is not None]
    strike = None
    if native.strike_type in STRIKES:
        strike = Strike(cast("StrikeKind", native.strike_type), native.floor_strike, native.cap_strike)
    return Listing(
        platform="kalshi",
        id=native.ticker,
        title=native.title,
        rules=f"{native.rules_primary} {native.rules_secondary}".strip(),
        option=native.yes_sub_title,
        category="" if series is None else series.category,
        closes=min(closes, default=None),
        exclusive=exclusive,
        strike=strike,
        sources=tuple(s.name for s in (None if series is None else series.settlement_sources) or () if s.name),
        early=(native.early_close_condition or "it may close early") if native.can_close_early else "",
    )
