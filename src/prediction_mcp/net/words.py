"""Numbers as people read them, printed in one way."""

from __future__ import annotations

from decimal import Decimal


def printed(number: Decimal) -> str:
    """Every digit and no more: 10, 2.5; never an exponent."""
    return f"{number.normalize():f}"


def cents(price: Decimal | None) -> str:
    """A price in dollars as people say it: 42¢; "nothing" where nobody quotes."""
    return "nothing" if price is None else f"{printed(price * 100)}¢"
