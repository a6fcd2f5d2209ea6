"""Batches of requests for quotes on combos: quoted whole, accepted whole, executed as one fill-or-kill.

Each child is an ordinary request, but only makers of the whole batch quote it. Each child goes to the maker that bids
best on the accepted side, the earliest of equals; every winner confirms, or the batch closes without a trade. Rules:
Kalshi's specification of October 2026. Like other requests, batches stay in memory.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prediction_mcp.kalshi.units import PRICE_UNITS
from prediction_mcp.net.sides import Side

from .ledger import Account
from .matching import ASK, BID, Order
from .negotiation import CONFIRM_COMBO_MS, EXECUTE_COMBO_MS
from .order_checks import FOK, GTC
from .rejection import EXCHANGE, RejectionError
from .rfq import Quote, Rfq

if TYPE_CHECKING:
    from ..simulation import Exchange
    from ..world.listed import Market

FRESH_MS = 30_000
"""How long a maker's prices on a batch can win."""
MAX_OPEN = 20
"""Open batches of one member."""
MAX_CHILDREN = 20
KEPT = 200
"""Batches that are over and still remembered."""
Bids = Mapping[str, tuple[int, int]]
"""(YES bid, NO bid) in price units by the id of the child."""


@dataclass(slots=True, eq=False)
class BatchQuote:
    """One maker's prices for every child. ``since`` tells from when each of its bids stands, for equals."""

    batch_quote_id: str
    batch: Batch
    account: Account
    rest_remainder: bool
    post_only: bool
    created_ms: int
    sent_ms: int
    quotes: dict[str, Quote]
    since: dict[tuple[str, Side], int]
    status: str = "open"
    confirmed_ms: int = 0


@dataclass(slots=True, eq=False)
class Batch:
    """A member's request for prices on several combos at once."""

    batch_id: str
    serial: int
    account: Account
    rfqs: list[Rfq]
    obscured: bool
    client_batch_id: str
    created_ms: int
    updated_ms: int
    status: str = "open"
    accepted_ms: int = 0
    confirmed_ms: int = 0
    closed_ms: int = 0
    reason: str = ""
    accepted_side: Side | None = None
    accepted_as: str = ""
    won: dict[str, Quote] = field(default_factory=dict)
    quotes: dict[str, BatchQuote] = field(default_factory=dict)
    version: int = 0
    best: dict[tuple[str, Side], Quote] = field(default_factory=dict)
    best_ms: int = 0

    def complete(self, side: Side) -> bool:
        """Whether every child has a bid on a side."""
        return all((rfq.rfq_id, side) in self.best for rfq in self.rfqs)


@dataclass(frozen=True, slots=True)
class Child:
    """What a batch asks of one combo: count units, or micros to spend."""

    market: Market
    contracts: int
    target_cost: int


class Batches:
    """All batches of an exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._over: deque[str] = deque()
        self._serial = 0
        self.batches: dict[str, Batch] = {}

    # -- the requester -----------------------------------------------------------------------------------------

    def ask(
        self,
        account: Account,
        children: list[Child],
        now_ms: int,
        *,
        excludes_fees: bool = False,
        obscured: bool = False,
        replace: bool = False,
        client_batch_id: str = "",
    ) -> Batch:
        """Open a batch.

        Raises:
            RejectionError: 400 for children that can't be, 409 for a used ``client_batch_id`` or too many open.
        """
        if not 1 <= len(children) <= MAX_CHILDREN:
            raise RejectionError("invalid_parameters", f"children: takes 1 to {MAX_CHILDREN}")
        if len({child.market.ticker for child in children}) < len(children):
            raise RejectionError("invalid_parameters", "children: must be distinct combos")
        if any(not child.market.legs for child in children):
            raise RejectionError("invalid_parameters", "children: must be combos")
        if len({child.target_cost > 0 for child in children}) > 1:
            raise RejectionError("invalid_parameters", "children: all are sized by contracts, or all by target cost")
        if any(not self._exchange.engine.markets[child.market.ticker].is_open for child in children):
            raise RejectionError("MARKET_INACTIVE", service=EXCHANGE)
        mine = [batch for batch in self.batches.values() if batch.account.primary is account.primary]
        if client_batch_id and any(batch.client_batch_id == client_batch_id for batch in mine):
            raise RejectionError("rfq_batch_already_exists", status=409)
        waiting = [batch for batch in mine if batch.status == "open"]
        if len(waiting) >= MAX_OPEN:
            if not replace:
                raise RejectionError("too_many_rfq_batches", f"at most {MAX_OPEN} can be open", 409)
            self._close(waiting[0], now_ms, "replaced")
        negotiations = self._exchange.negotiations
        if negotiations.room(account) < len(children):
            raise RejectionError("too_many_rfqs", "the children are more requests than can be open", 409)
        self._serial += 1
        batch_id = negotiations.new_id()
        rfqs = [
            negotiations.ask(
                account,
                child.market,
                now_ms,
                contracts=child.contracts,
                target_cost=child.target_cost,
                excludes_fees=excludes_fees,
                obscured=obscured,
                batch_id=batch_id,
            )
            for child in children
        ]
        batch = Batch(batch_id, self._serial, account, rfqs, obscured, client_batch_id, now_ms, now_ms)
        self.batches[batch_id] = batch
        if self._exchange.hub is not None:
            self._exchange.hub.batches.created(batch)
        return batch

    def withdraw(self, batch: Batch, now_ms: int) -> None:
        """Close a batch. Raises RejectionError once it is accepted or closed."""
        if batch.status != "open":
            raise RejectionError("rfq_batch_closed", f"the batch is {batch.status}")
        self._close(batch, now_ms, "deleted")

    def accept(self, batch: Batch, side: Side, limits: Mapping[str, int], now_ms: int, key: str = "") -> None:
        """Take the best bid for a side on every child, none of them below its limit; all or none.

        Raises:
            RejectionError: 409 where bids became worse, 400 where a child has none or the balance doesn't cover all.
        """
        if batch.accepted_side is not None and key and key == batch.accepted_as:
            return  # the same accept once more
        if batch.status != "open":
            raise RejectionError("rfq_batch_closed", f"the batch is {batch.status}", 409)
        self._refresh(batch, now_ms)
        if limits.keys() != {rfq.rfq_id for rfq in batch.rfqs}:
            raise RejectionError("invalid_parameters", "min_bids: takes exactly one entry per child")
        if not batch.complete(side):
            raise RejectionError("rfq_batch_incomplete", f"not every child has a bid for {side}")
        won = {rfq.rfq_id: batch.best[rfq.rfq_id, side] for rfq in batch.rfqs}
        worse = [rfq_id for rfq_id, quote in won.items() if quote.bid(side) < limits[rfq_id]]
        if worse:
            raise RejectionError("rfq_batch_quotes_changed", ", ".join(worse), 409)
        self._check_balance(batch, won.values(), side)
        batch.status, batch.accepted_side, batch.accepted_as, batch.won = "accepted", side, key, won
        batch.accepted_ms = batch.updated_ms = now_ms
        for quote in won.values():
            quote.status, quote.accepted_side = "accepted", side
            quote.accepted_ms = quote.updated_ms = now_ms
        for offer in batch.quotes.values():
            self._sort_out(offer, now_ms)

    def _check_balance(self, batch: Batch, won: Iterable[Quote], side: Side) -> None:
        """Raise RejectionError unless the requester's money on each shard covers its children there, fees included."""
        needed: Counter[int] = Counter()
        for quote in won:
            unit, count, event = PRICE_UNITS - quote.bid(side), quote.count(side), quote.rfq.market.event
            needed[event.shard] += unit * count + event.fees.worst(unit, count)
        if any(batch.account.on(shard).available < micros for shard, micros in needed.items()):
            raise RejectionError("insufficient_balance", service=EXCHANGE)

    def _sort_out(self, offer: BatchQuote, now_ms: int) -> None:
        """After an accept: what a maker won stands, the rest of its quote is called off."""
        wins = [quote for quote in offer.quotes.values() if quote.status == "accepted"]
        for quote in offer.quotes.values():
            if quote.status == "open":
                self._exchange.negotiations.call_off(quote, now_ms, "another quote was accepted")
        if offer.status == "open":
            offer.status = "accepted" if wins else "cancelled"
            if wins and self._exchange.hub is not None:
                self._exchange.hub.batches.accepted(offer)

    # -- makers ------------------------------------------------------------------------------------------------

    def quote(
        self,
        account: Account,
        batch: Batch,
        bids: Bids,
        now_ms: int,
        *,
        rest_remainder: bool = False,
        post_only: bool = False,
    ) -> BatchQuote:
        """Price every child of a batch; replaces the maker's earlier prices, whose unchanged ones keep their time.

        Raises:
            RejectionError: a closed or own batch, a child without a price, or prices that can't be.
        """
        if batch.status != "open":
            raise RejectionError("rfq_batch_closed", f"the batch is {batch.status}", 409)
        if batch.account.primary is account.primary:
            raise RejectionError("invalid_parameters", "nobody quotes a batch of one's own")
        if bids.keys() != {rfq.rfq_id for rfq in batch.rfqs}:
            raise RejectionError("invalid_parameters", "quotes: takes exactly one entry per child")
        negotiations = self._exchange.negotiations
        for rfq in batch.rfqs:
            negotiations.check_bids(*bids[rfq.rfq_id])
        before = next(
            (q for q in batch.quotes.values() if q.account.primary is account.primary and q.status == "open"), None
        )
        since: dict[tuple[str, Side], int] = {}
        for rfq_id, (yes_bid, no_bid) in bids.items():
            for side, bid in (("yes", yes_bid), ("no", no_bid)):
                key: tuple[str, Side] = (rfq_id, "yes" if side == "yes" else "no")
                kept = before is not None and before.quotes[rfq_id].bid(key[1]) == bid
                since[key] = before.since[key] if kept and before is not None else now_ms
        if before is not None:
            self._cancel(before, now_ms, "replaced")
        quotes = {
            rfq.rfq_id: negotiations.new_quote(account, rfq, *bids[rfq.rfq_id], now_ms, rest_remainder, post_only)
            for rfq in batch.rfqs
        }
        made = BatchQuote(
            negotiations.new_id(), batch, account, rest_remainder, post_only, now_ms, now_ms, quotes, since
        )
        batch.quotes[made.batch_quote_id] = made
        if self._exchange.hub is not None:
            self._exchange.hub.batches.quoted(made)
        self._refresh(batch, now_ms)
        return made

    def withdraw_quote(self, offer: BatchQuote, now_ms: int) -> None:
        """Take prices back. Raises RejectionError once they were accepted or are over."""
        if offer.status != "open":
            raise RejectionError("invalid_parameters", f"the batch quote is {offer.status}")
        self._cancel(offer, now_ms, "deleted")
        self._refresh(offer.batch, now_ms)

    def _cancel(self, offer: BatchQuote, now_ms: int, reason: str) -> None:
        offer.status = "cancelled"
        for quote in offer.quotes.values():
            if quote.status in ("open", "accepted", "confirmed"):
                self._exchange.negotiations.call_off(quote, now_ms, reason)

    def confirm(self, offer: BatchQuote, now_ms: int) -> None:
        """A winner stands by its bids; the last one's yes starts the execution timer. Raises RejectionError if late."""
        if offer.status != "accepted":
            raise RejectionError("invalid_parameters", f"the batch quote is {offer.status}, not accepted", 409)
        offer.status, offer.confirmed_ms = "confirmed", now_ms
        for quote in offer.quotes.values():
            if quote.status == "accepted":
                quote.status, quote.confirmed_ms, quote.updated_ms = "confirmed", now_ms, now_ms
        batch = offer.batch
        batch.updated_ms = now_ms
        if all(quote.status == "confirmed" for quote in batch.won.values()):
            batch.confirmed_ms = now_ms

    # -- what is best ------------------------------------------------------------------------------------------

    def _refresh(self, batch: Batch, now_ms: int) -> None:
        """Find the best bids anew, and tell the requester where they changed."""
        fresh = [q for q in batch.quotes.values() if q.status == "open" and now_ms - q.sent_ms < FRESH_MS]
        best: dict[tuple[str, Side], Quote] = {}
        for rfq in batch.rfqs:
            for side in ("yes", "no"):
                named: Side = "yes" if side == "yes" else "no"
                offers = [q for q in fresh if q.quotes[rfq.rfq_id].count(named)]
                if offers:
                    chosen = min(
                        offers,
                        key=lambda q, rfq_id=rfq.rfq_id, side=named: (  # type: ignore[misc]
                            -q.quotes[rfq_id].bid(side), q.since[rfq_id, side],
                        ),
                    )  # fmt: skip
                    best[rfq.rfq_id, named] = chosen.quotes[rfq.rfq_id]
        answer = {key: quote.bid(key[1]) for key, quote in batch.best.items()}
        batch.best = best
        if answer != {key: quote.bid(key[1]) for key, quote in best.items()}:
            batch.version, batch.best_ms = batch.version + 1, now_ms
            if self._exchange.hub is not None:
                self._exchange.hub.batches.best_quotes(batch)

    # -- time --------------------------------------------------------------------------------------------------

    def advance(self, now_ms: int) -> None:
        """Let prices lapse, void what wasn't confirmed in time, execute what is due, close what has no market."""
        for batch in [b for b in self.batches.values() if b.status != "closed"]:
            if batch.confirmed_ms:
                if now_ms - batch.confirmed_ms >= EXECUTE_COMBO_MS:
                    self._execute(batch, now_ms)
            elif batch.status == "accepted":
                if now_ms - batch.accepted_ms > CONFIRM_COMBO_MS:
                    self._close(batch, now_ms, "not confirmed in time")
            elif any(not self._exchange.engine.markets[rfq.market.ticker].is_open for rfq in batch.rfqs):
                self._close(batch, now_ms, "market closed")
            else:
                self._refresh(batch, now_ms)

    def _execute(self, batch: Batch, now_ms: int) -> None:
        """Put the makers' orders on the books, then fill them all, if all can be filled."""
        engine, side = self._exchange.engine, batch.accepted_side
        if side is None:
            raise ValueError("only an accepted batch is executed")
        makers: dict[str, Order] = {}
        try:
            if not all(self._exchange.is_trading(rfq.market.event.shard) for rfq in batch.rfqs):
                raise RejectionError("trading_is_paused", status=409, service=EXCHANGE)
            for rfq_id, quote in batch.won.items():
                makers[rfq_id] = self._place(quote, side, now_ms, taker=False)
            self._check_balance(batch, batch.won.values(), side)
            if any(order.remaining < batch.won[rfq_id].count(side) for rfq_id, order in makers.items()):
                raise RejectionError("quote_executed_elsewhere", "a maker's order met another one first")
        except RejectionError as rejection:
            engine.cancel_many(makers.values(), now_ms)
            self._close(batch, now_ms, rejection.details or rejection.message)
            return
        done: list[str] = []
        for rfq_id, quote in batch.won.items():
            try:
                taker = self._place(quote, side, now_ms, taker=True)
            except RejectionError as rejection:
                quote.reason = rejection.details or rejection.message
                continue
            quote.maker_order_id, quote.taker_order_id = makers[rfq_id].order_id, taker.order_id
            quote.status, quote.executed_ms, quote.updated_ms = "executed", now_ms, now_ms
            done.append(rfq_id)
            if self._exchange.hub is not None:
                self._exchange.hub.quotes.executed(quote, makers[rfq_id], taker)
        engine.cancel_many((o for r, o in makers.items() if not (batch.won[r].rest_remainder and r in done)), now_ms)
        for offer in batch.quotes.values():
            if offer.status == "confirmed":
                wins = [quote for quote in offer.quotes.values() if quote.confirmed_ms]
                filled = sum(quote.status == "executed" for quote in wins)
                offer.status = "executed" if filled == len(wins) else "partially_executed" if filled else "cancelled"
        self._close(batch, now_ms, "executed" if len(done) == len(batch.won) else "partially executed")

    def _place(self, quote: Quote, side: Side, now_ms: int, *, taker: bool) -> Order:
        price = quote.yes_bid if side == "yes" else PRICE_UNITS - quote.no_bid
        book_side = BID if (side == "yes") != taker else ASK
        account = quote.rfq.account if taker else quote.account
        return self._exchange.engine.submit(
            account, quote.rfq.market.ticker, book_side, price, quote.count(side), now_ms,
            client_order_id=self._exchange.negotiations.new_id(), post_only=quote.post_only and not taker,
            time_in_force=FOK if taker else GTC,
        )  # fmt: skip

    def _close(self, batch: Batch, now_ms: int, reason: str) -> None:
        was = batch.status
        batch.status, batch.reason = "closed", reason
        batch.closed_ms = batch.updated_ms = now_ms
        for offer in batch.quotes.values():
            if offer.status in ("open", "accepted", "confirmed"):
                self._cancel(offer, now_ms, f"batch {reason}")
        for rfq in batch.rfqs:
            executed = any(quote.status == "executed" for quote in rfq.quotes.values())
            self._exchange.negotiations.close(rfq, now_ms, "executed" if executed else reason)
        if self._exchange.hub is not None:
            if was == "accepted":
                self._exchange.hub.batches.ended(batch, now_ms)
            self._exchange.hub.batches.deleted(batch, now_ms)
        self._over.append(batch.batch_id)
        if len(self._over) > KEPT:
            del self.batches[self._over.popleft()]
