"""/markets: listing, order books, trades, candlesticks, and their historical counterparts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from ..models.markets import (
    BatchCandlesticksAnswer,
    Candlestick,
    CandlesticksAnswer,
    Market,
    MarketAnswer,
    MarketCandlesticks,
    MarketPage,
    Orderbook,
    OrderbookAnswer,
    OrderbooksAnswer,
    TradePage,
)
from ..models.markets import Trade as Trade
from ..pagination import everything

if TYPE_CHECKING:
    from ..transport import Transport

Period = Literal[1, 60, 1440]
"""Minutes of a candlestick."""


class MarketsResource:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.historical = HistoricalMarketsResource(transport)

    async def get(self, ticker: str) -> Market:
        """One market. Raises NotFoundError."""
        return (await self._transport.get(MarketAnswer, "/markets/{ticker}", {"ticker": ticker})).market

    async def list(
        self,
        *,
        event_ticker: str | None = None,
        series_ticker: str | None = None,
        tickers: Sequence[str] | None = None,
        status: str | None = None,
        min_close_ts: int | None = None,
        max_close_ts: int | None = None,
        min_created_ts: int | None = None,
        max_created_ts: int | None = None,
        min_settled_ts: int | None = None,
        max_settled_ts: int | None = None,
        min_updated_ts: int | None = None,
        max_updated_ts: int | None = None,
        mve_filter: Literal["only", "exclude"] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> MarketPage:
        """A page of markets (1,000 at most).

        ``status`` is unopened, open, paused, closed or settled: "open" finds markets whose status reads "active".
        Times are Unix seconds. Combos are left out with ``mve_filter="exclude"``.
        """
        query = {
            "event_ticker": event_ticker,
            "series_ticker": series_ticker,
            "tickers": ",".join(tickers) if tickers else None,
            "status": status,
            "min_close_ts": min_close_ts,
            "max_close_ts": max_close_ts,
            "min_created_ts": min_created_ts,
            "max_created_ts": max_created_ts,
            "min_settled_ts": min_settled_ts,
            "max_settled_ts": max_settled_ts,
            "min_updated_ts": min_updated_ts,
            "max_updated_ts": max_updated_ts,
            "mve_filter": mve_filter,
            "limit": limit,
            "cursor": cursor,
        }
        return await self._transport.get(MarketPage, "/markets", query=query)

    def all(self, **filters: Any) -> AsyncIterator[Market]:
        """Every market that fits, over all pages; filters as for :meth:`list`."""
        return everything(lambda cursor: self.list(**{"limit": 1000, **filters, "cursor": cursor}), lambda p: p.markets)

    async def orderbook(self, ticker: str, *, depth: int = 0) -> Orderbook:
        """A market's book, ``depth`` levels a side (0: all). An unknown ticker has an empty book, not an error."""
        query = {"depth": depth or None}
        answer = await self._transport.get(
            OrderbookAnswer, "/markets/{ticker}/orderbook", query=query, ids={"ticker": ticker}
        )
        return answer.orderbook_fp

    async def orderbooks(self, tickers: Sequence[str]) -> dict[str, Orderbook]:
        """The books of up to 100 markets in one request."""
        answer = await self._transport.get(OrderbooksAnswer, "/markets/orderbooks", query={"tickers": list(tickers)})
        return {book.ticker: book.orderbook_fp for book in answer.orderbooks}

    async def trades(
        self,
        *,
        ticker: str | None = None,
        min_ts: int | None = None,
        max_ts: int | None = None,
        is_block_trade: bool | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> TradePage:
        """A page of trades (1,000 at most), newest first; times in Unix seconds."""
        query = {
            "ticker": ticker,
            "min_ts": min_ts,
            "max_ts": max_ts,
            "is_block_trade": is_block_trade,
            "limit": limit,
            "cursor": cursor,
        }
        return await self._transport.get(TradePage, "/markets/trades", query=query)

    def all_trades(self, **filters: Any) -> AsyncIterator[Trade]:
        """Every trade that fits, over all pages; filters as for :meth:`trades`."""
        return everything(
            lambda cursor: self.trades(**{"limit": 1000, **filters, "cursor": cursor}), lambda p: p.trades
        )

    async def candlesticks(
        self,
        ticker: str,
        *,
        series_ticker: str,
        start_ts: int,
        end_ts: int,
        period: Period,
        include_latest_before_start: bool = False,
    ) -> Sequence[Candlestick]:
        """Candlesticks that end within [start_ts, end_ts] (Unix seconds); periods of 1, 60 or 1440 minutes."""
        query = {
            "start_ts": start_ts,
            "end_ts": end_ts,
            "period_interval": period,
            "include_latest_before_start": include_latest_before_start or None,
        }
        template = "/series/{series_ticker}/markets/{ticker}/candlesticks"
        answer = await self._transport.get(
            CandlesticksAnswer, template, query=query, ids={"series_ticker": series_ticker, "ticker": ticker}
        )
        return answer.candlesticks

    async def batch_candlesticks(
        self,
        tickers: Sequence[str],
        *,
        start_ts: int,
        end_ts: int,
        period: Period,
        include_latest_before_start: bool = False,
    ) -> Sequence[MarketCandlesticks]:
        """Candlesticks of up to 100 markets, 10,000 in all."""
        query = {
            "market_tickers": ",".join(tickers),
            "start_ts": start_ts,
            "end_ts": end_ts,
            "period_interval": period,
            "include_latest_before_start": include_latest_before_start or None,
        }
        return (await self._transport.get(BatchCandlesticksAnswer, "/markets/candlesticks", query=query)).markets


class HistoricalMarketsResource:
    """What settled before the cutoff; the live endpoints leave it out silently."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def get(self, ticker: str) -> Market:
        """One archived market. Raises NotFoundError."""
        return (await self._transport.get(MarketAnswer, "/historical/markets/{ticker}", {"ticker": ticker})).market

    async def list(
        self,
        *,
        event_ticker: str | None = None,
        series_ticker: str | None = None,
        tickers: Sequence[str] | None = None,
        mve_filter: Literal["only", "exclude"] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> MarketPage:
        """A page of archived markets; the exchange takes one filter at a time."""
        query = {
            "event_ticker": event_ticker,
            "series_ticker": series_ticker,
            "tickers": ",".join(tickers) if tickers else None,
            "mve_filter": mve_filter,
            "limit": limit,
            "cursor": cursor,
        }
        return await self._transport.get(MarketPage, "/historical/markets", query=query)

    async def trades(
        self,
        *,
        ticker: str | None = None,
        min_ts: int | None = None,
        max_ts: int | None = None,
        is_block_trade: bool | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> TradePage:
        """A page of archived trades, newest first."""
        query = {
            "ticker": ticker,
            "min_ts": min_ts,
            "max_ts": max_ts,
            "is_block_trade": is_block_trade,
            "limit": limit,
            "cursor": cursor,
        }
        return await self._transport.get(TradePage, "/historical/trades", query=query)

    async def candlesticks(self, ticker: str, *, start_ts: int, end_ts: int, period: Period) -> Sequence[Candlestick]:
        """Candlesticks of an archived market."""
        query = {"start_ts": start_ts, "end_ts": end_ts, "period_interval": period}
        template = "/historical/markets/{ticker}/candlesticks"
        return (
            await self._transport.get(CandlesticksAnswer, template, query=query, ids={"ticker": ticker})
        ).candlesticks
