"""A request for quotes and its quotes: what they are, and what they come to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prediction_mcp.kalshi.units import PRICE_UNITS
from prediction_mcp.net.sides import Side

from .ledger import Account

if TYPE_CHECKING:
    from ..world.listed import Market


@dataclass(slots=True, eq=False)
class Quote:
    """A maker's two bids for the whole of a request. Prices in price units; 0 declines a side."""

    quote_id: str
    rfq: Rfq
    account: Account
    yes_bid: int
    no_bid: int
    rest_remainder: bool
    post_only: bool
    created_ms: int
    updated_ms: int
    serial: int
    status: str = "open"
    accepted_side: Side | None = None
    accepted_ms: int = 0
    confirmed_ms: int = 0
    executed_ms: int = 0
    cancelled_ms: int = 0
    reason: str = ""
    maker_order_id: str = ""
    taker_order_id: str = ""
    lapsed: bool = False
    """Accepted and not confirmed in time: it reads as accepted for ever, and nothing comes of it."""

    def bid(self, side: Side) -> int:
        return self.yes_bid if side == "yes" else self.no_bid

    def count(self, side: Side) -> int:
        """Count units that the request comes to when this side is accepted; 0 where it is declined."""
        bid = self.yes_bid if side == "yes" else self.no_bid
        return self.rfq.count_at(PRICE_UNITS - bid) if bid else 0


@dataclass(slots=True, eq=False)
class Rfq:
    """A member's request: so many contracts, or as many as ``target_cost`` micros buy."""

    rfq_id: str
    account: Account
    market: Market
    contracts: int
    target_cost: int
    excludes_fees: bool
    obscured: bool
    rest_remainder: bool
    created_ms: int
    updated_ms: int
    serial: int
    status: str = "open"
    cancelled_ms: int = 0
    reason: str = ""
    batch_id: str = ""
    """Of the batch it is a child of; then it is quoted and accepted with that only."""
    quotes: dict[str, Quote] = field(default_factory=dict)
    forgotten: bool = False
    """Over for so long that nothing remembers it."""

    def count_at(self, unit: int) -> int:
        """Count units at a price (price units a contract) that the requester pays."""
        if not self.target_cost:
            return self.contracts
        count = self.target_cost // unit
        fees = self.market.event.fees
        while not self.excludes_fees and count and count * unit + fees.worst(unit, count) > self.target_cost:
            over = count * unit + fees.worst(unit, count) - self.target_cost
            count -= max(1, over // (PRICE_UNITS + unit))  # a contract costs less than $2 with its fee
        return count

    @property
    def locked(self) -> Quote | None:
        """The quote that was accepted and isn't over yet."""
        taken = (q for q in self.quotes.values() if q.status in ("accepted", "confirmed") and not q.lapsed)
        return next(taken, None)
