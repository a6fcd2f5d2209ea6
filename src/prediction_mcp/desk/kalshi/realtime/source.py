"""Kalshi's live feed as a source of events: its messages in the words of :mod:`prediction_mcp.realtime`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from prediction_mcp.kalshi.feed import Feed
from prediction_mcp.kalshi.models import feed as wire
from prediction_mcp.kalshi.models.base import quoted
from prediction_mcp.kalshi.models.feed import DeltaMsg, FillMsg, OrderMsg, SnapshotMsg, TickerMsg, TradeMsg
from prediction_mcp.kalshi.websocket import url_of
from prediction_mcp.realtime.events import BookEvent, Channel, Event, FillEvent, OrderEvent, Quote, TradeEvent

if TYPE_CHECKING:
    from collections import Counter

    from prediction_mcp.kalshi import KalshiClient
    from prediction_mcp.kalshi.auth import Signer
    from prediction_mcp.kalshi.orderbook import LiveBook

LOOK_BACK_S = 60
"""How far before a moment fills are asked for: clocks differ."""
CHANNELS: dict[Channel, wire.Channel] = {
    "orderbook": "orderbook_delta", "trades": "trade", "ticker": "ticker", "fills": "fill", "orders": "user_orders",
}  # fmt: skip
NAMES = {theirs: ours for ours, theirs in CHANNELS.items()}


class FeedSource:
    """The feed of an account.

    Args:
        heard: told (channel, market, event).
        again: called after a lost connection was made again.
        turned: called when the state of the feed is another one.
    """

    def __init__(
        self,
        kalshi: KalshiClient,
        signer: Signer,
        heard: Callable[[Channel, str, Event], None],
        again: Callable[[], None],
        turned: Callable[[], None],
    ) -> None:
        self._kalshi = kalshi
        self._heard = heard
        self.feed = Feed(url_of(kalshi.transport.base_url), signer, self._message, again, turned)

    @property
    def counters(self) -> Counter[str]:
        return self.feed.counters

    @counters.setter
    def counters(self, counters: Counter[str]) -> None:
        self.feed.counters = counters

    @property
    def books(self) -> dict[str, LiveBook]:
        return self.feed.books

    @property
    def state(self) -> str:
        return self.feed.state

    @property
    def problem(self) -> str | None:
        """Why the feed isn't live, and when the next try follows."""
        return self.feed.problem

    async def watch(self, channel: Channel, tickers: Iterable[str] = ()) -> None:
        await self.feed.watch(CHANNELS[channel], tickers)

    async def unwatch(self, channel: Channel, tickers: Iterable[str] = ()) -> None:
        await self.feed.unwatch(CHANNELS[channel], tickers)

    async def book(self, ticker: str, patience_s: float = 3.0) -> LiveBook:
        return await self.feed.book(ticker, patience_s)

    async def fills_since(self, at: float) -> list[tuple[str, float, FillEvent]]:
        found = [f async for f in self._kalshi.portfolio.all_fills(min_ts=int(at) - LOOK_BACK_S)]
        return [
            (
                fill.ticker,
                fill.created_time.timestamp(),
                FillEvent(
                    fill.trade_id or fill.fill_id, fill.order_id, fill.book_side, fill.yes_price_dollars,
                    fill.count_fp, fill.fee_cost,
                ),
            )
            for fill in reversed(found)
            if fill.created_time is not None
        ]  # fmt: skip

    async def close(self) -> None:
        await self.feed.close()

    def _message(self, channel: wire.Channel, ticker: str, message: Any) -> None:
        if (named := NAMES.get(channel)) is not None:
            self._heard(named, ticker, event_of(message))


def event_of(message: Any) -> Event:
    """A message of the feed as an event."""
    match message:
        case DeltaMsg():
            return BookEvent(message.side, Decimal(message.price_dollars), Decimal(message.delta_fp))
        case SnapshotMsg():
            return BookEvent()
        case TickerMsg():
            return quote_of(message)
        case TradeMsg():
            return TradeEvent(Decimal(message.yes_price_dollars), Decimal(message.count_fp), message.taker_outcome_side)
        case FillMsg():
            return FillEvent(
                message.trade_id, message.order_id, message.book_side, Decimal(message.yes_price_dollars),
                Decimal(message.count_fp), Decimal(message.fee_cost),
            )  # fmt: skip
        case OrderMsg():
            return OrderEvent(
                message.order_id, message.book_side, Decimal(message.yes_price_dollars), message.status,
                Decimal(message.fill_count_fp), Decimal(message.remaining_count_fp),
            )  # fmt: skip
    raise TypeError(f"no event is known for {type(message).__name__}")


def quote_of(message: TickerMsg) -> Quote:
    """Return the prices of a ticker message; None for a side that isn't quoted, and before the first trade."""

    def number(text: str | None) -> Decimal | None:
        return None if text is None else Decimal(text)

    return Quote(
        quoted(number(message.price_dollars)),
        quoted(number(message.yes_bid_dollars), number(message.yes_bid_size_fp)),
        quoted(number(message.yes_ask_dollars), number(message.yes_ask_size_fp)),
        number(message.volume_fp),
    )
