"""Messages of the WebSocket. msgspec, since they come by the thousand: a frame is decoded once, by its type.

Prices and counts stay the wire's strings here; who keeps a book turns them into integers. Fields that may be missing
have a default; a direction (side) that isn't known is an error, never a guess. Shapes: the AsyncAPI file, October 2026.
"""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Raw, Struct, UnsetType

from prediction_mcp.net.sides import BookSide, Side

Channel = Literal[
    "orderbook_delta", "ticker", "trade", "fill", "user_orders", "market_positions", "market_lifecycle_v2",
    "multivariate_market_lifecycle", "communications", "order_group_updates", "cfbenchmarks_value",
    "cfbenchmarks_value_5hz", "pyth_value",
]  # fmt: skip
Level = tuple[str, str]


class SnapshotMsg(Struct, gc=False):
    """A whole book, bids of both outcomes as [price, contracts]; an empty side is absent or null."""

    market_ticker: str
    yes_dollars_fp: list[Level] | None = None
    no_dollars_fp: list[Level] | None = None
    ts_ms: int = 0
    clock: int = 0


class DeltaMsg(Struct, gc=False):
    """A change of one level; ``delta_fp`` is signed. ``clock`` is the exchange's, 0 where it has none."""

    market_ticker: str
    price_dollars: str
    delta_fp: str
    side: Side
    ts_ms: int = 0
    clock: int = 0


class TickerMsg(Struct, gc=False, omit_defaults=True):
    market_ticker: str
    ts_ms: int = 0
    price_dollars: str | None = None
    yes_bid_dollars: str | None = None
    yes_ask_dollars: str | None = None
    yes_bid_size_fp: str | None = None
    yes_ask_size_fp: str | None = None
    last_trade_size_fp: str | None = None
    volume_fp: str | None = None
    open_interest_fp: str | None = None


class TradeMsg(Struct, gc=False, omit_defaults=True):
    trade_id: str
    market_ticker: str
    yes_price_dollars: str
    count_fp: str
    taker_outcome_side: Side
    ts_ms: int = 0
    is_block_trade: bool = False


class FillMsg(Struct, gc=False, omit_defaults=True):
    trade_id: str
    order_id: str
    market_ticker: str
    yes_price_dollars: str
    count_fp: str
    book_side: BookSide
    is_taker: bool
    fee_cost: str = "0"
    post_position_fp: str | None = None
    client_order_id: str | None = None
    ts_ms: int = 0


class OrderMsg(Struct, gc=False, omit_defaults=True):
    order_id: str
    ticker: str
    status: str
    book_side: BookSide
    yes_price_dollars: str
    fill_count_fp: str = "0.00"
    remaining_count_fp: str = "0.00"
    initial_count_fp: str = "0.00"
    client_order_id: str | None = None
    last_updated_ts_ms: int = 0


class ErrorMsg(Struct, gc=False):
    code: int
    msg: str = ""
    market_ticker: str = ""
    market_tickers: list[str] | None = None


class SubscribedMsg(Struct, gc=False):
    channel: str
    sid: int


class _Frame(Struct, gc=False, tag_field="type"):
    sid: int = 0
    seq: int = 0
    id: int = 0


class Snapshot(_Frame, tag="orderbook_snapshot", kw_only=True, gc=False):
    msg: SnapshotMsg


class Delta(_Frame, tag="orderbook_delta", kw_only=True, gc=False):
    msg: DeltaMsg


class Ticker(_Frame, tag="ticker", kw_only=True, gc=False):
    msg: TickerMsg


class Trade(_Frame, tag="trade", kw_only=True, gc=False):
    msg: TradeMsg


class Fill(_Frame, tag="fill", kw_only=True, gc=False):
    msg: FillMsg


class UserOrder(_Frame, tag="user_order", kw_only=True, gc=False):
    msg: OrderMsg


class Subscribed(_Frame, tag="subscribed", kw_only=True, gc=False):
    msg: SubscribedMsg


class Ok(_Frame, tag="ok", kw_only=True, gc=False):
    msg: Raw | UnsetType = UNSET


class Unsubscribed(_Frame, tag="unsubscribed", kw_only=True, gc=False):
    pass


class Error(_Frame, tag="error", kw_only=True, gc=False):
    msg: ErrorMsg


Frame = Snapshot | Delta | Ticker | Trade | Fill | UserOrder | Subscribed | Ok | Unsubscribed | Error


class AnyMsg(Struct, gc=False):
    market_ticker: str


class AnyFrame(Struct, gc=False):
    """Fields that every frame has: for frames of an unknown type, and for those that can't be read."""

    type: str = ""
    sid: int = 0
    seq: int = 0
    msg: Raw = Raw(b"null")
