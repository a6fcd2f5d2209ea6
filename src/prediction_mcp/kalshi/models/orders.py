"""Orders: what is asked (requests) and what the exchange says of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, Self

from pydantic import BaseModel

from prediction_mcp.net.sides import BookSide, Side

from .base import Count, Dollars, KalshiModel, OptionalTime, Page, Request
from .portfolio import Fill

TimeInForce = Literal["good_till_canceled", "immediate_or_cancel", "fill_or_kill"]
SelfTradePrevention = Literal["taker_at_cross", "maker"]


class NewOrder(Request):
    """A V2 order: ``price`` and ``count`` are already the wire's strings, ``price`` in YES dollars."""

    ticker: str
    side: BookSide
    count: str
    price: str
    client_order_id: str
    time_in_force: TimeInForce = "good_till_canceled"
    self_trade_prevention_type: SelfTradePrevention = "taker_at_cross"
    expiration_time: int | None = None
    post_only: bool | None = None
    reduce_only: bool | None = None
    cancel_order_on_pause: bool | None = None
    subaccount: int | None = None
    order_group_id: str | None = None
    exchange_index: int | None = None


class Amendment(Request):
    """``count`` is the total: filled already plus wanted remaining. Both strings as in :class:`NewOrder`."""

    ticker: str
    side: BookSide
    price: str
    count: str
    expiration_time: int | None = None
    client_order_id: str | None = None
    updated_client_order_id: str | None = None
    exchange_index: int | None = None


class Order(KalshiModel):
    """An order as the exchange knows it. ``status`` is resting, canceled or executed."""

    order_id: str
    client_order_id: str = ""
    ticker: str
    outcome_side: Side
    book_side: BookSide
    status: str
    type: str = ""
    yes_price_dollars: Dollars
    no_price_dollars: Dollars | None = None
    fill_count_fp: Count
    remaining_count_fp: Count
    initial_count_fp: Count
    taker_fill_cost_dollars: Dollars = Decimal(0)
    maker_fill_cost_dollars: Dollars = Decimal(0)
    taker_fees_dollars: Dollars = Decimal(0)
    maker_fees_dollars: Dollars = Decimal(0)
    user_id: str = ""
    order_group_id: str | None = None
    subaccount_number: int | None = None
    exchange_index: int | None = None
    expiration_time: OptionalTime = None
    created_time: OptionalTime = None
    last_update_time: OptionalTime = None

    @property
    def fees(self) -> Dollars:
        return self.taker_fees_dollars + self.maker_fees_dollars


class OrderAnswer(KalshiModel):
    order: Order


class OrderPage(Page):
    orders: list[Order] = []


class OrderExecution(KalshiModel):
    """Answer to a create. Averages are per contract and stand only where something filled; price is YES."""

    order_id: str
    client_order_id: str | None = None
    fill_count: Count
    remaining_count: Count
    average_fill_price: Dollars | None = None
    average_fee_paid: Dollars | None = None
    ts_ms: int = 0


class AmendedOrder(KalshiModel):
    """Answer to an amend; ``fill_count`` counts only fills that the amend caused.

    ``fill_count`` is None where it filled nothing, ``remaining_count`` where it left the open size as it was: an amend
    of the price alone answers null for both. Averages are as in :class:`OrderExecution`.
    """

    order_id: str
    client_order_id: str | None = None
    fill_count: Count | None = None
    remaining_count: Count | None = None
    average_fill_price: Dollars | None = None
    average_fee_paid: Dollars | None = None
    ts_ms: int = 0


class Cancellation(KalshiModel):
    order_id: str
    client_order_id: str | None = None
    reduced_by: Count
    ts_ms: int | None = None


class Decrease(KalshiModel):
    order_id: str
    client_order_id: str | None = None
    remaining_count: Count
    ts_ms: int = 0


class ItemError(KalshiModel):
    code: str | None = None
    message: str | None = None
    details: str | None = None


class BatchCreateItem(KalshiModel):
    """One item's fate: an execution, or an error."""

    order_id: str | None = None
    client_order_id: str | None = None
    fill_count: Count | None = None
    remaining_count: Count | None = None
    average_fill_price: Dollars | None = None
    average_fee_paid: Dollars | None = None
    ts_ms: int | None = None
    error: ItemError | None = None


class BatchCreateAnswer(KalshiModel):
    orders: list[BatchCreateItem] = []


class BatchCancelItem(KalshiModel):
    order_id: str
    client_order_id: str | None = None
    reduced_by: Count = Decimal(0)
    ts_ms: int | None = None
    error: ItemError | None = None


class BatchCancelAnswer(KalshiModel):
    orders: list[BatchCancelItem] = []


class QueuePositionAnswer(KalshiModel):
    """Contracts that trade before this order does."""

    queue_position_fp: Count


class OrderQueuePosition(KalshiModel):
    order_id: str
    market_ticker: str
    queue_position_fp: Count


class QueuePositions(KalshiModel):
    queue_positions: list[OrderQueuePosition] = []


class BatchCreateBody(BaseModel):
    orders: list[NewOrder]


class CancelItem(BaseModel):
    """An order to be cancelled; ``subaccount`` must name the one it is of, unless that is the primary."""

    order_id: str
    market_ticker: str | None = None
    subaccount: int | None = None
    exchange_index: int | None = None


class BatchCancelBody(BaseModel):
    orders: list[CancelItem]


class DecreaseBody(BaseModel):
    reduce_by: str | None = None
    reduce_to: str | None = None
    market_ticker: str | None = None
    exchange_index: int | None = None


@dataclass(frozen=True, slots=True)
class Traded:
    """Contracts filled, the sum of count × YES price over them, and the net fees; dollars."""

    count: Decimal
    yes_cost: Decimal
    fees: Decimal

    @classmethod
    def of(cls, fills: Iterable[Fill]) -> Self:
        count = cost = fees = Decimal(0)
        for fill in fills:
            count += fill.count_fp
            cost += fill.count_fp * fill.yes_price_dollars
            fees += fill.fee_cost
        return cls(count, cost, fees)

    @property
    def averages(self) -> tuple[Decimal | None, Decimal | None]:
        """YES price and fee per contract; None where nothing filled."""
        return (self.yes_cost / self.count, self.fees / self.count) if self.count else (None, None)
