"""What the guard asks of the account that it guards (:class:`prediction_mcp.safety.guard.Account`)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from prediction_mcp.kalshi.cash import CENTICENT
from prediction_mcp.kalshi.errors import NotFoundError
from prediction_mcp.kalshi.models.money import NewShardTransfer
from prediction_mcp.kalshi.resources.communications import CLOCKS_S
from prediction_mcp.net.words import printed
from prediction_mcp.safety.plan import Done, Look, Standing

from .held import positions_of, resting_now, resting_of, standings
from .trading.quote_results import confirm_by

if TYPE_CHECKING:
    from prediction_mcp.kalshi.models.orders import Order
    from prediction_mcp.safety.intents import Intent

    from .account import Account

LOOK_BACK_S = 120
"""How far before a write left its order is looked for: clocks differ."""


class Guarded:
    """A Kalshi account behind its guard; connects where it isn't yet."""

    def __init__(self, account: Account) -> None:
        self._account = account

    async def resting(self) -> Mapping[str, Decimal] | None:
        found = await resting_now(await self._account.open())
        return None if found is None else {order.order_id: order.remaining_count_fp for order in found}

    async def cancel_all(self) -> None:
        await (await self._account.open()).kalshi.orders.cancel_all()

    async def standing(self, ticker: str) -> Standing:
        account = await self._account.open()
        rests = await resting_of(account, ticker)  # first: what fills in between is counted twice, not never
        held = await positions_of(account, ticker=ticker)
        return standings(held, rests).get(ticker, Standing())

    async def made(self, look: Look) -> Mapping[str, Decimal]:
        """Worth of cash, positions and resting orders, less what was paid in and not taken out."""
        portfolio, cents = (await self._account.open()).kalshi.portfolio, 0
        resting = (await portfolio.resting_value()).total_resting_order_value
        async for deposit in portfolio.all_deposits():
            cents += deposit.amount_cents * (deposit.status == "applied")
        async for withdrawal in portfolio.all_withdrawals():
            cents -= withdrawal.amount_cents * (withdrawal.status == "applied")
        return {"kalshi": (look.cash or Decimal(0)) + (look.worth or Decimal(0)) + Decimal(resting - cents) / 100}

    async def elsewhere(self, look: Look) -> Decimal:
        return Decimal(0)

    @property
    def is_there(self) -> bool:
        return self._account.settings.has_key

    async def now(self) -> Look:
        began = time.time()
        balance = await (await self._account.open()).kalshi.portfolio.balance()
        return Look(began, {}, cash=balance.balance_dollars, worth=Decimal(balance.portfolio_value) / 100)

    async def fate(self, intent: Intent) -> Done | str:
        orders = (await self._account.open()).kalshi.orders
        if intent.kind == "deal":
            return await self._dealt(intent)
        if intent.kind == "arrangement":
            return await self._arranged(intent)
        if intent.kind == "order":
            order = await orders.find(intent.client_order_id, intent.ticker, since_ts=int(intent.at) - LOOK_BACK_S)
            return "settled: it never reached the exchange" if order is None else await self._placed(order)
        if "order_id" not in intent.request:
            resting = [order async for order in orders.all(status="resting")]
            return Done(f"settled: {len(resting)} orders rest now")
        try:
            order = await orders.get(str(intent.request["order_id"]))
        except NotFoundError:
            return "settled: there is no such order"
        return Done(_state(order), order.order_id) if intent.kind == "cancel" else await self._placed(order)

    async def _dealt(self, intent: Intent) -> Done | str:
        """What became of a quote that was taken, or stood by."""
        request, kalshi = intent.request, self._account.kalshi
        try:
            quote = await kalshi.communications.quote(str(request["quote_id"]))
        except NotFoundError:
            return "settled: there is no such quote"
        if quote.status == "open" or (quote.status == "accepted" and request["step"] == "confirm"):
            return "settled: it never reached the exchange"
        until = confirm_by(quote, combo=False)
        if until is not None and until < datetime.now(UTC) - timedelta(seconds=CLOCKS_S):
            return "settled: the quote wasn't confirmed in time"
        if quote.status == "cancelled":
            return f"settled: the quote was called off ({quote.cancellation_reason or 'no reason given'})"
        order_id = quote.creator_order_id if quote.is_own else quote.rfq_creator_order_id
        if quote.status == "executed" and order_id:
            return await self._placed(await kalshi.orders.get(order_id))
        worst = Decimal(str(request["price"])) * Decimal(str(request["count"]))
        return Done(f"settled: quote {quote.id} is {quote.status}", spent=worst)

    async def _arranged(self, intent: Intent) -> Done | str:
        """Return the outcome of a write that puts nothing at stake: only transfers are looked for."""
        if "destination_exchange_shard" in intent.request:
            return await self._moved(intent)
        mine = intent.request.get("client_transfer_id")
        if mine is None:
            return Done("settled: nothing was at stake; whether it came about shows in the lists")
        async for done in self._account.kalshi.subaccounts.all_transfers():
            if done.transfer_id == mine:
                return Done(f"settled: the transfer {mine} was done")
        return "settled: the transfer never reached the exchange"

    async def _moved(self, intent: Intent) -> Done | str:
        """Return the outcome of a move between shards, found by our id, or by its terms where it has none."""
        asked, since = NewShardTransfer(**intent.request), int(intent.at) - LOOK_BACK_S
        route = asked.source_exchange_shard, asked.destination_exchange_shard, Decimal(asked.amount) * CENTICENT
        async for done in self._account.kalshi.shards.newest():
            found = done.source_exchange_shard, done.destination_exchange_shard, done.amount
            without_id = asked.client_transfer_id is None and done.client_transfer_id is None  # else not ours
            same_terms = without_id and done.created_ts >= since and found == route
            if same_terms or (asked.client_transfer_id and done.client_transfer_id == asked.client_transfer_id):
                arrived = "was done" if done.status == "complete" else "is on its way"
                return Done(
                    f"settled: the transfer of ${done.amount:,.2f} from shard {route[0]} to shard {route[1]} "
                    f"{arrived}; the money stays there"
                )
        return "settled: the transfer never reached the exchange"

    async def _placed(self, order: Order) -> Done:
        """What an order that was found has cost and may still cost, closing or not: at most."""
        traded = await self._account.kalshi.orders.traded(order.order_id)
        price = order.yes_price_dollars if order.book_side == "bid" else 1 - order.yes_price_dollars
        spent = traded.yes_cost if order.book_side == "bid" else traded.count - traded.yes_cost
        resting = order.remaining_count_fp if order.status == "resting" else Decimal(0)
        unread = max(order.fill_count_fp - traded.count, Decimal(0))  # fills that don't show yet, counted in full
        rest = price * resting
        return Done(_state(order), order.order_id, spent + traded.fees + unread + rest, rest, resting)


def _state(order: Order) -> str:
    return (
        f"settled: order {order.order_id} is {order.status}, {printed(order.fill_count_fp)} of "
        f"{printed(order.initial_count_fp)} contracts filled"
    )
