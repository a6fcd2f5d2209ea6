"""A member that does everything there is to do, so that every channel of the feed has something to say."""

from __future__ import annotations

import contextlib
import random
import uuid
from dataclasses import replace
from datetime import UTC, datetime

from prediction_mcp.exchange.engine.batches import Child
from prediction_mcp.exchange.engine.groups import OrderGroup
from prediction_mcp.exchange.engine.ledger import Account
from prediction_mcp.exchange.engine.matching import ASK, BID
from prediction_mcp.exchange.engine.rejection import RejectionError
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.listed import Market
from prediction_mcp.exchange.world.scenario import combo_event
from tests.funds import spread

STEP_MS = 1_000


class Bustle:
    """Drives an exchange step by step, by a clock of its own that goes on for as long as it is asked to."""

    def __init__(self, exchange: Exchange, member: Account, tickers: list[str]) -> None:
        self.exchange, self.member, self.tickers = exchange, member, tickers
        spread(exchange, member)
        self._rng = random.Random(11)
        self._now = exchange.clock()
        exchange.clock = lambda: self._now
        self._combos = 0
        self._group: OrderGroup | None = None

    def step(self, number: int) -> None:
        """One second with its orders; every so often more."""
        self._now += STEP_MS
        self.exchange.advance()
        for _ in range(4):
            with contextlib.suppress(RejectionError):
                self._trade()
        if number % 20 == 5:
            self._stop_together()
        if number % 25 == 10:
            self._negotiate()
        if number % 50 == 20:
            self._combine()
        if number % 100 == 60:
            self._move_on()
        self.exchange.sync()

    def _trade(self) -> None:
        engine, rng = self.exchange.engine, self._rng
        ticker = rng.choice(self.tickers)
        resting = [o for o in self.member.orders.values() if o.status == "resting"]
        if resting and rng.random() < 0.4:
            order = rng.choice(resting)
            if rng.random() < 0.5:
                engine.cancel(order, self._now)
            else:
                engine.amend(order, order.price, order.filled + rng.randrange(1, 300), self._now, side=order.side)
            return
        book, side = engine.markets[ticker].book, rng.choice((BID, ASK))
        best = book.asks.best if side == BID else book.bids.best
        if best is not None:
            engine.submit(
                self.member, ticker, side, best, rng.randrange(1, 400), self._now, stp="maker",
                client_order_id=str(uuid.uuid4()), group=self._group,
            )  # fmt: skip

    def _stop_together(self) -> None:
        """A group from its creation to its end."""
        engine = self.exchange.engine
        if self._group is None:
            self._group = OrderGroup(str(uuid.uuid4()), self.member, 1_000)
            self.exchange.groups[self._group.group_id] = self._group
            engine.tell_group(self._group, "created", self._now)
            return
        engine.trigger(self._group, self._now)
        self._group.deleted = True
        del self.exchange.groups[self._group.group_id]
        engine.tell_group(self._group, "deleted", self._now)
        self._group = None

    def _open(self, *, combos: bool) -> list[Market]:
        listed = self.exchange.catalogue.markets.values()
        states = self.exchange.engine.markets
        return [m for m in listed if bool(m.legs) == combos and states[m.ticker].is_open]

    def _negotiate(self) -> None:
        """A request to its fill, a batch to its execution, a quote of our own, a block trade."""
        exchange, talks, batches = self.exchange, self.exchange.negotiations, self.exchange.batches
        with contextlib.suppress(RejectionError):
            rfq = talks.ask(self.member, self._rng.choice(self._open(combos=True)), self._now, contracts=500)
            exchange.quoters.step(self._now)
            offer = next((q for q in rfq.quotes.values() if q.status == "open" and q.count("no")), None)
            if offer is not None:
                talks.accept(offer, "no", self._now)
        with contextlib.suppress(RejectionError):
            batch = batches.ask(
                self.member, [Child(m, 300, 0) for m in self._rng.sample(self._open(combos=True), 2)], self._now,
                client_batch_id=str(uuid.uuid4()),
            )  # fmt: skip
            exchange.quoters.step(self._now)
            if batch.complete("no"):
                batches.accept(batch, "no", {rfq.rfq_id: 1 for rfq in batch.rfqs}, self._now)
        with contextlib.suppress(RejectionError):
            crowd = exchange.crowd.takers[0]
            theirs = batches.ask(
                crowd, [Child(m, 300, 0) for m in self._rng.sample(self._open(combos=True), 2)], self._now
            )
            made = batches.quote(self.member, theirs, {rfq.rfq_id: (1_000, 1_000) for rfq in theirs.rfqs}, self._now)
            batches.accept(theirs, "yes", {rfq.rfq_id: 1 for rfq in theirs.rfqs}, self._now)
            batches.confirm(made, self._now)
        with contextlib.suppress(RejectionError):
            maker, market = exchange.crowd.makers[0], exchange.catalogue.markets[self.tickers[0]]
            trade = exchange.block_trades.propose(
                self.member, self.member, maker, market, exchange.engine.markets[market.ticker].last_price, 100, "yes",
                self._now + 60_000, self._now,
            )  # fmt: skip
            exchange.block_trades.accept(trade, maker, self._now)

    def _combine(self) -> None:
        """A new combo is listed."""
        games = [m.event for m in self._open(combos=False) if m.event.series.ticker in ("KXNFLGAME", "KXNBAGAME")]
        events = list({event.ticker: event for event in games}.values())
        if len(events) < 2:
            return
        self._combos += 1
        legs = [(e.ticker, self._rng.choice(e.markets).ticker, "yes") for e in self._rng.sample(events, 2)]
        opens = datetime.fromtimestamp(self._now / 1000, UTC)
        self.exchange.list_event(combo_event(self.exchange.catalogue, legs, f"BUSTLE{self._combos}", opens))

    def _move_on(self) -> None:
        """Half an hour passes: markets open, close, settle; and an event's fees change."""
        change = next(c for c in self.exchange.fee_changes if c.event)
        event = self.exchange.catalogue.markets[self.tickers[0]].event
        self._now += 30 * 60_000
        self.exchange.fee_changes.append(replace(change, event=event.ticker, at_ms=self._now))
        self.exchange.advance(with_crowd=False)
