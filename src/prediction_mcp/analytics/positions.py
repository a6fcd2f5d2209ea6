"""What an open position is worth now."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Mark:
    """A position at the price it could be sold for now; None where nobody bids."""

    exit_price: Decimal | None
    value: Decimal | None
    unrealized: Decimal | None


def mark(position: Decimal, cost: Decimal, yes_bid: Decimal | None, yes_ask: Decimal | None) -> Mark:
    """Value a signed position (YES > 0, NO < 0) at the best price on the other side, before fees.

    YES is sold to the YES bid; NO is sold to the NO bid, which is 1 − the YES ask. Without a bid there is no value:
    none is made up.
    """
    no_bid = None if yes_ask is None else 1 - yes_ask
    exit_price = yes_bid if position > 0 else no_bid
    if exit_price is None or not position:
        return Mark(None, None, None)
    value = abs(position) * exit_price
    return Mark(exit_price, value, value - cost)
