"""The steps that the requests of an order are made of, and the state they work on; the hot loop is here."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prediction_mcp.kalshi.units import PRICE_UNITS

from . import collateral, netting, tokens
from .changes import Changes
from .execution import execute, record
from .groups import OrderGroup
from .ledger import Account, Holding, revenue_of
from .market_state import MarketState, Observer, Trade
from .matching import BID, Order
from .order_checks import GTC, check_resting
from .rejection import EXCHANGE, RejectionError

SLACK_GRIDS = 2
"""Grid units held for an order's rounding fees: what its accumulator holds while its fills are on the grid."""


class Steps:
    """Books, accounts, and what changes in them.

    Attributes:
        observer: hears what happens, as it happens.
        changes: collects what changed for whoever keeps it on disk; None when nobody does.
        is_used: whether a member has used a client_order_id in an order that is on disk by now.
        traded: told each half of a trade as (sequence, order, price, count, fee).
    """

    def __init__(self, id_prefix: str = "00000000") -> None:
        self.markets: dict[str, MarketState] = {}
        self.accounts: dict[str, Account] = {}
        self.fees_collected = 0
        self.sequence = 0
        self.observer: Observer | None = None
        self.changes: Changes | None = None
        self.is_used: Callable[[Account, str], bool] | None = None
        self.traded: Callable[[int, Order, int, int, int], None] | None = None
        self._spent: list[OrderGroup] = []
        self._order_id = f"{id_prefix}-0000-4000-8000-%012x"
        self._trade_id = f"{id_prefix}-0000-4000-9000-%012x"
        self.expiries: list[tuple[int, int, Order]] = []

    def trade_id(self, seq: int) -> str:
        return self._trade_id % seq

    # -- the end of an order -----------------------------------------------------------------------------------

    def cancel(self, order: Order, now_ms: int, reason: str = "") -> int:
        """Take a resting order out; returns the count units it still had open. ``reason`` is the feed's word for it.

        Raises:
            RejectionError: it doesn't rest any more.
        """
        check_resting(order)
        market = self.markets[order.ticker]
        market.book.side(order.side).remove(order)
        reduced, order.last_reason = order.remaining, reason
        self._tell_level(order, order.price, -reduced, now_ms)
        self._finish(order, order.account.holdings[order.ticker], now_ms)
        self._tell_order(order)
        return reduced

    def cancel_many(self, orders: Iterable[Order], now_ms: int, reason: str = "") -> list[Order]:
        """Cancel those of the orders that still rest; returns them."""
        resting = [order for order in orders if order.status == "resting"]
        for order in resting:
            self.cancel(order, now_ms, reason)
        return resting

    # -- order groups ------------------------------------------------------------------------------------------

    def trigger(self, group: OrderGroup, now_ms: int) -> None:
        """Cancel every order of a group; it takes no new ones until it is reset."""
        group.triggered = True
        self.cancel_many(list(group.orders.values()), now_ms)
        self.tell_group(group, "triggered", now_ms)

    def tell_group(self, group: OrderGroup, event_type: str, now_ms: int) -> None:
        """Something happened to a group: for the observer, and for the disk."""
        if self.changes is not None:
            self.changes.groups[group] = None
        if self.observer is not None:
            self.observer.group(group, event_type, now_ms)

    def _trigger_spent(self, order: Order, now_ms: int) -> None:
        """Trigger the groups whose limit the last trade reached; ``order`` is the taker, which isn't on the book."""
        spent, self._spent = self._spent, []
        if order.group is not None and order.group in spent:
            del order.group.orders[order.order_id]
            if order.remaining:
                order.status = "canceled"
        for group in spent:
            self.trigger(group, now_ms)

    # -- the steps of an order ---------------------------------------------------------------------------------

    def _hold(self, market: MarketState, order: Order, holding: Holding) -> None:
        """Set aside what the order may cost, collateral that it may have to give back included, or refuse it."""
        account = order.account
        collateral.hold(account, holding, order)
        if account.nets and market.peers:
            netting.refresh(account, market)
            if account.available < 0:
                self._let_go(order)
                raise RejectionError("insufficient_balance", service=EXCHANGE)

    def _let_go(self, order: Order) -> None:
        """Give back what was held for an order that comes to nothing."""
        holding = order.account.holdings[order.ticker]
        before = holding.requirement()
        collateral.release(holding, order, order.remaining, order.fee_hold, order.slack)
        order.account.held += holding.requirement() - before
        self._net(order)

    def _net(self, order: Order) -> None:
        """What is returned of the event's collateral follows each change of positions and orders."""
        if order.account.nets:
            market = self.markets[order.ticker]
            if market.peers:
                netting.refresh(order.account, market)

    def _is_used(self, account: Account, client_order_id: str) -> bool:
        if client_order_id in account.by_client_id:
            return True
        return self.is_used is not None and self.is_used(account, client_order_id)

    def _shrink(self, market: MarketState, order: Order, holding: Holding, by: int, now_ms: int) -> None:
        before = holding.requirement()
        fee_hold = min(order.fee_hold, market.fees.worst(order.price, order.remaining - by))
        collateral.release(holding, order, by, order.fee_hold - fee_hold, 0)
        order.fee_hold = fee_hold
        market.book.side(order.side).reduce(order, by)
        self._tell_level(order, order.price, -by, now_ms)
        order.account.held += holding.requirement() - before
        self._net(order)

    def _reprice(
        self, market: MarketState, order: Order, holding: Holding, price: int, remaining: int, now_ms: int
    ) -> None:
        """Take the order off the book under its new terms, or refuse and leave the old order where it stood."""
        account = order.account
        old = (order.price, order.remaining, order.fee_hold, order.slack)
        before = holding.requirement()
        collateral.release(holding, order, order.remaining, order.fee_hold, order.slack)
        account.held += holding.requirement() - before
        self._net(order)
        side = market.book.side(order.side)
        try:
            order.price, order.remaining = price, remaining
            order.fee_hold = market.fees.worst(price, remaining)
            order.slack = SLACK_GRIDS * account.grid
            self._hold(market, order, holding)
        except RejectionError:
            order.price, order.remaining, order.fee_hold, order.slack = old
            self._hold(market, order, holding)  # it was held a moment ago, so it fits
            raise
        order.price, order.remaining = old[0], old[1]
        side.remove(order)
        self._tell_level(order, order.price, -order.remaining, now_ms)
        order.price, order.remaining = price, remaining

    def _match(self, market: MarketState, order: Order, holding: Holding, now_ms: int) -> None:
        """Trade against the best opposite orders while prices cross. Stops early for self-trades and empty purses."""
        account, side = order.account, order.side
        primary = account.primary
        opposite = market.book.asks if side == BID else market.book.bids
        limit = -side * order.price
        ranks, levels = opposite.ranks, opposite.levels
        while order.remaining and ranks and ranks[-1] >= limit:
            level = levels[ranks[-1]]
            price = -side * ranks[-1]
            maker = next(iter(level.orders.values()))
            if maker.account.primary is primary:
                if order.stp == "taker_at_cross":
                    order.status, order.last_reason = "canceled", "SelfTradeCancel"
                    return
                self.cancel(maker, now_ms, "SelfTradeCancel")
                continue
            count = maker.remaining if maker.remaining < order.remaining else order.remaining
            their = maker.account.holdings[maker.ticker]
            fees = market.fees
            fee, acc = fees.taker(
                revenue_of(holding, side, price, count), price, count, account.grid, order.accumulator
            )
            if (account.tokens or account.cash - account.held < fee) and not collateral.affords(
                order, holding, price, count, fee
            ):
                order.status, order.last_reason = "canceled", "MarginCancel"
                return
            maker_account = maker.account
            maker_fee, maker_acc = fees.maker(
                revenue_of(their, -side, price, count), price, count, maker_account.grid, maker.accumulator
            )
            if (maker_account.tokens or maker_account.cash - maker_account.held < maker_fee) and not collateral.affords(
                maker, their, price, count, maker_fee
            ):
                self.cancel(maker, now_ms, "MarginCancel")
                continue
            order.accumulator, maker.accumulator = acc, maker_acc
            seq = self.sequence = self.sequence + 1
            pool = self._fill(order, holding, price, count, fee, True, now_ms, seq)
            level.total -= count
            pool += self._fill(maker, their, price, count, maker_fee, False, now_ms, seq)
            market.pool += pool
            market.open_interest = market.pool // PRICE_UNITS
            market.volume += count
            market.last_price = price
            self.fees_collected += fee + maker_fee
            trade = Trade(seq, now_ms, price, count, side)
            market.trades.append(trade)
            if self.changes is not None:
                self.changes.orders[maker] = None
                self.changes.trades.append((maker.ticker, trade))
            if self.observer is not None:
                self._tell_level(maker, price, -count, now_ms)
                self.observer.trade(maker.ticker, trade)
                if maker.remaining:
                    self._tell_order(maker)
            if not maker.remaining:
                del level.orders[maker.seq]
                if not level.orders:
                    opposite.drop(ranks[-1])
                self._finish(maker, their, now_ms)
                self._tell_order(maker)
            if self._spent:
                self._trigger_spent(order, now_ms)
                if order.status != "resting":
                    return

    def _fill(
        self, order: Order, holding: Holding, price: int, count: int, fee: int, is_taker: bool, now_ms: int, seq: int
    ) -> int:
        pool = execute(order, holding, price, count, fee, now_ms, is_taker=is_taker)
        account = order.account
        self._net(order)
        if self.traded is not None:
            self.traded(seq, order, price, count, fee)
        if account.tokens:
            tokens.trim(self, account, now_ms, order)
        if account.keeps_history:
            order.last_reason = "Trade"
            fill = record(order, self._trade_id % seq, seq, price, count, fee, is_taker=is_taker)
            account.updated_ms = holding.updated_ms = now_ms
            if self.observer is not None:
                self.observer.fill(fill, holding)
            if order.group is not None:
                if self.changes is not None:
                    self.changes.groups[order.group] = None
                if order.group.matched(count, now_ms):
                    self._spent.append(order.group)
        return pool

    def _rest_or_finish(self, market: MarketState, order: Order, holding: Holding, now_ms: int) -> None:
        if order.remaining and order.status == "resting" and order.time_in_force == GTC:
            order.queued = self.sequence = self.sequence + 1
            self._note(order)
            (market.book.bids if order.side == BID else market.book.asks).add(order)
            self._tell_level(order, order.price, order.remaining, now_ms)
        else:
            self._finish(order, holding, now_ms)

    def _note(self, order: Order) -> None:
        if self.changes is not None:
            self.changes.orders[order] = None

    def _tell_level(self, order: Order, price: int, delta: int, now_ms: int) -> None:
        if self.observer is not None:
            self.observer.level(order, price, delta, now_ms)

    def _tell_order(self, order: Order) -> None:
        if self.observer is not None and order.account.keeps_history:
            self.observer.order(order)

    def _finish(self, order: Order, holding: Holding, now_ms: int) -> None:
        """End an order that is off the book: give back what was held for it."""
        before = holding.requirement()
        order.status = "canceled" if order.remaining else "executed"
        collateral.release(holding, order, order.remaining, order.fee_hold, order.slack)
        order.remaining = order.fee_hold = order.slack = 0
        order.account.held += holding.requirement() - before
        self._net(order)
        order.updated_ms = now_ms
        self._note(order)
        if order.group is not None:
            order.group.orders.pop(order.order_id, None)
        if order.account.keeps_history:
            order.account.updated_ms = now_ms
        elif holding.is_idle:
            del order.account.holdings[order.ticker]
