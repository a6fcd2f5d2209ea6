"""Reading what an analysis needs: candlesticks on the right side of the cutoff, a window of trades, books."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from prediction_mcp.analytics.flow import Print
from prediction_mcp.desk.choices import Interval
from prediction_mcp.kalshi.errors import InvalidRequestError, NotFoundError
from prediction_mcp.kalshi.models.markets import Candlestick, Market, Orderbook
from prediction_mcp.kalshi.resources.markets import Period
from prediction_mcp.safety.text import cut

if TYPE_CHECKING:
    from ..account import Account


MINUTES: dict[Interval, Period] = {"1m": 1, "1h": 60, "1d": 1440}
DEFAULT_SPAN: dict[Interval, timedelta] = {
    "1m": timedelta(hours=2),
    "1h": timedelta(days=3),
    "1d": timedelta(days=60),
}
AT_ONCE, STRETCHES = 4_000, 10
"""Periods of one request, and requests of one reading. Kalshi bounds a list of markets at 10,000; of one, assumed."""
TRADE_PAGES = 5
BOOKS = 100
"""Books of one request."""
_WINDOW = re.compile(r"(\d{1,3})\s*([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
MAX_WINDOW = timedelta(days=120)
SHOWN = 40
"""Characters of a wrong window that an error repeats."""


def window(text: str) -> timedelta:
    """ "24h", "7d" or "2w" as a time. Raises InvalidRequestError for anything else."""
    found = _WINDOW.fullmatch(text.strip().lower())
    span = int(found[1]) * _UNITS[found[2]] if found else timedelta()
    if not timedelta() < span <= MAX_WINDOW:
        raise InvalidRequestError(
            f"A window looks like 24h, 7d or 2w and is at most {MAX_WINDOW.days}d, not {cut(text, SHOWN)!r}."
        )
    return span


async def candles(
    account: Account, market: Market, start: datetime, end: datetime, interval: Interval
) -> Sequence[Candlestick]:
    """Return a market's candlesticks, oldest first, from the live or the historical endpoint as the cutoff has it.

    The exchange lists periods without a trade, too, and bounds an answer: a long time is asked for in stretches, and of
    more than 40,000 periods the newest are read.
    """
    first, last, period = int(start.timestamp()), int(end.timestamp()), MINUTES[interval]
    stretch = AT_ONCE * period * 60
    first = max(first, last - STRETCHES * stretch)
    markets, archived = account.kalshi.markets, await is_archived(account, market)
    series, found = "" if archived else await account.series.of(market), list[Candlestick]()
    for begin in range(first, last + 1, stretch + 1):
        until = min(begin + stretch, last)
        if archived:
            part = await markets.historical.candlesticks(market.ticker, start_ts=begin, end_ts=until, period=period)
        else:
            part = await markets.candlesticks(
                market.ticker, series_ticker=series, start_ts=begin, end_ts=until, period=period
            )
        found += part
    return found


async def is_archived(account: Account, market: Market) -> bool:
    """Whether a market settled before the exchange's cutoff."""
    if market.settlement_ts is None:
        return False
    cutoff = await account.kalshi.exchange.historical_cutoff()
    return market.settlement_ts < cutoff.market_settled_ts


def closes(sticks: Sequence[Candlestick], start: datetime, end: datetime, interval: Interval) -> list[float]:
    """Return closing prices at even times: a period without a trade keeps the last price.

    Empty where no period saw a trade; before the first candlestick there is no price.
    """
    step, known = MINUTES[interval] * 60, {s.end_period_ts: s.price.close_dollars for s in sticks}
    if not any(known.values()):
        return []
    first = min(known)
    opening = next((s.price.previous_dollars for s in sticks if s.end_period_ts == first), None)
    values, last = list[float](), known[first] or opening
    if opening is not None:
        values.append(float(opening))
    for at in range(max(first, int(start.timestamp())), int(end.timestamp()) + step, step):
        last = known.get(at) or last
        if last is not None:
            values.append(float(last))
    return values


async def tape(account: Account, ticker: str, since: datetime) -> tuple[list[Print], bool]:
    """(trades since a moment, whether there were more than could be read)."""
    found, cursor = list[Print](), None
    for _ in range(TRADE_PAGES):
        page = await account.kalshi.markets.trades(
            ticker=ticker, min_ts=int(since.timestamp()), limit=1000, cursor=cursor
        )
        found += [Print(t.created_time, t.yes_price_dollars, t.count_fp, t.taker_outcome_side) for t in page.trades]
        cursor = page.cursor or None
        if cursor is None:
            return found, False
    return found, True


async def books_of(account: Account, tickers: Sequence[str]) -> dict[str, Orderbook]:
    """Books by ticker, a hundred a request."""
    found: dict[str, Orderbook] = {}
    for start in range(0, len(tickers), BOOKS):
        found |= await account.kalshi.markets.orderbooks(tickers[start : start + BOOKS])
    return found


def hours_until(moment: datetime | None) -> Decimal | None:
    """Hours from now; None when it isn't known, 0 when it has passed."""
    if moment is None:
        return None
    return max(Decimal(str(round((moment - datetime.now(UTC)).total_seconds() / 3600, 2))), Decimal(0))


def no_trades(ticker: str, text: str) -> NotFoundError:
    return NotFoundError(f"{ticker} has no trades in the last {text}: ask for a longer window.")
