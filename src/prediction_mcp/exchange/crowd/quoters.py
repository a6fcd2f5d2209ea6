"""The crowd at requests for quotes: makers that answer and confirm, takers that ask and accept what is fair."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from prediction_mcp.kalshi.units import COUNT_UNITS, PRICE_UNITS

from ..engine.rfq import Quote, Rfq

if TYPE_CHECKING:
    from ..simulation import Exchange

ASK_EVERY_MS = 20_000
"""Mean time between two requests of the crowd."""
PATIENCE_MS = 60_000
"""How long a request of the crowd stays open."""
CONCESSION = 300
"""Price units that a requester gives up against the fair value."""
RESEND_MS = 20_000
"""How old a maker lets its prices on a batch become."""


class Quoters:
    """Answers members' requests, and makes requests that members can quote."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._crowd = exchange.crowd
        self._rng = random.Random(f"quoters/{exchange.seed}/{exchange.engine.sequence}")
        self._last_ms = 0

    def step(self, now_ms: int) -> None:
        """Do what the crowd has to do about requests."""
        negotiations = self._exchange.negotiations
        for rfq in [rfq for rfq in negotiations.open_rfqs() if not rfq.batch_id]:
            quote = rfq.locked
            if quote is not None:
                if quote.status == "accepted" and quote.account in self._crowd.makers:
                    negotiations.confirm(quote, now_ms)
            elif rfq.account in self._crowd.takers:
                self._consider(rfq, now_ms)
            else:
                self._answer(rfq, now_ms)
        self._answer_batches(now_ms)
        elapsed, self._last_ms = now_ms - self._last_ms if self._last_ms else 0, now_ms
        if self._rng.random() < min(elapsed / ASK_EVERY_MS, 0.5):
            self._ask(now_ms)

    def _answer(self, rfq: Rfq, now_ms: int) -> None:
        """Every maker that hasn't quoted a request does, a little wide of the fair value."""
        quoted = [quote.account for quote in rfq.quotes.values()]
        for index, maker in enumerate(self._crowd.makers):
            if maker in quoted:
                continue
            yes, no = self._bids(rfq, index)
            if yes or no:
                self._exchange.negotiations.quote(maker, rfq, yes, no, now_ms)

    def _bids(self, rfq: Rfq, index: int) -> tuple[int, int]:
        """What a maker bids for both outcomes."""
        grid, fair = rfq.market.grid, self._crowd.fair_price(rfq.market)
        width = 100 * (1 + index) + self._rng.randrange(100)
        yes = grid.at_or_below(fair - width) or 0
        ask = grid.at_or_above(fair + width)
        return yes, PRICE_UNITS - ask if ask is not None else 0

    def _answer_batches(self, now_ms: int) -> None:
        """Makers price members' batches whole, again before the prices lapse, and stand by what they won."""
        batches = self._exchange.batches
        for batch in [b for b in batches.batches.values() if b.status != "closed" and b.account.keeps_history]:
            for index, maker in enumerate(self._crowd.makers):
                own = next((q for q in batch.quotes.values() if q.account is maker and q.status != "cancelled"), None)
                if batch.status == "accepted":
                    if own is not None and own.status == "accepted":
                        batches.confirm(own, now_ms)
                elif own is None or now_ms - own.sent_ms > RESEND_MS:
                    bids = {rfq.rfq_id: self._bids(rfq, index) for rfq in batch.rfqs}
                    if all(yes or no for yes, no in bids.values()):
                        batches.quote(maker, batch, bids, now_ms)

    def _consider(self, rfq: Rfq, now_ms: int) -> None:
        """Accept the best quote that is fair enough; give up after a while."""
        fair = self._crowd.fair_price(rfq.market)

        def concession(quote: Quote) -> int:
            """What the requester gives up by selling YES to the quoter's bid."""
            return fair - quote.yes_bid

        offers = [q for q in rfq.quotes.values() if q.status == "open" and q.count("yes")]
        best = min(offers, key=concession, default=None)
        if best is not None and concession(best) <= CONCESSION:
            self._exchange.negotiations.accept(best, "yes", now_ms)
        elif now_ms - rfq.created_ms > PATIENCE_MS:
            self._exchange.negotiations.withdraw(rfq, now_ms)

    def _ask(self, now_ms: int) -> None:
        """One taker asks for quotes on some open market, mostly combos."""
        listed = [m for m in self._exchange.catalogue.markets.values() if m.status == "active"]
        combos = [m for m in listed if m.legs]
        if not listed:
            return
        market = self._rng.choice(combos if combos and self._rng.random() < 0.8 else listed)
        taker = self._rng.choice(self._crowd.takers)
        if any(r.account is taker and r.market is market for r in self._exchange.negotiations.open_rfqs()):
            return
        count = self._rng.choice((10, 25, 50, 100)) * COUNT_UNITS
        self._exchange.negotiations.ask(taker, market, now_ms, contracts=count)
