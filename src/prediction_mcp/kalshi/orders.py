"""The human order (yes/no, buy/sell, price of that side) and the book order (bid/ask in YES dollars), and back.

YES and NO are one book: who buys NO at q sells YES at 1 − q. Getting this inversion wrong bets the other way, so it
is written once, here, as a table, and tested for all four orders in both directions:

===========  ============
human        book
===========  ============
buy YES @p   bid @p
sell YES @p  ask @p
buy NO @p    ask @1 − p
sell NO @p   bid @1 − p
===========  ============
"""

from __future__ import annotations

from decimal import Decimal

from prediction_mcp.net.sides import Action, BookSide, Side
from prediction_mcp.net.words import cents

from .errors import InvalidOrderError
from .units import PriceGrid, parse_count, parse_price, price_decimal

_TO_BOOK: dict[tuple[Side, Action], BookSide] = {
    ("yes", "buy"): "bid",
    ("yes", "sell"): "ask",
    ("no", "buy"): "ask",
    ("no", "sell"): "bid",
}
_TO_ACTION: dict[tuple[Side, BookSide], Action] = {(side, book): action for (side, action), book in _TO_BOOK.items()}

ONE = Decimal(1)
SIDES: tuple[Side, Side] = ("yes", "no")


def book_side(side: Side, action: Action) -> BookSide:
    """Which side of the one book a human order stands on."""
    return _TO_BOOK[side, action]


def action_for(side: Side, book: BookSide) -> Action:
    """The action that a book order is when it is spoken of from ``side``: a bid is buying YES or selling NO."""
    return _TO_ACTION[side, book]


def yes_price(side: Side, price: Decimal) -> Decimal:
    """Price of ``side`` in YES dollars; its own inverse."""
    return price if side == "yes" else ONE - price


def to_book(side: Side, action: Action, price: Decimal) -> tuple[BookSide, Decimal]:
    """Human order to (book side, YES price in dollars)."""
    return book_side(side, action), yes_price(side, price)


def from_book(book: BookSide, price: Decimal, side: Side) -> tuple[Action, Decimal]:
    """Book order to (action, price in dollars) as seen from ``side``; undoes :func:`to_book`."""
    return action_for(side, book), yes_price(side, price)


def check_price(price: Decimal, side: Side, grid: PriceGrid) -> int:
    """YES price units of a price in dollars of ``side``, once it is known to be on the market's grid.

    Raises:
        InvalidOrderError: not between $0 and $1, or not on the market's grid; the nearest prices are named.
    """
    try:
        units = parse_price(yes_price(side, price))
    except ValueError as error:
        raise InvalidOrderError(f"The price {cents(price)} is not a price: {error}.") from None
    if units in grid:
        return units
    near = [yes_price(side, price_decimal(n)) for n in grid.neighbours(units) if n is not None]
    hint = " or ".join(cents(p) for p in sorted(set(near)))
    raise InvalidOrderError(f"This market takes no price of {cents(price)}: the nearest it takes is {hint}.")


def check_count(count: Decimal, *, fractional: bool = True) -> int:
    """Count units of a number of contracts.

    Raises:
        InvalidOrderError: zero, negative, finer than 0.01, or fractional where the market trades whole contracts.
    """
    try:
        units = parse_count(count)
    except ValueError as error:
        raise InvalidOrderError(f"The count {count} is not a number of contracts: {error}.") from None
    if units <= 0:
        raise InvalidOrderError(f"The count must be more than zero, not {count}.")
    if not fractional and units % 100:
        raise InvalidOrderError(f"This market trades whole contracts: {count} is not whole.")
    return units


def in_words(book: BookSide, price: Decimal) -> str:
    """A book order as people say it, from both sides: "buy yes at 42¢ (= sell no at 58¢)"."""
    seen = [(side, *from_book(book, price, side)) for side in SIDES]
    texts = [f"{action} {side} at {cents(at)}" for side, action, at in seen]
    if book == "ask":
        texts.reverse()
    return f"{texts[0]} (= {texts[1]})"
