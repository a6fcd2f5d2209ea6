"""What the wallet has: cash, positions, what they are worth, what it did."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, Self

from prediction_mcp.desk.results import BAD_CURSOR, Answer, ListAnswer, Number, Result, Second, page_of
from prediction_mcp.polymarket import models, record
from prediction_mcp.polymarket.errors import InvalidRequestError
from prediction_mcp.polymarket.orders import EARLY_S
from prediction_mcp.polymarket.own import Order
from prediction_mcp.safety.text import quoted

from . import lookup

if TYPE_CHECKING:
    from .account import Account

MILLIONTHS = Decimal(10) ** 6
MOST = 5_000
"""Positions of a wallet that sums are made of."""
NAMES = 25
"""Markets that one request names."""
Held = Literal["open", "redeemable", "closed", "all"]
STATUSES: dict[Held, tuple[str, ...]] = {
    "open": ("OPEN",), "redeemable": ("REDEEMABLE",), "closed": ("CLOSED",), "all": ("OPEN", "CLOSED"),
}  # fmt: skip
"""Statuses as the service filters by them; OPEN is all that is held, also what is resolved and not paid."""


class BalanceAnswer(Answer):
    """Dollars (pUSD). Open buys don't lower ``cash``: Polymarket holds nothing back for them, it cancels what no longer
    fits. ``in_open_buys`` is what they may take."""

    wallet: str
    cash: Number
    in_open_buys: Number


class PositionLine(Result):
    """``fees`` were paid besides ``cost``; ``unrealized`` and ``realized`` are before fees."""

    slug: str
    question: str
    outcome: str
    shares: Number
    average_price: Number
    cost: Number
    price: Number
    value: Number
    unrealized: Number
    realized: Number | None = None
    fees: Number | None = None
    status: str
    note: str | None = None

    @classmethod
    def of(cls, row: record.Position) -> Self:
        note = None
        if row.redeemable:
            note = "resolved, not paid yet: redeem it" if row.current_price else "resolved, worth nothing"
        elif row.mergeable:
            note = "both outcomes held: a pair is worth $1"
        return cls(
            slug=row.slug or row.condition_id,
            question=row.title or "",
            outcome=row.outcome or "",
            shares=row.current_size,
            average_price=row.avg_price,
            cost=row.total_cost_usdc,
            price=row.current_price,
            value=row.current_value,
            unrealized=row.unrealized_pnl,
            realized=row.realized_pnl or None,
            fees=row.entry_fees_usdc or None,
            status=row.status.lower(),
            note=note,
        )


class Positions(ListAnswer):
    positions: list[PositionLine]


class ValueAnswer(Answer):
    """Dollars; ``positions`` at the middle of their books, resolved ones at what they pay.

    ``fees`` were paid for what is held, besides its cost; ``unrealized`` is before them.
    """

    wallet: str
    cash: Number
    positions: Number
    total: Number
    redeemable: Number | None = None
    unrealized: Number
    fees: Number | None = None


class ActivityLine(Result):
    """``dollars`` without the ``fee``: a buy takes both from cash, a sale brings dollars less fee. No fee: a maker."""

    at: Second | None = None
    what: str
    question: str | None = None
    outcome: str | None = None
    side: str | None = None
    price: Number | None = None
    shares: Number | None = None
    dollars: Number | None = None
    fee: Number | None = None

    @classmethod
    def of(cls, row: record.Activity, fee: Decimal | None) -> Self:
        return cls(
            at=row.timestamp, what=row.type.lower(), question=row.title, outcome=row.outcome, side=row.side,
            price=row.price, shares=row.size, dollars=row.usdc_size, fee=fee or None,
        )  # fmt: skip


class ActivityList(ListAnswer):
    """Newest first."""

    activity: list[ActivityLine]
    note: str | None = None


class OrderLine(Result):
    """``remaining`` are shares that still rest; ``ends`` is a minute before the expiration of a GTD order."""

    order_id: str
    question: str
    slug: str
    order: str
    type: str
    size: Number
    filled: Number
    remaining: Number
    ends: Second | None = None


class OrderList(ListAnswer):
    orders: list[OrderLine]


def wanted_by(order: Order) -> Decimal:
    """Dollars that a resting buy may take, fees apart."""
    return order.price * (order.original_size - order.size_matched) if order.side == "BUY" else Decimal(0)


async def balance(account: Account) -> BalanceAnswer:
    trader = await account.trader()
    cash, resting = await trader.balance(), await trader.open_orders()
    return BalanceAnswer(
        source=account.source,
        wallet=account.wallet().address,
        cash=cash.balance / MILLIONTHS,
        in_open_buys=sum(map(wanted_by, resting), Decimal(0)),
    )


async def rows(account: Account, **filters: object) -> list[record.Position]:
    return await account.polymarket.positions(account.address, MOST, **filters)


async def positions(account: Account, text: str | None, held: Held, limit: int, cursor: str | None = None) -> Positions:
    """A page of positions. One query takes one status, so "all" reads what is held, then what is closed."""
    statuses = STATUSES[held]
    status, _, place = (cursor or statuses[0]).partition(":")
    if status not in statuses:
        raise InvalidRequestError(BAD_CURSOR)
    filters: dict[str, object] = {}
    if text is not None:
        filters["condition_id"] = (await lookup.market(account, text)).condition_id or ""
    found, rest = list[record.Position](), True
    while rest and len(found) < limit:
        page, following = await account.polymarket.positions_page(
            account.address, limit - len(found), place or None, status=status, **filters
        )
        found += page
        place = following or ""
        if not place:
            rest = status != statuses[-1]
            status = statuses[-1]
        elif not page:
            break
    lines = [PositionLine.of(row) for row in found]
    more = f"{status}:{place}" if rest else None
    return Positions(source=account.source, count=len(lines), cursor=more, positions=lines)


async def value(account: Account) -> ValueAnswer:
    trader = await account.trader()
    cash = (await trader.balance()).balance / MILLIONTHS
    found = await rows(account)
    worth = sum((row.current_value for row in found), Decimal(0))
    return ValueAnswer(
        source=account.source,
        wallet=account.wallet().address,
        cash=cash,
        positions=worth,
        total=cash + worth,
        redeemable=sum((row.current_value for row in found if row.redeemable), Decimal(0)) or None,
        unrealized=sum((row.unrealized_pnl for row in found), Decimal(0)),
        fees=sum((row.entry_fees_usdc or Decimal(0) for row in found), Decimal(0)) or None,
    )


async def activity(account: Account, text: str | None, limit: int, cursor: str | None = None) -> ActivityList:
    from . import fees

    filters: dict[str, object] = {"taker_only": "false"}
    if text is not None:
        filters["condition_id"] = (await lookup.market(account, text)).condition_id or ""
    found, more = await account.polymarket.activity_page(account.address, limit, cursor, **filters)
    paid = await fees.of_activity(account, found)
    unknown = sum(fee is None and row.type == "TRADE" for row, fee in zip(found, paid, strict=True))
    lines = [ActivityLine.of(row, fee) for row, fee in zip(found, paid, strict=True)]
    note = f"The fee of {unknown} trades isn't known." if unknown else None
    return ActivityList(source=account.source, count=len(lines), cursor=more, activity=lines, note=note)


async def orders(account: Account, text: str | None, limit: int, cursor: str | None = None) -> OrderList:
    """What rests, with its market's words."""
    market = None if text is None else (await lookup.market(account, text)).condition_id or ""
    resting = await (await account.trader()).open_orders(market)
    page, more = page_of(resting, cursor, limit)
    listed = await markets_of(account, [order.market for order in page])
    lines = [line_of(order, listed.get(order.market)) for order in page]
    return OrderList(source=account.source, count=len(lines), cursor=more, orders=lines)


async def markets_of(account: Account, conditions: Sequence[str]) -> dict[str, models.Market]:
    """Markets by condition id; unknown ones are missing."""
    return {m.condition_id or "": m for m in await listed(account, "condition_ids", conditions)}


async def listed(account: Account, by: str, names: Sequence[str]) -> list[models.Market]:
    """Markets by one of Gamma's filters, some names a request: it takes them repeated, and addresses aren't endless."""
    wanted = [name for name in dict.fromkeys(names) if name]
    found = list[models.Market]()
    for start in range(0, len(wanted), NAMES):
        found += [m async for m in account.polymarket.markets(**{by: wanted[start : start + NAMES]})]
    return found


def line_of(order: Order, market: models.Market | None) -> OrderLine:
    from prediction_mcp.net.words import cents

    return OrderLine(
        order_id=order.id,
        question="" if market is None else market.question,
        slug=order.market if market is None else market.slug or order.market,
        order=f"{order.side.lower()} “{quoted(order.outcome)}” at {cents(order.price)}",
        type=order.order_type,
        size=order.original_size,
        filled=order.size_matched,
        remaining=order.original_size - order.size_matched,
        ends=None if order.expiration is None else order.expiration - timedelta(seconds=EARLY_S),
    )


class Portfolio(ValueAnswer):
    """The value with each open position; ``more`` if there are others."""

    held: list[PositionLine]
    more: bool | None = None

    @classmethod
    def of(cls, value: ValueAnswer, positions: Positions) -> Self:
        shown = value.model_dump()
        return cls(**{k: v for k, v in shown.items() if k in ValueAnswer.model_fields}, held=positions.positions,
                   more=True if positions.cursor else None)  # fmt: skip
