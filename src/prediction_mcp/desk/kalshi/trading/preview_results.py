"""Results of looking before one leaps: best prices, slippage, validity, simulation; and of changing orders."""

from decimal import Decimal
from typing import Self

from prediction_mcp.analytics.book import Walk, mid, spread, walk
from prediction_mcp.desk.results import Answer, Number, Result
from prediction_mcp.kalshi.models.markets import Orderbook
from prediction_mcp.net.sides import Action, Side
from prediction_mcp.net.words import printed

from .results import FundedAnswer


class BestPrice(Answer):
    """What can be had now: buy at the ask, sell at the bid; dollars and contracts."""

    ticker: str
    yes_bid: Number | None = None
    yes_bid_size: Number | None = None
    yes_ask: Number | None = None
    yes_ask_size: Number | None = None
    no_bid: Number | None = None
    no_ask: Number | None = None
    spread: Number | None = None
    mid: Number | None = None
    note: str | None = None

    @classmethod
    def of(cls, ticker: str, book: Orderbook, source: str) -> Self:
        bid, bid_size = book.yes_bids[0] if book.yes_bids else (None, None)
        ask, ask_size = book.yes_asks[0] if book.yes_asks else (None, None)
        missing = [name for name, price in (("bids", bid), ("offers", ask)) if price is None]
        return cls(
            source=source,
            ticker=ticker,
            yes_bid=bid,
            yes_bid_size=bid_size,
            yes_ask=ask,
            yes_ask_size=ask_size,
            no_bid=None if ask is None else 1 - ask,
            no_ask=None if bid is None else 1 - bid,
            spread=spread(bid, ask),
            mid=mid(bid, ask),
            note=f"Nobody {' or '.join(missing)} for YES now." if missing else None,
        )


class Slippage(Answer):
    """An order walked through the side of the book that it would hit. Dollars of the side traded, before fees."""

    ticker: str
    order: str
    best: Number | None = None
    average: Number | None = None
    worst: Number | None = None
    slippage: Number | None = None
    slippage_dollars: Number | None = None
    filled: Number
    unfilled: Number | None = None
    levels: int

    @classmethod
    def of(cls, ticker: str, book: Orderbook, side: Side, action: Action, count: Decimal, source: str) -> Self:
        """``slippage`` is how much worse the average is than the best price, a contract."""
        levels = book.levels(side, action)
        met: Walk = walk(levels, count, buying=action == "buy")
        best, average = (levels[0][0] if levels else None), met.average
        slip = None if best is None or average is None else abs(average - best)
        reached = 0 if met.last_price is None else [price for price, _ in levels].index(met.last_price) + 1
        return cls(
            source=source,
            ticker=ticker,
            order=f"{action} {printed(count)} {side} at market",
            best=best,
            average=None if average is None else round(average, 6),
            worst=met.last_price,
            slippage=None if slip is None else round(slip, 6),
            slippage_dollars=None if slip is None else round(slip * met.filled, 4),
            filled=met.filled,
            unfilled=(count - met.filled) or None,
            levels=reached,
        )


class Validity(Answer):
    """``errors`` would have the order refused; ``warnings`` are what a careful trader would want to know.

    ``available`` is cash on the market's shard; ``transfer`` is moved there first.
    """

    order: str
    ok: bool
    errors: list[str]
    warnings: list[str]
    worst_case: Number | None = None
    available: Number | None = None
    transfer: str | None = None


class SimulatedFill(Result):
    price: Number
    count: Number


class Simulation(Answer):
    """An order against the book as it is now; nothing was sent. Positions: yes above zero, no below.

    ``available_*`` is cash over all shards; ``transfer`` is moved to the market's shard first.
    """

    order: str
    fills: list[SimulatedFill]
    filled: Number
    average_price: Number | None = None
    resting: Number | None = None
    cancelled: Number | None = None
    pays: Number | None = None
    receives: Number | None = None
    fee: Number | None = None
    position_before: Number
    position_after: Number
    available_before: Number
    available_after: Number | None = None
    transfer: str | None = None
    note: str | None = None


class CancelledLine(Result):
    order_id: str
    cancelled: Number | None = None
    error: str | None = None


class CancelledMany(Answer):
    """``cancelled`` counts orders, ``contracts`` what they still had open."""

    cancelled: int
    contracts: Number
    failed: int | None = None
    orders: list[CancelledLine]
    note: str | None = None


class Amended(FundedAnswer):
    """``keeps_queue_position``: only a smaller count at the same price does."""

    order_id: str
    order: str
    filled_now: Number | None = None
    remaining: Number
    keeps_queue_position: bool
