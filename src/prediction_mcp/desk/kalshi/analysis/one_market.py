"""Studies of single markets: liquidity, volatility, flow, comparison, the brief before a trade, the risks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from itertools import combinations
from typing import TYPE_CHECKING

from prediction_mcp.analytics.flow import flow
from prediction_mcp.analytics.liquidity import round_trip, score
from prediction_mcp.analytics.risk import kelly, kelly_size
from prediction_mcp.analytics.volatility import changes, correlation, volatility
from prediction_mcp.desk.results import time_left
from prediction_mcp.kalshi.errors import InvalidRequestError
from prediction_mcp.kalshi.fees import FeeSchedule
from prediction_mcp.kalshi.models.markets import Market, Orderbook
from prediction_mcp.kalshi.models.series import Series
from prediction_mcp.kalshi.orders import check_count
from prediction_mcp.net.words import cents, printed

from .. import lookup
from ..fees import waiver
from .reading import candles, closes, hours_until, no_trades, tape, window
from .results import (
    FEWEST_HOURS,
    ComparedLine,
    Comparison,
    FlowAnswer,
    Grade,
    LiquidityAnswer,
    Opportunity,
    Pair,
    RiskAnswer,
    RiskItem,
    VolatilityAnswer,
    rounded,
)

if TYPE_CHECKING:
    from ..account import Account


DEFAULT_SIZE = Decimal(100)
WEEK = timedelta(days=7)

# Grades of risk: from where on one is high, and medium.
THIN, FAIR = 30, 60
"""Liquidity scores below which a market is thin (high), and only fair (medium)."""
SOON_H, FAR_H = 24, 24 * 180
"""Hours to the close below which time is short, and beyond which money is bound for long (both medium)."""
JUMP, MOVE = 0.15, 0.05
"""Largest hourly move of a week, in dollars (high, medium)."""
DEAR, FELT = Decimal("0.1"), Decimal("0.04")
"""A taker's fee as a share of what is at stake (high, medium)."""


async def liquidity_of(account: Account, ticker: str, size: Decimal | None) -> LiquidityAnswer:
    if size is not None:
        check_count(size)
    market = await lookup.market(account, ticker)
    book, (_, schedule) = await asyncio.gather(account.kalshi.markets.orderbook(market.ticker), account.fees.of(market))
    trip = round_trip(book.yes_bids, book.yes_asks, size or DEFAULT_SIZE, schedule)
    rated = score(book.yes_bids, book.yes_asks, market.volume_24h_fp)
    return LiquidityAnswer.of(market.ticker, book, trip, rated, account.environment)


async def volatility_of(account: Account, ticker: str, text: str) -> VolatilityAnswer:
    market, span = await lookup.market(account, ticker), window(text)
    end = datetime.now(UTC)
    sticks = await candles(account, market, end - span, end, "1h")
    prices = closes(sticks, end - span, end, "1h")
    if len(prices) < 2:
        raise no_trades(market.ticker, text)
    left = hours_until(market.close_time) if market.is_open else None
    days = None if left is None else left / 24
    return VolatilityAnswer.of(market.ticker, text, volatility(prices), sticks, days, account.environment)


async def flow_of(account: Account, ticker: str, text: str) -> FlowAnswer:
    market, span = await lookup.market(account, ticker), window(text)
    now = datetime.now(UTC)
    prints, cut = await tape(account, market.ticker, now - span)
    if cut:
        span = now - min(p.time for p in prints)
    hours = Decimal(str(span.total_seconds() / 3600))
    return FlowAnswer.of(market.ticker, text, flow(prints, now, hours), cut=cut, source=account.environment)


async def compare(account: Account, tickers: Sequence[str], text: str) -> Comparison:
    """Several markets side by side over a window."""
    names = list(dict.fromkeys(t.strip().upper() for t in tickers))
    if len(names) < 2:
        raise InvalidRequestError("A comparison takes at least two different markets.")
    span, end = window(text), datetime.now(UTC)
    markets = [await lookup.market(account, name) for name in names]
    series = [closes(await candles(account, m, end - span, end, "1h"), end - span, end, "1h") for m in markets]
    lines = []
    for market, prices in zip(markets, series, strict=True):
        bid, ask = market.yes_quotes
        found = volatility(prices) if prices else None
        lines.append(
            ComparedLine(
                ticker=market.ticker,
                title=market.name,
                yes_bid=bid,
                yes_ask=ask,
                change=rounded(found.net) if found else None,
                daily_volatility=rounded(found.daily) if found else None,
                volume_24h=market.volume_24h_fp or None,
                time_left=time_left(market.close_time) if market.is_open else None,
            )
        )
    moved = [line.change for line in lines if line.change is not None]
    return Comparison(
        source=account.environment,
        window=text,
        markets=lines,
        pairs=[
            Pair(a=markets[i].ticker, b=markets[j].ticker, correlation=rounded(_together(series[i], series[j]), 3))
            for i, j in combinations(range(len(markets)), 2)
        ],
        divergence=max(moved) - min(moved) if len(moved) > 1 else None,
    )


def _together(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Correlation of the moves over the hours that both have; prices are aligned at their ends."""
    number = min(len(a), len(b))
    return correlation(changes(a[-number:]), changes(b[-number:])) if number > 3 else None


# -- the brief ---------------------------------------------------------------------------------------------------


async def opportunity(account: Account, ticker: str, belief: Decimal | None) -> Opportunity:
    """All that bears on a trade in one market, in one answer."""
    market = await lookup.market(account, ticker)
    now = datetime.now(UTC)
    book, (series, schedule), sticks, (prints, _) = await asyncio.gather(
        account.kalshi.markets.orderbook(market.ticker),
        account.fees.of(market),
        candles(account, market, now - WEEK, now, "1h"),
        tape(account, market.ticker, now - timedelta(days=1)),
    )
    prices = closes(sticks, now - WEEK, now, "1h")
    moved = volatility(prices) if prices and sum(s.is_traded for s in sticks) >= FEWEST_HOURS else None
    trip = round_trip(book.yes_bids, book.yes_asks, DEFAULT_SIZE, schedule)
    bid, ask = market.yes_quotes
    brief = Opportunity(
        source=account.environment,
        ticker=market.ticker,
        market=market.name,
        closes_in=time_left(market.close_time) if market.is_open else market.status,
        yes_bid=bid,
        yes_ask=ask,
        liquidity_score=score(book.yes_bids, book.yes_asks, market.volume_24h_fp).total,
        round_trip_cents=None if trip.cost is None else round(trip.cost / trip.size * 100, 2),
        change_7d=rounded(moved.net) if moved else None,
        daily_volatility=rounded(moved.daily) if moved else None,
        taker_imbalance_24h=rounded(flow(prints, now, Decimal(24)).imbalance),
        volume_24h=market.volume_24h_fp,
        settles_by=_sources(series),
        rules=market.rules_primary,
    )
    if belief is None or schedule is None or not market.is_open:
        return brief
    return brief.model_copy(update=await _edge(account, belief, book, schedule))


def _sources(series: Series) -> str | None:
    return ", ".join(s.name for s in series.settlement_sources or [] if s.name) or None


async def _edge(account: Account, belief: Decimal, book: Orderbook, schedule: FeeSchedule) -> dict[str, object]:
    """The side that a belief favours at the price that can be had: edge after fees, Kelly, and what it takes."""
    rated = []
    for side, chance in (("yes", belief), ("no", 1 - belief)):
        offers = book.levels("yes" if side == "yes" else "no", "buy")
        if offers:
            price, offered = offers[0]
            fee = schedule.fee(price, Decimal(100), is_taker=True) / 100
            rated.append((chance - price - fee, side, price, fee, chance, offered))
    if not rated:
        return {"belief": belief, "what_must_be_true": "Nobody offers either side now."}
    edge, side, price, fee, chance, offered = max(rated)
    needed = round((price + fee) * 100, 2)
    answer: dict[str, object] = {
        "belief": belief,
        "best_side": side,
        "price": price,
        "offered": offered,
        "fee_per_contract": round(fee, 6),
        "edge": round(edge, 6),
        "what_must_be_true": f"{side} must be likelier than {printed(needed)}%; you say {_percent(chance)}.",
    }
    if edge <= 0:
        return answer | {"what_must_be_true": f"No edge: {answer['what_must_be_true']}"}
    share = kelly(chance, price + fee)
    answer["kelly_share"] = round(share, 4)
    if account.kalshi.has_key:
        cash = (await account.kalshi.portfolio.balance()).balance_dollars
        offers = book.levels("yes" if side == "yes" else "no", "buy")
        sized = kelly_size(chance, offers, cash, lambda p: schedule.fee(p, Decimal(100), is_taker=True) / 100)
        answer["kelly_contracts"], answer["kelly_average"] = sized.contracts, sized.average and round(sized.average, 6)
        answer["kelly_if_all_at_price"] = (share * cash / (price + fee)).to_integral_value(ROUND_FLOOR)
    return answer


# -- risks -------------------------------------------------------------------------------------------------------

VAGUE = ("sole discretion", "reasonable", "as determined by", "may be", "substantially")


async def risks_of(account: Account, ticker: str) -> RiskAnswer:
    """Six risks of a market, each graded with its evidence."""
    market = await lookup.market(account, ticker)
    now = datetime.now(UTC)
    book, (series, schedule), sticks = await asyncio.gather(
        account.kalshi.markets.orderbook(market.ticker),
        account.fees.of(market),
        candles(account, market, now - WEEK, now, "1h"),
    )
    found = [
        _liquidity_risk(book, market),
        _time_risk(market),
        _jump_risk(closes(sticks, now - WEEK, now, "1h")),
        _early_close_risk(market),
        _settlement_risk(market, series),
        _fee_risk(market, schedule),
    ]
    worst: Grade = "high" if any(r.grade == "high" for r in found) else "low"
    if worst == "low" and any(r.grade == "medium" for r in found):
        worst = "medium"
    return RiskAnswer(
        source=account.environment,
        ticker=market.ticker,
        market=market.name,
        overall=worst,
        risks=found,
    )


def _percent(chance: Decimal) -> str:
    return f"{printed(chance * 100)}%"


def _grade(*, high: bool, medium: bool) -> Grade:
    return "high" if high else "medium" if medium else "low"


def _liquidity_risk(book: Orderbook, market: Market) -> RiskItem:
    rated = score(book.yes_bids, book.yes_asks, market.volume_24h_fp)
    grade = _grade(high=rated.total < THIN, medium=rated.total < FAIR)
    return RiskItem(risk="liquidity", grade=grade, evidence=f"score {rated.total} of 100: {', '.join(rated.reasons)}")


def _time_risk(market: Market) -> RiskItem:
    left = hours_until(market.close_time)
    if not market.is_open or left is None:
        return RiskItem(risk="time", grade="high", evidence=f"the market is {market.status}: it can't be traded now")
    minutes = market.settlement_timer_seconds // 60
    text = f"closes in {time_left(market.close_time)}; settles {minutes} minutes after its result"
    return RiskItem(risk="time", grade=_grade(high=left < 1, medium=not SOON_H <= left <= FAR_H), evidence=text)


def _jump_risk(prices: Sequence[float]) -> RiskItem:
    moves = [abs(move) for move in changes(prices)]
    if not moves:
        return RiskItem(risk="jumps", grade="medium", evidence="no trades in a week to judge by")
    largest = max(moves)
    text = f"largest hourly move in a week {largest * 100:.1f}¢"
    return RiskItem(risk="jumps", grade=_grade(high=largest >= JUMP, medium=largest >= MOVE), evidence=text)


def _early_close_risk(market: Market) -> RiskItem:
    if not market.can_close_early:
        return RiskItem(risk="early close", grade="low", evidence="it stays open until its closing time")
    text = market.early_close_condition or "the exchange may close it early"
    return RiskItem(risk="early close", grade="medium", evidence=text)


def _settlement_risk(market: Market, series: Series) -> RiskItem:
    text = f"{market.rules_primary} {market.rules_secondary}".casefold()
    vague = [word for word in VAGUE if word in text]
    sources = _sources(series)
    legs = len(market.mve_selected_legs or [])
    sentence = f"settled by {sources}" if sources else "no settlement source is named"
    if legs:
        sentence = f"settled by the rules of its {legs} legs"
    if vague:
        sentence += f"; the rules leave room: {', '.join(vague)}"
    return RiskItem(
        risk="settlement",
        grade=_grade(high=not market.rules_primary and not legs, medium=bool(vague) or not sources),
        evidence=sentence,
    )


def _fee_risk(market: Market, schedule: FeeSchedule | None) -> RiskItem:
    bid, ask = market.yes_quotes
    price = ask or bid
    if schedule is None or price is None:
        return RiskItem(risk="fees", grade="medium", evidence="the fee can't be computed here")
    if free := waiver(schedule):
        return RiskItem(risk="fees", grade="low", evidence=free)
    fee = schedule.fee(price, Decimal(100), is_taker=True) / 100
    room = min(price, 1 - price)
    paid, share = f"{fee * 100:.2f}¢ a contract at {cents(price)}", fee / room
    text = f"a taker pays {paid}, {share:.0%} of the {cents(room)} at stake"
    return RiskItem(risk="fees", grade=_grade(high=share > DEAR, medium=share > FELT), evidence=text)
