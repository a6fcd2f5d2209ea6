"""Numbers as people read them, printed in one way."""

from __future__ import annotations

from decimal import Decimal


def printed(number: Decimal) -> str:
    """Every digit and no more: 10, 2.5; never an exponent."""
    text = str(number)
    if "E" in text:  # tenfold and tiny ones; all others are told several times as fast
        return f"{number.normalize():f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def cents(price: Decimal | None) -> str:
    """A price in dollars as people say it: 42¢; "nothing" where nobody quotes."""
    return "nothing" if price is None else f"{printed(price * 100)}¢"
