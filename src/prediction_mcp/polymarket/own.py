"""What a wallet's owner is told of orders, trades and money: answers of the order book, and frames of the user feed."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BeforeValidator, Field

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


class MakerOrder(SnakeWire):
    """A resting order that a trade filled: its own price in dollars of its own outcome, and shares."""

    order_id: str
    owner: str = ""
    maker_address: OptionalText = None
    asset_id: str = Field(validation_alias=AliasChoices("asset_id", "token_id"))
    side: Annotated[str, BeforeValidator(_upper)]
    price: OptionalNumber = None
    matched_amount: OptionalNumber = None
    outcome: OptionalText = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnFill:
    """The part of a trade that one own order had: dollars a share of its own outcome, and shares."""

    order_id: str
    asset_id: str
    outcome: str
    side: str
    price: Decimal
    size: Decimal
    is_taker: bool


class UserTrade(SnakeWire):
    """A step of an own trade, from feed or REST. ``side``, ``size`` and ``price`` are the **taker's**: see fills()."""

    id: str
    market: str = ""
    asset_id: str = Field("", validation_alias=AliasChoices("asset_id", "token_id"))
    side: Annotated[str, BeforeValidator(_upper)] = ""
    price: OptionalNumber = None
    size: OptionalNumber = None
    outcome: OptionalText = None
    status: Annotated[str, BeforeValidator(_status)]
    taker_order_id: str = ""
    trader_side: Annotated[str, BeforeValidator(_upper)] = ""
    match_time: Moment = None
    transaction_hash: OptionalText = None
    maker_orders: tuple[MakerOrder, ...] = ()

    def fills(self, wallet: str, key: str) -> tuple[OwnFill, ...]:
        """The wallet's own part: as maker its orders among ``maker_orders``, as taker one fill for each of them.

        A taker trades at the makers' prices, and pays its fee on each; where they don't add up to the trade's size,
        the trade's own price counts for all of it. Empty where the trade doesn't name what the wallet had.

        Args:
            wallet: address that holds the money.
            key: API key; orders are the wallet's by its address, or by the key where no address stands.
        """
        if self.trader_side == "MAKER":
            return tuple(
                fill
                for maker in self.maker_orders
                if (maker.maker_address or "").lower() == wallet.lower() or (maker.owner and maker.owner == key)
                if (fill := self._fill(maker, maker.order_id, maker.side, is_taker=False)) is not None
            )
        taken = [self._fill(maker, self.taker_order_id, self.side, is_taker=True) for maker in self.maker_orders]
        fills = tuple(fill for fill in taken if fill is not None)
        if self.price is None or self.size is None or sum(fill.size for fill in fills) == self.size:
            return fills
        return (
            OwnFill(
                order_id=self.taker_order_id, asset_id=self.asset_id, outcome=self.outcome or "", side=self.side,
                price=self.price, size=self.size, is_taker=True,
            ),
        )  # fmt: skip

    def _fill(self, maker: MakerOrder, order_id: str, side: str, *, is_taker: bool) -> OwnFill | None:
        """The maker's part, or the taker's: a taker of the other outcome pays $1 less the maker's price."""
        if maker.price is None or maker.matched_amount is None:
            return None
        asset_id, outcome, price = maker.asset_id, maker.outcome, maker.price
        if is_taker:
            price = price if asset_id == self.asset_id else 1 - price
            asset_id, outcome = self.asset_id, self.outcome
        return OwnFill(
            order_id=order_id, asset_id=asset_id, outcome=outcome or "", side=side, price=price,
            size=maker.matched_amount, is_taker=is_taker,
        )  # fmt: skip
