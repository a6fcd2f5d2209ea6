"""Order books: those that are watched from memory, the others read at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .. import lookup
from .book_results import BookAnswer, BookView

if TYPE_CHECKING:
    from prediction_mcp.kalshi.models.markets import Orderbook

    from ..account import Account


async def books_of(account: Account, names: Sequence[str], depth: int) -> tuple[BookAnswer, dict[str, Orderbook]]:
    """The books as they are shown, and whole.

    Raises:
        NotFoundError: there is no such market.
    """
    watched = {name: book for name in names if (book := account.feeds.book(name)) is not None}
    missing = [name for name in names if name not in watched]
    books = await account.kalshi.markets.orderbooks(missing) if missing else {}
    for name in missing:
        if name not in books or not (books[name].yes_dollars or books[name].no_dollars):
            await lookup.market(account, name)  # an unknown ticker has an empty book too: say so instead
    books |= watched
    shown = [BookView.of(name, books[name], depth, watched=name in watched) for name in names if name in books]
    return BookAnswer(source=account.environment, books=shown), books
