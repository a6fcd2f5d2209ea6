"""Results about orders, fills and what an order would cost."""

from decimal import Decimal
from typing import Self

from pydantic import Field

from prediction_mcp.analytics.costs import OrderCost
from prediction_mcp.desk.results import Answer, ListAnswer, Minute, Number, Result, Second
from prediction_mcp.kalshi.models.orders import Order, OrderExecution, Traded
from prediction_mcp.kalshi.models.portfolio import Fill
from prediction_mcp.kalshi.orders import in_words, yes_price
from prediction_mcp.net.sides import Action, Side
from prediction_mcp.net.words import cents, printed


class FundedAnswer(Answer):
    """Base of answers to what may start with a transfer; ``transfer`` says which money moved first."""

    transfer: str | None = None


class Placed(FundedAnswer):
    """What became of a new order. Prices are dollars of the side traded."""

    order_id: str
    client_order_id: str
    ticker: str
    market: str
    order: str
    status: str
    filled: Number
    resting: Number
    cancelled: Number | None = None
    average_price: Number | None = None
    total: Number | None = None
    fee: Number | None = None
    approximate: bool | None = None

    @classmethod
    def of(
        cls, done: OrderExecution, traded: Traded | None, *, ticker: str, market: str, side: Side, action: Action,
        count: Decimal, price: Decimal, client_order_id: str, source: str,
    ) -> Self:  # fmt: skip
        """``total`` is price × filled: paid for a buy, received for a sale, before the fee.

        Both come from the fills. Where those can't be read yet they come from the answer's averages, which are rounded:
        then ``approximate`` says so.
        """
        gone = count - done.fill_count - done.remaining_count
        if done.remaining_count:
            status = "partly filled, rest resting" if done.fill_count else "resting"
        elif gone:
            status = "partly filled, rest cancelled" if done.fill_count else "cancelled: nothing could be filled"
        else:
            status = "filled"
        average = total = fee = None
        if traded is not None:
            total = traded.yes_cost if side == "yes" else traded.count - traded.yes_cost
            average, fee = round(total / traded.count, 6), traded.fees
        elif done.average_fill_price is not None:
            average = yes_price(side, done.average_fill_price)
            total = average * done.fill_count
            fee = None if done.average_fee_paid is None else done.average_fee_paid * done.fill_count
        return cls(
            source=source,
            order_id=done.order_id,
            client_order_id=done.client_order_id or client_order_id,
            ticker=ticker,
            market=market,
            order=f"{action} {printed(count)} {side} at {cents(price)}",
            status=status,
            filled=done.fill_count,
            resting=done.remaining_count,
            cancelled=gone or None,
            average_price=average,
            total=total,
            fee=fee,
            approximate=True if done.fill_count and traded is None else None,
        )


class BatchLine(Result):
    """One order of a batch: what became of it, or why it wasn't placed; ``unknown`` where nobody can tell yet."""

    order: str
    order_id: str | None = None
    status: str | None = None
    filled: Number | None = None
    resting: Number | None = None
    average_price: Number | None = None
    fee: Number | None = None
    client_order_id: str | None = None
    error: str | None = None
    unknown: bool | None = None
    placed: Placed | None = Field(None, exclude=True)
    """The whole, for the records; the answer has its essence."""

    @classmethod
    def of(cls, order: str, placed: Placed) -> Self:
        return cls(
            order=order,
            order_id=placed.order_id,
            status=placed.status,
            filled=placed.filled or None,
            resting=placed.resting or None,
            average_price=placed.average_price,
            fee=placed.fee,
            placed=placed,
        )


class BatchPlaced(FundedAnswer):
    """What became of each order, in the order given; ``filled`` is contracts over all of them."""

    placed: int
    failed: int | None = None
    filled: Number
    orders: list[BatchLine]


class Cancelled(Answer):
    """``cancelled`` is how many contracts the order still had open."""

    order_id: str
    cancelled: Number


class OrderLine(Result):
    """``order`` says it from both sides, since YES and NO are one book."""

    order_id: str
    ticker: str
    order: str
    status: str
    count: Number
    filled: Number
    remaining: Number
    fees: Number | None = None
    created: Second | None = None
    expires: Minute | None = None

    @classmethod
    def of(cls, order: Order) -> Self:
        return cls(
            order_id=order.order_id,
            ticker=order.ticker,
            order=in_words(order.book_side, order.yes_price_dollars),
            status=order.status,
            count=order.initial_count_fp,
            filled=order.fill_count_fp,
            remaining=order.remaining_count_fp,
            fees=order.fees or None,
            created=order.created_time,
            expires=order.expiration_time,
        )


class OrderDetail(Answer):
    """``queue_ahead`` is how many contracts trade before this order does."""

    order: OrderLine
    client_order_id: str | None = None
    fill_cost: Number | None = None
    updated: Second | None = None
    queue_ahead: Number | None = None

    @classmethod
    def of(cls, order: Order, queue_ahead: Decimal | None, source: str) -> Self:
        return cls(
            source=source,
            order=OrderLine.of(order),
            client_order_id=order.client_order_id,
            fill_cost=(order.taker_fill_cost_dollars + order.maker_fill_cost_dollars) or None,
            updated=order.last_update_time,
            queue_ahead=queue_ahead,
        )


class OrderList(ListAnswer):
    orders: list[OrderLine]


class FillLine(Result):
    """One of our trades; ``taker`` says whether we took liquidity."""

    time: Second | None = None
    ticker: str
    fill: str
    count: Number
    fee: Number
    taker: bool
    order_id: str

    @classmethod
    def of(cls, fill: Fill) -> Self:
        return cls(
            time=fill.created_time,
            ticker=fill.ticker,
            fill=in_words(fill.book_side, fill.yes_price_dollars),
            count=fill.count_fp,
            fee=fill.fee_cost,
            taker=fill.is_taker,
            order_id=fill.order_id,
        )


class FillList(ListAnswer):
    fills: list[FillLine]


class CostAnswer(Answer):
    """Dollars. A sale either closes what you hold (``receives``) or opens the other side (``pays``)."""

    ticker: str
    order: str
    pays: Number
    receives: Number | None = None
    taker_fee: Number
    maker_fee: Number
    max_loss: Number
    max_profit: Number
    break_even_probability: Number
    meaning: str
    note: str | None = None

    @classmethod
    def of(
        cls, cost: OrderCost, *, ticker: str, side: Side, action: Action, count: Decimal, price: Decimal, source: str,
        note: str | None = None,
    ) -> Self:  # fmt: skip
        other = "no" if side == "yes" else "yes"
        if action == "buy":
            meaning = f"Pays if {side} is likelier than the break-even probability."
        else:
            meaning = (
                f"Closing {side} you hold receives; without it, this opens {other} and pays. Selling pays if {side} is "
                "less likely than the break-even probability."
            )
        return cls(
            source=source,
            ticker=ticker,
            order=f"{action} {printed(count)} {side} at {cents(price)}",
            pays=cost.pays,
            receives=cost.receives or None,
            taker_fee=cost.taker_fee,
            maker_fee=cost.maker_fee,
            max_loss=cost.max_loss,
            max_profit=cost.max_profit,
            break_even_probability=round(cost.break_even, 6),
            meaning=meaning,
            note=note,
        )
