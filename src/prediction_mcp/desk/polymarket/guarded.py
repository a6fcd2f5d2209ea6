"""What the guard asks of a wallet at Polymarket (:class:`prediction_mcp.desk.both.Platform`).

Selling gives up tokens that are there, so no sale can open anything; only buys count as what may still cost.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from prediction_mcp.net.words import printed
from prediction_mcp.polymarket.errors import NotFoundError
from prediction_mcp.polymarket.own import Order
from prediction_mcp.safety.plan import Done, Look, Resting, Standing

from ..both import MARKET
from . import portfolio
from .portfolio import MILLIONTHS, wanted_by

if TYPE_CHECKING:
    from prediction_mcp.polymarket import models
    from prediction_mcp.safety.intents import Intent

    from .account import Account

ZERO = Decimal(0)


class Guarded:
    """A wallet behind its guard; connects where it isn't yet."""

    def __init__(self, account: Account) -> None:
        self._account = account

    @property
    def is_there(self) -> bool:
        return self._account.has_wallet

    async def resting(self) -> Mapping[str, Decimal] | None:
        found = await (await self._account.trader()).open_orders()
        return {order.id: order.original_size - order.size_matched for order in found}

    async def cancel_all(self) -> None:
        await (await self._account.trader()).cancel_all()

    async def standing(self, ticker: str) -> Standing:
        condition = ticker.removeprefix(MARKET)
        return (await standings(self._account, condition=condition)).get(ticker, Standing())

    async def now(self) -> Look:
        began, trader = time.time(), await self._account.trader()
        cash = (await trader.balance()).balance / MILLIONTHS
        worth = (await self._account.polymarket.value(self._account.address)).value
        return Look(began, {}, cash=cash, worth=worth, platform="polymarket")

    async def made(self, look: Look) -> Mapping[str, Decimal]:
        """Worth of cash and positions, less what was paid in and not taken out, as far as the record says."""
        paid = ZERO
        for row in await self._account.polymarket.activity(self._account.address, 500, type="DEPOSIT,WITHDRAWAL"):
            paid += (row.usdc_size or ZERO) * (1 if row.type == "DEPOSIT" else -1)
        return {"polymarket": (look.cash or ZERO) + (look.worth or ZERO) - paid}

    async def elsewhere(self, look: Look) -> Decimal:
        return ZERO

    async def fate(self, intent: Intent) -> Done | str:
        trader = await self._account.trader()
        if intent.kind == "order":
            try:
                order = await trader.order(intent.client_order_id)
            except NotFoundError:
                return "settled: it never reached the exchange"
            return placed(order)
        order_ids = [str(order_id) for order_id in intent.request.get("order_ids", ())]
        if not order_ids:
            return Done(f"settled: {len(await trader.open_orders())} orders rest now")
        open_now = {order.id for order in await trader.open_orders()}
        return Done(f"settled: {len(open_now & set(order_ids))} of {len(order_ids)} orders still rest")


def placed(order: Order) -> Done:
    """What an order that was found has cost and may still cost: at most. Fees are counted at their dearest."""
    rests = order.status == "LIVE"
    left = order.original_size - order.size_matched if rests else ZERO
    unit = order.price if order.side == "BUY" else ZERO
    rest = unit * left
    said = f"settled: order {order.id} is {order.status.lower()}, {printed(order.size_matched)} shares filled"
    return Done(said, order.id, unit * order.size_matched + rest, rest, left)


async def standings(
    account: Account, condition: str | None = None, conditions: frozenset[str] = frozenset()
) -> dict[str, Standing]:
    """What is held and wanted in one market, in some, or in all; by the journal's name of a market.

    YES is the first outcome here. Shares of both may be held, and none closes another.
    """
    trader = await account.trader()
    filters: dict[str, object] = {} if condition is None else {"condition_id": condition}
    # what rests first: an order that fills in between is counted twice, and never not at all
    orders = await trader.open_orders(condition)
    held = await portfolio.rows(account, **filters)
    wanted = frozenset({condition}) if condition is not None else conditions
    names = {row.condition_id for row in held} | {order.market for order in orders}
    found = dict[str, Standing]()
    markets = await portfolio.markets_of(account, sorted(n for n in names if not wanted or n in wanted))
    for name, market in markets.items():
        mine = [row for row in held if row.condition_id == name]
        first, second = (
            sum((row.total_cost_usdc for row in mine if bool(row.outcome_index) == other), ZERO)
            for other in (False, True)
        )
        buys = tuple(_as_resting(order, market) for order in orders if order.market == name and wanted_by(order))
        found[MARKET + name] = Standing(cost=first, orders=buys, opposite=second)
    return found


def _as_resting(order: Order, market: models.Market) -> Resting:
    """An open buy as the book of the first outcome has it."""
    left = order.original_size - order.size_matched
    first = order.asset_id in market.token_ids[:1]
    return Resting("bid" if first else "ask", order.price if first else 1 - order.price, left, order.id)
