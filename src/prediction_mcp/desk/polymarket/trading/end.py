"""The end of orders, and of positions that are decided: as plans."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from loguru import logger

from prediction_mcp.desk.results import MONEY
from prediction_mcp.net import deadline
from prediction_mcp.net.errors import PlatformError
from prediction_mcp.net.words import printed
from prediction_mcp.polymarket.errors import (
    InvalidRequestError,
    MissingExtraError,
    NotFoundError,
    PermissionDeniedError,
    UnusableKeyError,
)
from prediction_mcp.polymarket.own import Order
from prediction_mcp.safety.halt import READ_S, UNREAD, WARNING
from prediction_mcp.safety.plan import Done, Plan, Terms
from prediction_mcp.safety.text import quoted

from ...both import MARKET
from .. import lookup, portfolio
from .results import Cancelled, CancelLine, Redeemed

if TYPE_CHECKING:
    from prediction_mcp.polymarket import PolymarketAccount, models, record

    from ..account import Account

T = TypeVar("T")
ORDER_ID = re.compile(r"0x[0-9a-fA-F]{64}")
LISTED = 5
ZERO = Decimal(0)


async def plan_cancel(account: Account, order_id: str) -> CancelOrders:
    """The end of one resting order. Raises NotFoundError where there is none."""
    if not ORDER_ID.fullmatch(order_id):
        raise InvalidRequestError("That is no order id of Polymarket: it takes 0x and 64 digits.")
    order = await _soon(account, lambda trader: trader.order(order_id))
    if order is None:
        return CancelOrders(account, [], f"order {order_id}", [order_id])
    if order.status not in ("LIVE", "DELAYED"):
        raise NotFoundError(f"The order doesn't rest any more: it is {order.status.lower()}.")
    return CancelOrders(account, [order], "one order")


async def plan_cancel_many(
    account: Account, order_ids: Sequence[str] | None, market: str | None, *, everything: bool
) -> CancelOrders:
    """The end of the orders named, those of a market, or all; exactly one of the three."""
    if sum((order_ids is not None, market is not None, everything)) != 1:
        raise InvalidRequestError("Give exactly one of order_ids, market and all=true.")
    if order_ids is not None:
        if any(not ORDER_ID.fullmatch(one) for one in order_ids):
            raise InvalidRequestError("One of the order_ids is no order id of Polymarket: nothing was sent.")
        resting = {order.id: order for order in await (await account.trader()).open_orders()}
        chosen = [resting[i] for i in dict.fromkeys(order_ids) if i in resting]
        missing = len(dict.fromkeys(order_ids)) - len(chosen)
        if missing:
            raise InvalidRequestError(f"{missing} of the order_ids don't rest in this wallet: nothing was sent.")
        return CancelOrders(account, chosen, f"{len(chosen)} orders")
    if market is not None:
        found = await lookup.market(account, market)
        orders = await (await account.trader()).open_orders(market=found.condition_id or "")
        return CancelOrders(account, orders, "every resting order in this market")
    open_now = await _soon(account, lambda trader: trader.open_orders())
    return CancelOrders(account, open_now or [], "every resting order at Polymarket", everything=True)


async def _soon(account: Account, look: Callable[[PolymarketAccount], Awaitable[T]]) -> T | None:
    """Return what is to be cancelled; None where that can't be read soon, which stops no cancel."""
    try:
        async with deadline.within(READ_S, UNREAD):
            return await look(await account.trader())
    except (InvalidRequestError, NotFoundError, PermissionDeniedError, MissingExtraError, UnusableKeyError):
        raise
    except PlatformError as error:
        logger.error("what is to be cancelled can't be read: {!r}", error)
        return None


class CancelOrders(Plan[Cancelled]):
    """Each succeeds or fails by itself; ``everything`` goes with one request, whatever rests by then."""

    kind = "cancel"

    def __init__(
        self, account: Account, orders: Sequence[Order], extent: str, order_ids: Sequence[str] = (), *,
        everything: bool = False,
    ) -> None:  # fmt: skip
        self._account, self._orders, self._extent = account, orders, extent
        ids = [*order_ids, *(order.id for order in orders)]
        self.terms = {"all": True} if everything else {"order_ids": ids}

    async def send(self, terms: Terms) -> Cancelled:
        trader = await self._account.trader()
        if terms.get("all"):
            done = await trader.cancel_all()
        elif terms["order_ids"]:
            done = await trader.cancel(terms["order_ids"])
        else:
            raise NotFoundError("There is no resting order to cancel.")
        left = {order.id: order.original_size - order.size_matched for order in self._orders}
        return Cancelled(
            source=self._account.source,
            cancelled=len(done.canceled),
            shares=sum((left.get(order_id, ZERO) for order_id in done.canceled), ZERO),
            failed=len(done.not_canceled) or None,
            orders=[
                *(CancelLine(order_id=order_id) for order_id in done.canceled),
                *(CancelLine(order_id=order_id, error=why) for order_id, why in done.not_canceled.items()),
            ],
            note=WARNING if terms.get("all") else None,
        )

    async def words(self) -> str:
        markets = await portfolio.markets_of(self._account, [o.market for o in self._orders[:LISTED]])
        lines = [portfolio.line_of(o, markets.get(o.market)) for o in self._orders[:LISTED]]
        more = f" and {len(self._orders) - LISTED} more" if len(self._orders) > LISTED else ""
        listed = "; ".join(
            f"{line.order}, {printed(line.remaining)} open, in “{quoted(line.question)}”" for line in lines
        )
        return (
            f"Cancel {self._extent}: {listed or 'none that can be read now'}{more}. {MONEY[self._account.environment]}"
        )

    def done(self, result: Cancelled) -> Done:
        left = {order.id: order.original_size - order.size_matched for order in self._orders}
        gone = tuple((line.order_id, left.get(line.order_id, ZERO)) for line in result.orders if line.error is None)
        return Done(f"cancelled {result.cancelled} orders", released=gone)


async def plan_redeem(account: Account, text: str) -> RedeemPosition:
    """Being paid for a resolved market's tokens. Raises NotFoundError where there is nothing to redeem."""
    if account.environment == "live":
        raise PermissionDeniedError(
            "Live positions are redeemed on chain by the wallet itself, for gas: open the position at polymarket.com, "
            "“Redeem”; nothing is lost by waiting."
        )
    found = await lookup.market(account, text)
    held = await portfolio.rows(account, condition_id=found.condition_id or "", status="REDEEMABLE")
    if not held:
        raise NotFoundError("There is nothing to redeem in this market: it isn't resolved, or you hold none of it.")
    return RedeemPosition(account, found, held)


class RedeemPosition(Plan[Redeemed]):
    kind = "arrangement"

    def __init__(self, account: Account, market: models.Market, held: Sequence[record.Position]) -> None:
        self._account, self._market, self._held = account, market, held
        self.terms = {"market": MARKET + (market.condition_id or "")}

    async def send(self, terms: Terms) -> Redeemed:
        trader = await self._account.trader()
        paid = await trader.redeem_paper(str(terms["market"]).removeprefix(MARKET))
        return Redeemed(
            source=self._account.source,
            slug=self._market.slug or self._market.id,
            question=self._market.question,
            shares=sum((row.current_size for row in self._held), ZERO),
            paid=paid.collateral or ZERO,
        )

    async def words(self) -> str:
        worth = sum((row.current_value for row in self._held), ZERO)
        return (
            f"Redeem “{quoted(self._market.question)}”: ${worth:,.2f} for what you hold. "
            f"{MONEY[self._account.environment]}"
        )

    def done(self, result: Redeemed) -> Done:
        return Done(f"redeemed for ${result.paid:,.2f}")
