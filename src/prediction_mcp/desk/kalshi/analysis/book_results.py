"""Results about order books and trades."""

from decimal import Decimal
from typing import Literal, Self

from prediction_mcp.analytics.book import bid_value, mid, spread
from prediction_mcp.desk.results import Answer, ListAnswer, Number, Result, Second
from prediction_mcp.kalshi.models.markets import Orderbook, Trade
from prediction_mcp.net.sides import Side

PriceLevel = tuple[Number, Number]
"""[price in dollars, contracts]"""


class BookView(Result):
    """YES bids and asks, best first, as [price, contracts]; depth in dollars is what the bids and the NO bids hold.

    ``source`` is "feed" where the book is watched and lay in memory.
    """

    ticker: str
    bids: list[PriceLevel]
    asks: list[PriceLevel]
    spread: Number | None = None
    mid: Number | None = None
    bid_depth_dollars: Number
    ask_depth_dollars: Number
    levels_left_out: int | None = None
    source: Literal["feed"] | None = None

    @classmethod
    def of(cls, ticker: str, book: Orderbook, depth: int, *, watched: bool = False) -> Self:
        bids, asks = book.yes_bids, book.yes_asks
        bid = bids[0][0] if bids else None
        ask = asks[0][0] if asks else None
        hidden = max(len(bids) - depth, 0) + max(len(asks) - depth, 0)
        return cls(
            ticker=ticker,
            bids=bids[:depth],
            asks=asks[:depth],
            spread=spread(bid, ask),
            mid=mid(bid, ask),
            bid_depth_dollars=bid_value(bids),
            ask_depth_dollars=bid_value(book.no_dollars),
            levels_left_out=hidden or None,
            source="feed" if watched else None,
        )


class BookAnswer(Answer):
    books: list[BookView]


class TradeLine(Result):
    """``taker`` is the side the taker is positioned for; price is YES dollars."""

    time: Second
    ticker: str | None = None
    price: Number
    count: Number
    taker: Side

    @classmethod
    def of(cls, trade: Trade, *, name: bool) -> Self:
        return cls(
            time=trade.created_time,
            ticker=trade.ticker if name else None,
            price=trade.yes_price_dollars,
            count=trade.count_fp,
            taker=trade.taker_outcome_side,
        )


class TradeList(ListAnswer):
    ticker: str | None = None
    contracts: Number
    trades: list[TradeLine]

    @classmethod
    def of(cls, trades: list[Trade], ticker: str | None, cursor: str | None, source: str) -> Self:
        return cls(
            source=source,
            count=len(trades),
            cursor=cursor,
            ticker=ticker,
            contracts=sum((t.count_fp for t in trades), Decimal(0)),
            trades=[TradeLine.of(t, name=ticker is None) for t in trades],
        )
