"""Studies of events: what their prices imply, and what in them is riskless."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Literal

from prediction_mcp.analytics import arbitrage as arb
from prediction_mcp.analytics.book import mid
from prediction_mcp.analytics.probability import Rung, ladder, normalised, overround
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.errors import InvalidRequestError, NotFoundError
from prediction_mcp.kalshi.fees import FeeSchedule
from prediction_mcp.kalshi.models.events import Event
from prediction_mcp.kalshi.models.markets import Market, Orderbook
from prediction_mcp.kalshi.models.series import Series

from . import lookup
from .analysis_results import (
    ArbitrageAnswer,
    ArbitrageLine,
    ImpliedAnswer,
    OutcomeProbability,
    RangeProbability,
    rounded,
)
from .market_results import yes_quotes
from .market_study import books_of

EVENT_PAGES = 10
SHOWN = 20
ZERO, ONE = Decimal(0), Decimal(1)


def is_ladder(event: Event) -> bool:
    """Whether an event's markets are "above k" of one number."""
    markets = event.markets or []
    return (
        not event.mutually_exclusive
        and len(markets) > 1
        and all(m.strike_type in ("greater", "greater_or_equal") and m.floor_strike is not None for m in markets)
    )


async def implied(kalshi: KalshiClient, event_ticker: str, source: str) -> ImpliedAnswer:
    """The distribution that an event's prices imply."""
    event = await lookup.event(kalshi, event_ticker)
    priced = [(m, middle) for m in event.markets or [] if (middle := mid(*yes_quotes(m))) is not None]
    missing = [m.ticker for m in event.markets or [] if mid(*yes_quotes(m)) is None]
    if not priced:
        raise NotFoundError(f"No market of {event.event_ticker} has both a bid and an ask now, so nothing is implied.")
    if is_ladder(event):
        return _ladder(event, priced, missing, source)
    if event.mutually_exclusive:
        return _exclusive(event, priced, missing, source)
    outcomes = [
        OutcomeProbability(ticker=m.ticker, outcome=m.yes_sub_title or m.title, probability=p) for m, p in priced
    ]
    return ImpliedAnswer(
        source=source,
        event_ticker=event.event_ticker,
        title=event.title,
        method="each market by itself: these outcomes neither exclude each other nor stand on a ladder",
        outcomes=outcomes,
        unpriced=missing or None,
    )


def _exclusive(
    event: Event, priced: Sequence[tuple[Market, Decimal]], missing: list[str], source: str
) -> ImpliedAnswer:
    shares = normalised([price for _, price in priced])
    quotes = [yes_quotes(m) for m, _ in priced]
    outcomes = [
        OutcomeProbability(
            ticker=m.ticker, outcome=m.yes_sub_title or m.title, probability=rounded(share, 5) or ZERO, price=price
        )
        for (m, price), share in zip(priced, shares, strict=True)
    ]
    whole = not missing
    return ImpliedAnswer(
        source=source,
        event_ticker=event.event_ticker,
        title=event.title,
        method="middles of the quotes, divided by their sum",
        overround=overround([ask for _, ask in quotes if ask is not None]) if whole else None,
        underround=ONE - sum((bid for bid, _ in quotes if bid is not None), ZERO) if whole else None,
        outcomes=sorted(outcomes, key=lambda o: o.probability, reverse=True),
        unpriced=missing or None,
    )


def _ladder(event: Event, priced: Sequence[tuple[Market, Decimal]], missing: list[str], source: str) -> ImpliedAnswer:
    found = ladder([Rung(m.floor_strike or ZERO, price) for m, price in priced])

    def said(low: Decimal | None, high: Decimal | None) -> str:
        if low is None:
            return f"up to {high:,f}"
        return f"above {low:,f}" if high is None else f"{low:,f} to {high:,f}"

    return ImpliedAnswer(
        source=source,
        event_ticker=event.event_ticker,
        title=event.title,
        method="differences between neighbouring strikes; the median lies where the chance of more is one half",
        median=rounded(found.median),
        ranges=[RangeProbability(range=said(a, b), probability=rounded(p, 5) or ZERO) for a, b, p in found.between],
        broken=[f"{b:,f} is priced likelier than {a:,f}" for a, b in found.broken] or None,
        unpriced=missing or None,
    )


# -- arbitrage ---------------------------------------------------------------------------------------------------


async def find_arbitrage(
    kalshi: KalshiClient,
    event_ticker: str | None,
    series_ticker: str | None,
    category: str | None,
    min_edge_cents: Decimal,
    source: str,
) -> ArbitrageAnswer:
    """Riskless trades after fees, by the books as they are now."""
    if sum(given is not None for given in (event_ticker, series_ticker, category)) > 1:
        raise InvalidRequestError(
            "Give one of event_ticker, series_ticker and category, or none for the whole exchange."
        )
    events, cut = await _events(kalshi, event_ticker, series_ticker, category)
    fees = {s.ticker: s for s in await kalshi.series.list()} if events else {}
    candidates = [e for e in events if promising(e)]
    books = await books_of(kalshi, [m.ticker for e in candidates for m in e.markets or [] if m.is_open])
    found, unknown = scan(candidates, books, fees, min_edge_cents / 100)
    return ArbitrageAnswer(
        source=source,
        scanned_events=len(events),
        scanned_markets=sum(len(e.markets or []) for e in events),
        not_computable=unknown or None,
        found=found[:SHOWN],
        note="Only the first pages of the exchange were scanned: name a series or a category." if cut else None,
    )


async def _events(
    kalshi: KalshiClient, event_ticker: str | None, series_ticker: str | None, category: str | None
) -> tuple[list[Event], bool]:
    if event_ticker is not None:
        return [await lookup.event(kalshi, event_ticker)], False
    series = None if series_ticker is None else series_ticker.strip().upper()
    found, cursor = list[Event](), None
    for _ in range(EVENT_PAGES):
        page = await kalshi.events.list(
            series_ticker=series, status="open", with_nested_markets=True, limit=200, cursor=cursor
        )
        found += [e for e in page.events if category is None or (e.category or "").casefold() == category.casefold()]
        cursor = page.cursor or None
        if cursor is None:
            return found, False
    return found, True


def scan(
    events: Sequence[Event], books: Mapping[str, Orderbook], series: Mapping[str, Series], min_edge: Decimal
) -> tuple[list[ArbitrageLine], int]:
    """(what is riskless, most profit first; events whose fees have no known formula). ``min_edge``: dollars a set."""
    found, unknown = list[ArbitrageLine](), 0
    for event in events:
        parent = series.get(event.series_ticker)
        schedule = None if parent is None else lookup.schedule(parent, event)
        if schedule is None:
            unknown += 1
            continue
        found += [ArbitrageLine.of(event.event_ticker, a) for a in in_event(event, books, schedule, min_edge)]
    return sorted(found, key=lambda line: line.profit, reverse=True), unknown


def promising(event: Event) -> bool:
    """Whether the best quotes alone, before fees, leave something: books are read only then."""
    quotes = [(m, *yes_quotes(m)) for m in event.markets or [] if m.is_open]
    if event.mutually_exclusive:
        bids = [bid for _, bid, _ in quotes if bid is not None]
        asks = [ask for _, _, ask in quotes if ask is not None]
        return sum(bids, ZERO) > ONE or (len(asks) == len(event.markets or []) and sum(asks, ZERO) < ONE)
    if not is_ladder(event):
        return False
    ordered = sorted(quotes, key=lambda q: q[0].floor_strike or ZERO)
    lowest: Decimal | None = None
    for _, bid, ask in ordered:
        if lowest is not None and bid is not None and bid > lowest:
            return True
        lowest = ask if lowest is None else min(lowest, ask) if ask is not None else lowest
    return False


def in_event(
    event: Event, books: Mapping[str, Orderbook], schedule: FeeSchedule, min_edge: Decimal
) -> list[arb.Arbitrage]:
    """What is riskless within one event; ``min_edge`` is dollars a set of legs."""
    markets = [m for m in event.markets or [] if m.is_open and m.ticker in books]
    yes = {m.ticker: _side(m, "yes", books[m.ticker], schedule) for m in markets}
    no = {m.ticker: _side(m, "no", books[m.ticker], schedule) for m in markets}
    if event.mutually_exclusive:
        found = [arb.sell_all(list(no.values()), min_edge)]
        everything = len(markets) == len(event.markets or [])
        if everything and arb.leaves_no_gap([(m.floor_strike, m.cap_strike) for m in markets]):
            found.append(arb.buy_all(list(yes.values()), min_edge))
        return [a for a in found if a is not None]
    if is_ladder(event):
        return arb.broken_ladder([(m.floor_strike or ZERO, yes[m.ticker], no[m.ticker]) for m in markets], min_edge)
    return []


def _side(market: Market, side: Literal["yes", "no"], book: Orderbook, schedule: FeeSchedule) -> arb.Side:
    """What can be bought: YES from its asks; NO from the YES bids, at 1 − price."""
    offers = book.yes_asks if side == "yes" else [(ONE - price, count) for price, count in book.yes_bids]
    return arb.Side(market.ticker, side, offers, schedule)
