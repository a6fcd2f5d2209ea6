"""Requests for quotes: a member asks for a price, makers quote in private, one quote is accepted, confirmed, executed.

Accepting a side takes the quoter's bid for that side: the quoter buys it, the requester buys the other. After the
confirmation the orders go to the public book, the quoter's first. Combos have the short windows. A quote that isn't
confirmed in time stays ``accepted`` and nothing comes of it. Requests and their quotes survive a restart; those of a
batch don't, which is called off with it. Answers are those recorded in ``production/rfq_demo``.
"""

from __future__ import annotations

import hashlib
import random
import uuid
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from prediction_mcp.kalshi.units import PRICE_UNITS
from prediction_mcp.net.sides import Side

from .ledger import Account
from .matching import ASK, BID
from .order_checks import GTC, IOC
from .rejection import EXCHANGE, MIDLAND, RejectionError, not_found
from .rfq import Quote, Rfq

if TYPE_CHECKING:
    from ..simulation import Exchange
    from ..world.listed import Market

MAX_OPEN = 100
"""Open requests one member can have."""
CONFIRM_MS, CONFIRM_COMBO_MS = 30_000, 3_000
EXECUTE_MS, EXECUTE_COMBO_MS = 15_000, 1_000
KEPT = 1_000
"""Requests that are over and still remembered."""


def communications_id(account: Account | None) -> str:
    """The pseudonym of a member; None gives the one shared by those who want none."""
    return hashlib.sha256(b"" if account is None else account.primary.account_id.encode()).hexdigest()


class Negotiations:
    """All requests and quotes of an exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._rng = random.Random(f"negotiations/{exchange.seed}/{exchange.clock()}")
        self._next_serial = 1
        self._over: deque[Rfq] = deque()
        self.rfqs: dict[str, Rfq] = {}
        self.quotes: dict[str, Quote] = {}

    def new_id(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    def _serial(self) -> int:
        self._next_serial += 1
        return self._next_serial - 1

    def take_in(self, rfqs: Iterable[Rfq]) -> None:
        """Requests as they were before a restart, oldest first."""
        for rfq in rfqs:
            self.rfqs[rfq.rfq_id] = rfq
            self.quotes.update(rfq.quotes)
            self._next_serial = max(self._next_serial, rfq.serial + 1, *(q.serial + 1 for q in rfq.quotes.values()))
            if rfq.status != "open":
                self._over.append(rfq)

    def _changed(self, rfq: Rfq) -> None:
        """It isn't any more as it is on disk."""
        if not rfq.batch_id:
            self._exchange.changes.rfqs[rfq] = None

    # -- requests ----------------------------------------------------------------------------------------------

    def ask(
        self,
        account: Account,
        market: Market,
        now_ms: int,
        *,
        contracts: int = 0,
        target_cost: int = 0,
        excludes_fees: bool = False,
        obscured: bool = False,
        rest_remainder: bool = False,
        replace: bool = False,
        batch_id: str = "",
    ) -> Rfq:
        """Open a request; exactly one of ``contracts`` (count units) and ``target_cost`` (micros) is positive.

        Raises:
            RejectionError: 400 for a closed market, 409 for a second open request on the market. Children of a batch
                were checked with it, all of them before the first is opened.
        """
        if not self._exchange.engine.markets[market.ticker].is_open:
            raise RejectionError("MARKET_INACTIVE", "market is not accepting orders")
        mine = [r for r in self.open_rfqs() if r.account.primary is account.primary]
        same = [r for r in mine if r.market is market and not (r.batch_id or batch_id)]
        if same and not replace:
            raise RejectionError("already_exists", status=409, service=MIDLAND)
        if len(mine) - len(same) >= MAX_OPEN and not batch_id:
            raise RejectionError("too_many_rfqs", f"at most {MAX_OPEN} RFQs can be open")
        for old in same:
            self.withdraw(old, now_ms, "replaced")
        rfq = Rfq(
            rfq_id=self.new_id(),
            account=account,
            market=market,
            contracts=contracts,
            target_cost=target_cost,
            excludes_fees=excludes_fees,
            obscured=obscured,
            rest_remainder=rest_remainder,
            created_ms=now_ms,
            updated_ms=now_ms,
            serial=self._serial(),
            batch_id=batch_id,
        )
        self.rfqs[rfq.rfq_id] = rfq
        self._changed(rfq)
        if self._exchange.hub is not None and not batch_id:
            self._exchange.hub.quotes.asked(rfq)
        return rfq

    def room(self, account: Account) -> int:
        """How many more requests a member can open."""
        return MAX_OPEN - sum(rfq.account.primary is account.primary for rfq in self.open_rfqs())

    def open_rfqs(self) -> Iterable[Rfq]:
        return (rfq for rfq in self.rfqs.values() if rfq.status == "open")

    def withdraw(self, rfq: Rfq, now_ms: int, reason: str = "deleted") -> None:
        """Close a request and call its quotes off. Raises RejectionError once a quote is confirmed or it is closed."""
        if rfq.status != "open":
            raise RejectionError("RFQ_CLOSED", "the RFQ is closed")
        if rfq.batch_id:
            raise RejectionError("rfq_in_batch", "the RFQ belongs to a batch: close the batch", 400)
        if rfq.locked is not None and rfq.locked.status == "confirmed":
            raise RejectionError("RFQ_CLOSED", "a confirmed quote is about to be executed")
        self.close(rfq, now_ms, reason)

    def close(self, rfq: Rfq, now_ms: int, reason: str) -> None:
        """End a request, whatever became of it; its open quotes end with it."""
        rfq.status, rfq.updated_ms, rfq.reason = "closed", now_ms, reason
        if reason != "executed":
            rfq.cancelled_ms = now_ms
        for quote in rfq.quotes.values():
            if quote.status in ("open", "accepted") and not quote.lapsed:
                self.call_off(quote, now_ms, f"rfq {reason}")
        if self._exchange.hub is not None and not rfq.batch_id:
            self._exchange.hub.quotes.withdrawn(rfq, now_ms)
        self._changed(rfq)
        self._over.append(rfq)
        if len(self._over) > KEPT:
            oldest = self._over.popleft()
            oldest.forgotten = True
            self._changed(oldest)
            del self.rfqs[oldest.rfq_id]
            for quote_id in oldest.quotes:
                del self.quotes[quote_id]

    # -- quotes ------------------------------------------------------------------------------------------------

    def quote(
        self,
        account: Account,
        rfq: Rfq,
        yes_bid: int,
        no_bid: int,
        now_ms: int,
        *,
        rest_remainder: bool = False,
        post_only: bool = False,
    ) -> Quote:
        """Quote a request; replaces the maker's earlier quote on it.

        Raises:
            RejectionError: a closed or own request, both sides declined, or more than $1 together.
        """
        if rfq.batch_id:
            raise RejectionError("rfq_in_batch", "the RFQ belongs to a batch: quote the batch")
        if rfq.status != "open" or rfq.locked is not None:
            raise RejectionError("RFQ_CLOSED", "the RFQ is closed or has an accepted quote")
        if rfq.account.primary is account.primary:
            raise RejectionError("invalid_parameters", "nobody quotes an RFQ of one's own")
        self.check_bids(yes_bid, no_bid)
        for old in rfq.quotes.values():
            if old.account.primary is account.primary and old.status == "open":
                self.call_off(old, now_ms, "replaced")
        quote = self.new_quote(account, rfq, yes_bid, no_bid, now_ms, rest_remainder, post_only)
        self._tell("quote_created", quote)
        return quote

    @staticmethod
    def check_bids(yes_bid: int, no_bid: int) -> None:
        """Check that a side is quoted and both cost $1 at most; the market's grid counts when orders are made of them.

        Raises:
            RejectionError: both sides are declined, or they cost more than $1 together.
        """
        if not (yes_bid or no_bid) or yes_bid + no_bid > PRICE_UNITS:
            raise RejectionError("invalid_parameters", "one bid must be positive, and both together at most $1")

    def new_quote(
        self,
        account: Account,
        rfq: Rfq,
        yes_bid: int,
        no_bid: int,
        now_ms: int,
        rest_remainder: bool,
        post_only: bool,
    ) -> Quote:
        """A quote as it was checked, taken into the books."""
        quote = Quote(
            quote_id=self.new_id(),
            rfq=rfq,
            account=account,
            yes_bid=yes_bid,
            no_bid=no_bid,
            rest_remainder=rest_remainder,
            post_only=post_only,
            created_ms=now_ms,
            updated_ms=now_ms,
            serial=self._serial(),
        )
        self._changed(rfq)
        rfq.quotes[quote.quote_id] = self.quotes[quote.quote_id] = quote
        return quote

    def withdraw_quote(self, quote: Quote, now_ms: int) -> None:
        """Take a quote back. Raises RejectionError (404) once it is accepted or over."""
        self._check_single(quote)
        if quote.status != "open":
            raise not_found(service=MIDLAND)
        self.call_off(quote, now_ms, "deleted")

    @staticmethod
    def _check_single(quote: Quote) -> None:
        if quote.rfq.batch_id:
            raise RejectionError("rfq_in_batch", "the quote belongs to a batch quote, which goes as a whole")

    def call_off(self, quote: Quote, now_ms: int, reason: str) -> None:
        quote.status, quote.reason = "cancelled", reason
        self._changed(quote.rfq)
        quote.cancelled_ms = quote.updated_ms = now_ms

    def accept(self, quote: Quote, side: Side, now_ms: int) -> None:
        """The requester takes the quote's bid for a side. Raises RejectionError when that isn't to be had."""
        self._check_single(quote)
        if quote.rfq.status != "open" or quote.rfq.locked is not None:
            raise RejectionError("RFQ_CLOSED", "the RFQ is closed or has an accepted quote")
        if quote.status != "open":
            raise RejectionError("invalid_parameters", f"the quote is {quote.status}")
        count = quote.count(side)
        if not count:
            raise RejectionError("invalid_parameters", f"the quote has no bid for {side}, or the target buys nothing")
        unit = PRICE_UNITS - (quote.yes_bid if side == "yes" else quote.no_bid)
        market = quote.rfq.market
        account = self._exchange.engine.on_shard(quote.rfq.account, market.event.shard)
        if account.available < unit * count and not account.holding(market.ticker).position:
            raise RejectionError("insufficient_balance", service=EXCHANGE)
        quote.status, quote.accepted_side = "accepted", side
        self._changed(quote.rfq)
        quote.accepted_ms = quote.updated_ms = now_ms
        self._tell("quote_accepted", quote)

    def confirm(self, quote: Quote, now_ms: int) -> None:
        """The quoter stands by an accepted quote: it is executed when the timer ends. Raises RejectionError if late."""
        self._check_single(quote)
        if quote.status != "accepted":
            raise RejectionError("invalid_parameters", f"the quote is {quote.status}, not accepted")
        if quote.lapsed or self._is_late(quote, now_ms):
            raise RejectionError("expired", service=MIDLAND)
        quote.status = "confirmed"
        self._changed(quote.rfq)
        quote.confirmed_ms = quote.updated_ms = now_ms

    # -- time --------------------------------------------------------------------------------------------------

    @staticmethod
    def _is_late(quote: Quote, now_ms: int) -> bool:
        return now_ms - quote.accepted_ms > (CONFIRM_COMBO_MS if quote.rfq.market.legs else CONFIRM_MS)

    def advance(self, now_ms: int) -> None:
        """Void what wasn't confirmed in time, execute what is due, close what has no market any more."""
        for rfq in [rfq for rfq in self.open_rfqs() if not rfq.batch_id]:
            quote = rfq.locked
            if quote is not None and quote.status == "confirmed":
                if now_ms - quote.confirmed_ms >= (EXECUTE_COMBO_MS if rfq.market.legs else EXECUTE_MS):
                    self._execute(quote, now_ms)
            elif not self._exchange.engine.markets[rfq.market.ticker].is_open:
                self.close(rfq, now_ms, "market closed")
            elif quote is not None and self._is_late(quote, now_ms):
                quote.lapsed = True
                self._changed(rfq)

    def _execute(self, quote: Quote, now_ms: int) -> None:
        """Put both orders on the book, the quoter's first; what doesn't fit any more calls the quote off."""
        engine, rfq, side = self._exchange.engine, quote.rfq, quote.accepted_side
        if side is None:
            raise ValueError("only an accepted quote is executed")
        price = quote.yes_bid if side == "yes" else PRICE_UNITS - quote.no_bid
        book_side, count, ticker = BID if side == "yes" else ASK, quote.count(side), rfq.market.ticker
        try:
            if not self._exchange.is_trading(rfq.market.event.shard):
                raise RejectionError("trading_is_paused", status=409, service=EXCHANGE)
            maker = engine.submit(
                quote.account,
                ticker,
                book_side,
                price,
                count,
                now_ms,
                post_only=quote.post_only,
                client_order_id=self.new_id(),
            )
            quote.maker_order_id = maker.order_id
            try:
                taker = engine.submit(
                    rfq.account, ticker, -book_side, price, count, now_ms,
                    time_in_force=GTC if rfq.rest_remainder else IOC, client_order_id=self.new_id(),
                )  # fmt: skip
                quote.taker_order_id = taker.order_id
            except RejectionError:
                engine.cancel_many([maker], now_ms)  # without the other half there is no trade to rest a remainder of
                raise
            if not quote.rest_remainder:
                engine.cancel_many([maker], now_ms)
        except RejectionError as rejection:
            self.call_off(quote, now_ms, rejection.details or rejection.message)
            return
        quote.status, quote.executed_ms, quote.updated_ms = "executed", now_ms, now_ms
        if self._exchange.hub is not None:
            self._exchange.hub.quotes.executed(quote, maker, taker)
        self.close(rfq, now_ms, "executed")

    def _tell(self, kind: str, quote: Quote) -> None:
        if self._exchange.hub is not None:
            self._exchange.hub.quotes.told(kind, quote)
