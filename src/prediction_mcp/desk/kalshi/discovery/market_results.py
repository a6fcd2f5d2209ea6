"""Results about what is listed: markets, events, series, the exchange."""

from decimal import Decimal
from typing import Self

from prediction_mcp.analytics.book import mid, spread
from prediction_mcp.desk.results import Answer, ListAnswer, Minute, Number, Result, time_left
from prediction_mcp.kalshi.fees import FeeSchedule
from prediction_mcp.kalshi.models.events import Event
from prediction_mcp.kalshi.models.markets import Market
from prediction_mcp.kalshi.models.series import Series
from prediction_mcp.net.words import printed


def _traded(price: Decimal) -> Decimal | None:
    return price or None


class MarketLine(Result):
    """A market in a list. Prices in dollars, which are probabilities."""

    ticker: str
    title: str
    outcome: str | None = None
    status: str | None = None
    yes_bid: Number | None = None
    yes_ask: Number | None = None
    last: Number | None = None
    volume_24h: Number | None = None
    result: str | None = None
    closes: Minute | None = None

    @classmethod
    def of(cls, market: Market) -> Self:
        bid, ask = market.yes_quotes
        return cls(
            ticker=market.ticker,
            title=market.title or market.yes_sub_title,
            outcome=market.yes_sub_title if market.yes_sub_title != market.title else None,
            status=None if market.is_open else market.status,
            yes_bid=bid,
            yes_ask=ask,
            last=_traded(market.last_price_dollars),
            volume_24h=market.volume_24h_fp or None,
            result=market.result,
            closes=market.close_time,
        )


class MarketList(ListAnswer):
    markets: list[MarketLine]


class MarketDetail(Answer):
    """All one needs to decide on one market."""

    ticker: str
    event_ticker: str
    title: str
    outcome: str | None = None
    status: str
    yes_bid: Number | None = None
    yes_bid_size: Number | None = None
    yes_ask: Number | None = None
    yes_ask_size: Number | None = None
    no_bid: Number | None = None
    no_ask: Number | None = None
    spread: Number | None = None
    last: Number | None = None
    day_ago: Number | None = None
    volume: Number
    volume_24h: Number
    open_interest: Number
    result: str | None = None
    settles_at: Number | None = None
    opens: Minute | None = None
    closes: Minute | None = None
    time_left: str | None = None
    can_close_early: str | None = None
    rules: str
    more_rules: str | None = None
    price_grid: str
    fee_type: str
    fee_multiplier: Number
    fees_waived_until: Minute | None = None
    settlement_source: str | None = None
    legs: list[str] | None = None

    @classmethod
    def of(cls, market: Market, series: Series, schedule: FeeSchedule | None, source: str) -> Self:
        bid, ask = market.yes_quotes
        sources = [s.name for s in series.settlement_sources or [] if s.name]
        return cls(
            source=source,
            ticker=market.ticker,
            event_ticker=market.event_ticker,
            title=market.title,
            outcome=market.yes_sub_title,
            status=market.status,
            yes_bid=bid,
            yes_bid_size=market.yes_bid_size_fp if bid is not None else None,
            yes_ask=ask,
            yes_ask_size=market.yes_ask_size_fp if ask is not None else None,
            no_bid=None if ask is None else 1 - ask,
            no_ask=None if bid is None else 1 - bid,
            spread=spread(bid, ask),
            last=_traded(market.last_price_dollars),
            day_ago=_traded(market.previous_price_dollars),
            volume=market.volume_fp,
            volume_24h=market.volume_24h_fp,
            open_interest=market.open_interest_fp,
            result=market.result,
            settles_at=market.settlement_value_dollars,
            opens=market.open_time if market.status == "initialized" else None,
            closes=market.close_time,
            time_left=time_left(market.close_time) if market.is_open else None,
            can_close_early=(market.early_close_condition or "yes") if market.can_close_early else None,
            rules=market.rules_primary,
            more_rules=market.rules_secondary,
            price_grid=describe_grid(market),
            fee_type=schedule.fee_type if schedule else series.fee_type,
            fee_multiplier=schedule.through(None).multiplier if schedule else series.fee_multiplier,
            fees_waived_until=schedule.waived_until if schedule else None,
            settlement_source=", ".join(sources),
            legs=[f"{leg.side} {leg.market_ticker}" for leg in market.mve_selected_legs or []] or None,
        )


def describe_grid(market: Market) -> str:
    """The price grid in a few words: "1¢", or "0.1¢ to 10¢, 1¢ to 90¢, 0.1¢ to 100¢"."""

    def cents(units: int) -> str:
        return f"{printed(Decimal(units) / 100)}¢"

    ranges = market.grid.ranges
    if len(ranges) == 1:
        return cents(ranges[0].step)
    return ", ".join(f"{cents(r.step)} to {cents(r.end)}" for r in ranges)


class EventLine(Result):
    event_ticker: str
    title: str
    sub_title: str | None = None
    category: str | None = None
    exclusive: bool

    @classmethod
    def of(cls, event: Event) -> Self:
        return cls(
            event_ticker=event.event_ticker,
            title=event.title,
            sub_title=event.sub_title,
            category=event.category,
            exclusive=event.mutually_exclusive,
        )


class EventList(ListAnswer):
    """``scanned`` says how many events were looked through where the exchange can't filter by itself."""

    events: list[EventLine]
    scanned: int | None = None


class Rung(Result):
    """One market of an event."""

    ticker: str
    outcome: str
    probability: Number | None = None
    yes_bid: Number | None = None
    yes_ask: Number | None = None
    status: str | None = None
    result: str | None = None
    volume_24h: Number | None = None

    @classmethod
    def of(cls, market: Market) -> Self:
        bid, ask = market.yes_quotes
        return cls(
            ticker=market.ticker,
            outcome=market.yes_sub_title or market.title,
            probability=mid(bid, ask),
            yes_bid=bid,
            yes_ask=ask,
            status=None if market.is_open else market.status,
            result=market.result,
            volume_24h=market.volume_24h_fp or None,
        )


class EventDetail(Answer):
    """An event as a ladder: likeliest first where its outcomes exclude each other, else in the exchange's order."""

    event_ticker: str
    series_ticker: str
    title: str
    sub_title: str | None = None
    category: str | None = None
    exclusive: bool
    closes: Minute | None = None
    time_left: str | None = None
    sum_of_asks: Number | None = None
    sum_of_bids: Number | None = None
    markets: list[Rung]

    @classmethod
    def of(cls, event: Event, source: str) -> Self:
        markets = event.markets or []
        rungs = [Rung.of(m) for m in markets]
        closes = max((m.close_time for m in markets if m.close_time), default=None)
        sums: tuple[Decimal | None, Decimal | None] = (None, None)
        if event.mutually_exclusive:
            rungs.sort(key=lambda r: -1 if r.probability is None else r.probability, reverse=True)
            sums = (_sum([r.yes_ask for r in rungs]), _sum([r.yes_bid for r in rungs]))
        return cls(
            source=source,
            event_ticker=event.event_ticker,
            series_ticker=event.series_ticker,
            title=event.title,
            sub_title=event.sub_title,
            category=event.category,
            exclusive=event.mutually_exclusive,
            closes=closes,
            time_left=time_left(closes),
            sum_of_asks=sums[0],
            sum_of_bids=sums[1],
            markets=rungs,
        )


def _sum(prices: list[Decimal | None]) -> Decimal | None:
    """The sum, or None when one is missing: half a sum says nothing."""
    known = [p for p in prices if p is not None]
    return sum(known, Decimal(0)) if known and len(known) == len(prices) else None


class Budget(Result):
    """Requests (at the default cost) that can leave now, of how many a second."""

    reads_now: int
    reads_per_second: int
    writes_now: int
    writes_per_second: int


class ExchangeState(Answer):
    """``mode`` is this server's environment; ``tier`` the account's usage tier, where a key is there to ask with.

    ``trading``: at least one shard takes orders; ``paused`` lists the shards that don't.
    ``kept``: reads answered from the cache, of all reads that might have been, by kind.
    """

    active: bool
    trading: bool
    paused: list[str] | None = None
    resumes: Minute | None = None
    hours_today_et: str | None = None
    next_maintenance: str | None = None
    mode: str
    account: str
    writes: str
    confirmation: str | None = None
    halted: str | None = None
    tier: str | None = None
    kept: dict[str, str] | None = None
    budget: Budget
