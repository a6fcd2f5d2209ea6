"""What a wallet's owner is told of orders, trades and money: answers of the order book, and frames of the user feed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from .wire import Moment, OptionalNumber, OptionalText, Price, Size, SnakeWire, Wire


class Placed(Wire):
    """The answer to an order. Amounts are dollars and shares, as the order's side has them; None where none are said.

    ``status`` is live, matched or delayed; of an order whose answer was lost, what the book says of it now.
    """

    success: bool
    error_msg: str
    order_id: str = Field(alias="orderID")
    status: str
    making_amount: OptionalNumber = None
    taking_amount: OptionalNumber = None
    trade_ids: tuple[str, ...] = Field((), alias="tradeIDs")


class Order(SnakeWire):
    """An order as the book knows it. Sizes are shares."""

    id: str
    market: str
    asset_id: str
    side: Literal["BUY", "SELL"]
    price: Price
    original_size: Size
    size_matched: Size
    outcome: str
    order_type: str
    status: str
    created_at: Moment
    expiration: Moment = None


class Cancelled(SnakeWire):
    """What was cancelled, and what wasn't with the reason."""

    canceled: tuple[str, ...]
    not_canceled: dict[str, str] = Field(default_factory=dict)


class Balance(SnakeWire):
    """Millionths of a dollar, or of a share; allowances by the contract that may take them."""

    balance: int = Field(ge=0)
    allowances: dict[str, int]


class Orders(SnakeWire):
    """A page of open orders."""

    data: tuple[Order, ...]
    next_cursor: str | None = None


class UserTrades(SnakeWire):
    """A page of own trades."""

    data: tuple[UserTrade, ...]
    next_cursor: str | None = None


class Beat(SnakeWire):
    """The id that the next heartbeat has to name."""

    heartbeat_id: str


class Redeemed(SnakeWire):
    """What the paper exchange paid out, in dollars."""

    collateral: OptionalNumber


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _status(value: Any) -> Any:
    return value.upper().removeprefix("TRADE_STATUS_") if isinstance(value, str) else value


class UserOrder(SnakeWire):
    """A step of an own order. Numbers are None where the feed says nothing."""

    id: str
    type: str = ""
    market: str = ""
    asset_id: str = ""
    side: Annotated[str, BeforeValidator(_upper)] = ""
    price: OptionalNumber = None
    original_size: OptionalNumber = None
    size_matched: OptionalNumber = None
    outcome: OptionalText = None
    order_type: OptionalText = None
    status: OptionalText = None
    timestamp: Moment = None


class UserTrade(SnakeWire):
    """A step of an own trade, from feed or REST."""

    id: str
    market: str = ""
    asset_id: str = ""
    side: Annotated[str, BeforeValidator(_upper)] = ""
    price: OptionalNumber = None
    size: OptionalNumber = None
    outcome: OptionalText = None
    status: Annotated[str, BeforeValidator(_status)]
    taker_order_id: str = ""
    trader_side: Annotated[str, BeforeValidator(_upper)] = ""
    match_time: Moment = None
    transaction_hash: OptionalText = None
    maker_orders: tuple[dict[str, Any], ...] = Field(default=())
