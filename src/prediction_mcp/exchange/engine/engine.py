"""The engine: every rule an order meets between a request and the book, with the money moved alongside.

Synchronous and deterministic: the caller brings the time, nothing here waits, so each call is one atomic step.
Rules: docs/kalshi.md, "Orders and reads" and "Fees".
"""

from __future__ import annotations

import heapq

from prediction_mcp.kalshi.units import PRICE_UNITS, PriceGrid

from . import netting, tokens
from .groups import OrderGroup
from .ledger import Account, revenue_of, settle
from .market_state import Fees, MarketState, Trade
from .matching import ASK, BID, Book, Order
from .order_checks import (
    FOK,
    GTC,
    check_expiry,
    check_group,
    check_open,
    check_resting,
    check_shape,
    check_time_in_force,
    reducible,
)
from .rejection import EXCHANGE, RejectionError
from .steps import SLACK_GRIDS, Steps


class Engine(Steps):
    """Books, accounts and the rules between them: each request is one atomic step."""

    # -- set-up ------------------------------------------------------------------------------------------------

    def add_market(
        self,
        ticker: str,
        grid: PriceGrid,
        fees: Fees,
        *,
        fractional: bool = True,
        exclusive: tuple[str, tuple[str, ...]] = ("", ()),
        shard: int = 0,
    ) -> MarketState:
        """A market; ``exclusive`` is its event with all its markets, where at most one of those ends with YES."""
        state = self.markets[ticker] = MarketState(Book(ticker, grid), fees, fractional=fractional, shard=shard)
        state.event, state.peers = exclusive
        return state

    def add_account(self, account: Account) -> Account:
        self.accounts[account.account_id] = account
        return account

    def on_shard(self, account: Account, shard: int) -> Account:
        """The account of the same subaccount on a shard."""
        found = account.on(shard)
        if found.account_id not in self.accounts:
            self.add_account(found)
            if self.changes is not None:
                self.changes.accounts[found] = None
        return found

    # -- orders ------------------------------------------------------------------------------------------------

    def submit(
        self,
        account: Account,
        ticker: str,
        side: int,
        price: int,
        count: int,
        now_ms: int,
        *,
        time_in_force: str = GTC,
        post_only: bool = False,
        reduce_only: bool = False,
        stp: str = "taker_at_cross",
        expires_ms: int = 0,
        client_order_id: str = "",
        cancel_on_pause: bool = False,
        group: OrderGroup | None = None,
        sells: bool = False,
        order_id: str = "",
    ) -> Order:
        """Take an order: match what crosses, rest or cancel what is left. It uses the money on the market's shard.

        ``sells`` and ``order_id`` are for accounts that hold tokens: it delivers tokens that are there, and its id was
        made by its sender.

        Raises:
            RejectionError: a rule forbids it; nothing changed (a killed fill-or-kill uses up its client_order_id).
        """
        market = self.markets.get(ticker)
        if market is None:
            raise RejectionError("market_not_found", f"market {ticker} not found", 404)
        if client_order_id and self._is_used(account, client_order_id):
            raise RejectionError("order_already_exists", status=409, service=EXCHANGE)
        if account.shard != market.shard:
            account = self.on_shard(account, market.shard)
        check_group(group, account)
        check_open(market)
        check_shape(market, price, count)
        check_time_in_force(time_in_force, expires_ms, now_ms, post_only=post_only)
        holding = account.holding(ticker)
        if reduce_only:
            count = reducible(holding, side, count, time_in_force)
        book = market.book
        if post_only and book.crosses(side, price):
            raise RejectionError("invalid_order", "post only cross")

        seq = self.sequence = self.sequence + 1
        order = Order(order_id or self._order_id % seq, seq, account, ticker, side, price, count, now_ms)
        order.stp, order.sells = stp, sells
        order.fee_hold = market.fees.worst(price, count)
        order.slack = SLACK_GRIDS * account.grid
        self._hold(market, order, holding)
        order.time_in_force = time_in_force
        order.client_order_id = client_order_id
        if time_in_force == FOK and book.fillable(order) < count:
            raise self._killed(order)
        if group is not None:
            order.group = group
            group.orders[order.order_id] = order
        if account.keeps_history:
            order.cancel_on_pause = cancel_on_pause
            account.orders[order.order_id] = order
            account.updated_ms = now_ms
            if client_order_id:
                account.by_client_id[client_order_id] = order.order_id
        if expires_ms:
            order.expires_ms = expires_ms
            heapq.heappush(self.expiries, (expires_ms, seq, order))

        opposite = book.asks if side == BID else book.bids
        if opposite.ranks and opposite.ranks[-1] >= -side * price:
            self._match(market, order, holding, now_ms)
        self._rest_or_finish(market, order, holding, now_ms)
        self._tell_order(order)
        return order

    def _killed(self, order: Order) -> RejectionError:
        """A fill-or-kill order that can't be filled leaves nothing behind but its client_order_id, which stays used."""
        account = order.account
        self._let_go(order)
        if order.client_order_id and account.keeps_history:
            account.by_client_id[order.client_order_id] = ""
            if self.changes is not None:
                self.changes.accounts[account] = None
        return RejectionError("fill_or_kill_insufficient_resting_volume", status=409)

    def amend(
        self,
        order: Order,
        price: int,
        count: int,
        now_ms: int,
        *,
        side: int,
        expires_ms: int | None = None,
        client_order_id: str | None = None,
    ) -> Order:
        """Change price, total count (filled + wanted remaining) or expiry of a resting order.

        Only a smaller count at the same price keeps the order's place in the queue.

        Raises:
            RejectionError: it doesn't rest any more, or the new order breaks a rule; the old one stands unchanged.
        """
        check_resting(order)
        account, market = order.account, self.markets[order.ticker]
        check_open(market)
        if side != order.side:
            raise RejectionError("invalid_order", "an amend can't change the side of an order")
        check_shape(market, price, count)
        check_expiry(expires_ms, now_ms)
        remaining = count - order.filled
        if remaining <= 0:
            raise RejectionError("invalid_order", "count must be more than what is filled already")
        if client_order_id and client_order_id != order.client_order_id and self._is_used(account, client_order_id):
            raise RejectionError("order_already_exists", status=409, service=EXCHANGE)

        filled, holding = order.filled, account.holding(order.ticker)
        if price == order.price and remaining <= order.remaining:
            if remaining < order.remaining:
                self._shrink(market, order, holding, order.remaining - remaining, now_ms)
        else:
            self._reprice(market, order, holding, price, remaining, now_ms)
            self._match(market, order, holding, now_ms)
            self._rest_or_finish(market, order, holding, now_ms)
        order.initial = count
        self._note(order)
        if expires_ms is not None:
            order.expires_ms = expires_ms
            if expires_ms:
                heapq.heappush(self.expiries, (expires_ms, order.seq, order))
        if client_order_id:
            account.by_client_id[client_order_id] = order.order_id
            order.client_order_id = client_order_id
        order.updated_ms = account.updated_ms = now_ms
        order.last_reason = order.last_reason if order.filled > filled else "Amend"
        self._tell_order(order)
        return order

    def decrease(self, order: Order, remaining: int, now_ms: int) -> None:
        """Make a resting order smaller, keeping its place; zero cancels it.

        Raises:
            RejectionError: it doesn't rest any more, or would not become smaller.
        """
        check_resting(order)
        if not 0 <= remaining <= order.remaining:
            raise RejectionError("invalid_order", "a decrease must leave between zero and the remaining count")
        if remaining == 0:
            self.cancel(order, now_ms)
            return
        market = self.markets[order.ticker]
        cut = order.remaining - remaining
        self._shrink(market, order, order.account.holdings[order.ticker], cut, now_ms)
        order.initial -= cut
        self._note(order)
        order.updated_ms = order.account.updated_ms = now_ms
        order.last_reason = "Decrease"
        self._tell_order(order)

    def expire(self, now_ms: int) -> list[Order]:
        """Cancel what has expired; returns it."""
        expired: list[Order] = []
        while self.expiries and self.expiries[0][0] <= now_ms:
            due, _, order = heapq.heappop(self.expiries)
            if order.status == "resting" and order.expires_ms == due:
                self.cancel(order, now_ms, "ExpiryCancel")
                expired.append(order)
        return expired

    def cross(
        self, buyer: Account, seller: Account, ticker: str, price: int, count: int, now_ms: int, *, taker_side: int
    ) -> tuple[Order, Order]:
        """A trade that two members agreed on outside the book: the buyer takes YES at the price, the seller NO.

        Raises:
            RejectionError: a rule forbids it, or one of the two can't carry it; nothing changed.
        """
        market = self.markets[ticker]
        check_open(market)
        check_shape(market, price, count)
        orders: list[Order] = []
        for party, side in ((buyer, BID), (seller, ASK)):
            account = self.on_shard(party, market.shard)
            seq = self.sequence = self.sequence + 1
            order = Order(self._order_id % seq, seq, account, ticker, side, price, count, now_ms)
            order.fee_hold, order.slack = market.fees.worst(price, count), SLACK_GRIDS * account.grid
            try:
                self._hold(market, order, account.holding(ticker))
            except RejectionError:
                for held in orders:
                    self._let_go(held)
                raise
            orders.append(order)
        seq = self.sequence = self.sequence + 1
        for order in orders:
            account, holding, is_taker = order.account, order.account.holdings[ticker], order.side == taker_side
            if account.keeps_history:
                account.orders[order.order_id] = order
            charge = market.fees.taker if is_taker else market.fees.maker
            revenue = revenue_of(holding, order.side, price, count)
            fee, order.accumulator = charge(revenue, price, count, account.grid, order.accumulator)
            self.fees_collected += fee
            market.pool += self._fill(order, holding, price, count, fee, is_taker, now_ms, seq)
            self._finish(order, holding, now_ms)
            self._tell_order(order)
        market.open_interest = market.pool // PRICE_UNITS
        market.volume += count
        market.last_price = price
        trade = Trade(seq, now_ms, price, count, taker_side, is_block=True)
        market.trades.append(trade)
        if self.changes is not None:
            self.changes.trades.append((ticker, trade))
        if self.observer is not None:
            self.observer.trade(ticker, trade)
        return orders[0], orders[1]

    # -- a market's end ----------------------------------------------------------------------------------------

    def close_market(self, ticker: str, now_ms: int) -> None:
        """Stop trading; every resting order is cancelled."""
        market = self.markets[ticker]
        market.is_open = False
        self.cancel_many([*market.book.bids, *market.book.asks], now_ms, "CloseCancel")

    def settle_market(self, ticker: str, result: str, value: int, now_ms: int) -> None:
        """Pay every holder ``value`` price units per YES and the rest of the dollar per NO, once and for all."""
        if not 0 <= value <= PRICE_UNITS:
            raise ValueError("a settlement value lies between $0 and $1")
        self.close_market(ticker, now_ms)
        market = self.markets[ticker]
        market.payout = value
        for account in self.accounts.values():
            if account.tokens:
                continue  # theirs to redeem
            if ticker not in account.holdings:
                if account.returns:
                    self._take_back(account, market, 0, value)
                continue
            self.sequence += 1
            position = account.holdings[ticker].position
            if self.changes is not None:
                self.changes.positions[account, ticker] = None
            owed, dust = settle(account, ticker, result, value, now_ms, self.sequence)
            market.pool -= owed
            self.fees_collected += dust
            if account.returns:
                self._take_back(account, market, owed - dust if position < 0 else 0, value)
            if self.observer is not None and account.keeps_history and ticker in account.settled:
                self.observer.settled(account, ticker, account.settled[ticker])
        tokens.end_of(self, market, ticker, now_ms)
        market.open_interest = 0
        if self.changes is not None:
            self.changes.markets[ticker] = None

    def _take_back(self, account: Account, market: MarketState, paid: int, value: int) -> None:
        """Of what a market's end paid on NO, what the account had already."""
        if market.event in account.returns:
            self.fees_collected -= netting.settled(account, market, paid, won=value == PRICE_UNITS)
            if self.changes is not None:
                self.changes.accounts[account] = None
