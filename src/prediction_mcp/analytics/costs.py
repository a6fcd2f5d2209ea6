"""What an order costs before it is sent: exact fees, worst case, break-even."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol


class Fees(Protocol):
    """What a platform takes for a trade."""

    def fee(self, price: Decimal, count: Decimal, *, is_taker: bool, closing: bool = False) -> Decimal:
        """Dollars, when ``count`` contracts fill at once at ``price`` dollars."""


@dataclass(frozen=True, slots=True)
class OrderCost:
    """All in dollars. ``pays`` is what opening costs without the fee; ``receives`` what closing brings before it."""

    pays: Decimal
    receives: Decimal
    taker_fee: Decimal
    maker_fee: Decimal
    max_loss: Decimal
    max_profit: Decimal
    break_even: Decimal


def order_cost(fees: Fees, price: Decimal, count: Decimal, *, buying: bool) -> OrderCost:
    """Cost of buying or selling ``count`` contracts of a side at ``price`` dollars each, as a taker.

    Buying: worst case p·c + fee, best (1 − p)·c − fee, break-even probability (p·c + fee) / c.
    Selling a side you don't hold is buying the other at 1 − p: worst case (1 − p)·c + fee, best p·c − fee, and the
    sale pays while the side's true probability is below (p·c − fee) / c.
    """
    taker = fees.fee(price, count, is_taker=True, closing=not buying)
    maker = fees.fee(price, count, is_taker=False, closing=not buying)
    at_price, rest = price * count, (1 - price) * count
    if buying:
        return OrderCost(at_price, Decimal(0), taker, maker, at_price + taker, rest - taker, (at_price + taker) / count)
    return OrderCost(rest, at_price, taker, maker, rest + taker, at_price - taker, (at_price - taker) / count)
